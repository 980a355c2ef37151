/** The page of a dream. */

import { Dream } from "./dream.js";
import { Hands } from "./hands.js";
import { TASKS } from "./tasks.js";

const page = document.querySelector("#dream-page");
const part = (name) => page.querySelector(name);
const slider = part(".temperature input");
const notice = part(".notice");

let dream = null; // null: none is shown
let task = null;
let paused = false;
let restarting = false;

const hands = new Hands(part(".pad"), {
  active: () => !page.hidden,
  means: (name) => task?.holds.includes(name),
  onHold: () => letPlay(false), // who presses a key wants to play
  onRestart: restart,
});
part(".switch").addEventListener("click", () => letPlay(part(".switch").ariaChecked !== "true"));
part(".restart").addEventListener("click", restart);
part(".again").addEventListener("click", restart);
part(".pause").addEventListener("click", () => pause(!paused));
slider.addEventListener("input", showTemperature);
slider.addEventListener("pointerup", () => slider.blur()); // the arrow keys are for playing again

/** Show the dream of an agent, until another one is shown or `leave` is called. */
export function enter(agent) {
  const mine = new Dream(agent);
  dream = mine;
  task = TASKS[agent.about.name];
  part("h2").textContent = task.title;
  for (const name of ["about", "keys", "hint"]) part(`.${name}`).textContent = task[name];
  for (const button of part(".pad").children) button.hidden = !task.holds.includes(button.dataset.hold);
  part(".action").replaceChildren(...task.meters.map(([name]) => meter(name)));
  part(".z").width = agent.about.z_size;
  slider.value = agent.about.temperature;
  showTemperature();
  letPlay(true);
  pause(matchMedia("(prefers-reduced-motion: reduce)").matches);
  say("");
  run(mine).catch((error) => {
    if (dream === mine) say(`The dream broke off: ${error.message}. Load the page again.`);
    console.error(error);
  });
}

export function leave() {
  dream = null;
}

/** Say something on the picture; again: with the button for the next dream. */
export function say(words, again = false) {
  notice.hidden = !words;
  notice.firstElementChild.textContent = words;
  part(".again").hidden = !again;
}

async function run(mine) {
  const { agent } = mine;
  const interval = 1000 / agent.about.fps;
  const speed = new Speed();
  let due = 0;
  await show(mine);
  while (dream === mine) {
    const now = await new Promise(requestAnimationFrame);
    if (restarting) {
      mine.restart();
      restarting = false;
      say("");
      await show(mine);
    }
    if (now < due || paused || mine.ended) continue;
    due = Math.max(due + interval, now - interval / 2); // what is lost is not made up for
    await mine.step(Number(slider.value), letsPlay() ? null : task.action(hands.held));
    await show(mine);
    if (dream !== mine) return;
    part(".speed").textContent = speed.count(now);
    if (mine.ended) say(`The dream ended after ${mine.steps.toLocaleString("en")} frames.`, true);
  }
}

async function show(mine) {
  const { agent, state, steps, action } = mine;
  const image = await agent.picture(state.z);
  if (dream !== mine) return; // another one is shown by now
  part(".picture").getContext("2d").putImageData(image, 0, 0);
  drawZ(state.z);
  part(".count").textContent = `frame ${steps.toLocaleString("en")} of ${agent.about.max_steps.toLocaleString("en")}`;
  for (const [number, [, low]] of task.meters.entries()) {
    const bar = part(".action").children[number].lastElementChild.firstElementChild;
    const value = action ? action[number] : 0;
    bar.style.left = `${(100 * (Math.min(value, 0) - low)) / (1 - low)}%`;
    bar.style.width = `${(100 * Math.abs(value)) / (1 - low)}%`;
  }
}

/** z as a strip of cells: the stronger a number, the stronger the colour; grey below zero. */
function drawZ(z) {
  const context = part(".z").getContext("2d");
  const { color } = getComputedStyle(part(".z"));
  context.clearRect(0, 0, z.length, 1);
  for (const [number, value] of z.entries()) {
    context.globalAlpha = Math.min(Math.abs(value) / 3, 1);
    context.fillStyle = value > 0 ? color : "gray";
    context.fillRect(number, 0, 1, 1);
  }
}

function meter(name) {
  const element = document.createElement("div");
  element.innerHTML = `<span>${name}</span><span class="bar"><i></i></span>`;
  return element;
}

/** How many frames a second were shown, counted anew each second. */
class Speed {
  frames = 0;
  since = 0;
  last = -Infinity;
  words = "";

  count(now) {
    if (now - this.last > 1000) [this.frames, this.since] = [0, now]; // after a pause
    this.last = now;
    if (now - this.since >= 1000) {
      this.words = `${Math.round((1000 * this.frames) / (now - this.since))} frames/s`;
      this.frames = 0;
      this.since = now;
    }
    this.frames += 1;
    return this.words;
  }
}

const letsPlay = () => part(".switch").ariaChecked === "true"; // whether C plays

function letPlay(controller) {
  part(".switch").ariaChecked = String(controller);
}

function restart() {
  restarting = dream !== null;
  pause(false);
}

function pause(still) {
  paused = still;
  part(".pause").ariaPressed = String(still);
  part(".pause").textContent = still ? "Go on" : "Pause";
}

function showTemperature() {
  part(".temperature output").textContent = Number(slider.value).toFixed(2);
}
