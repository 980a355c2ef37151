/** Which page is shown: #carracing, #doomrnn or #v. */

import { loadAgent } from "./agent.js";
import { look, say as sayOfV } from "./look.js";
import { enter, leave, say as sayOfDream } from "./play.js";
import { TASKS } from "./tasks.js";

const agents = {}; // by task: promises, each loaded once
let looksAt = "carracing"; // the task of V's page
let shown = null; // what is shown now: its task, and say(words)

document.querySelector("#waiting").remove();
addEventListener("hashchange", show);
for (const button of document.querySelectorAll(".choice button")) {
  button.addEventListener("click", () => {
    looksAt = button.dataset.task;
    show();
  });
}
show();

async function show() {
  const name = location.hash.slice(1);
  const page = name === "v" || name in TASKS ? name : "carracing";
  const mine = page === "v" ? { task: looksAt, say: sayOfV } : { task: page, say: sayOfDream };
  shown = mine;
  document.documentElement.dataset.page = page;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${page}`) link.ariaCurrent = "page";
    else link.removeAttribute("aria-current");
  }
  document.querySelector("#dream-page").hidden = page === "v";
  document.querySelector("#v-page").hidden = page !== "v";
  leave();
  if (!agents[mine.task]) mine.say("Loading");
  try {
    const agent = await load(mine.task);
    if (shown !== mine) return; // gone elsewhere meanwhile
    mine.say("");
    if (page === "v") await look(agent);
    else enter(agent);
  } catch (error) {
    if (shown === mine) mine.say(`The networks could not be loaded: ${error.message}`);
    console.error(error);
  }
}

function load(task) {
  const progress = (what, share) => {
    if (shown.task === task) shown.say(`Loading ${what}: ${Math.round(100 * share)} %`);
  };
  agents[task] ??= loadAgent(task, progress).catch((error) => {
    delete agents[task]; // the next visit tries again
    throw error;
  });
  return agents[task];
}
