/** What the page says of each task, and what a person's keys mean in it. */

const direction = (held) => held.has("right") - held.has("left");

export const TASKS = {
  carracing: {
    title: "The dream of a car",
    about:
      "M has seen a car that drove at random, and one that an agent drove. It dreams of roads, of grass and of how the " +
      "car moves. The first frame is a real one. All that follows is made up. This M knows of no crash and no end: a " +
      "dream stops after 1,000 frames.",
    keys: "Arrow keys or WASD: steer, gas, brake. R: restart.",
    hint: "At 0.1 the road hardly changes. At 2 bends come and go, and at times the road is lost.",
    holds: ["left", "right", "down", "up"],
    // as in carracing/env.py
    action: (held) => [direction(held), Number(held.has("up")), 0.8 * held.has("down")],
    meters: [["steer", -1], ["gas", 0], ["brake", 0]], // name and lowest value of each number; the highest is 1
  },
  doomrnn: {
    title: "The dream of Doom",
    about:
      "Monsters at the far wall throw fireballs. Step aside, and stay alive. M has learned the room, the fireballs " +
      "and the end. C has learned in this dream alone, and plays the real game too. To last 750 frames is to solve it.",
    keys: "Arrow keys or A and D: left, right. R: restart.",
    hint:
      "At 0.1 few fireballs come, and C nearly always lives to the end. At 2 there are many. The slider starts where " +
      "C learned.",
    holds: ["left", "right"],
    action: (held) => [direction(held)],
    meters: [["move", -1]],
  },
};
