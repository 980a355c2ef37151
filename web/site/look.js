/** V's page: real frames, what V makes of them, and z under sliders. */

import { chance } from "./noise.js";

const page = document.querySelector("#v-page");
const part = (name) => page.querySelector(name);
const USED = 0.05; // nats of KL divergence, from which on V uses a dimension
const RANGE = 4; // standard deviations of the prior

let agent = null;
let strip = null; // the real frames, side by side
let chosen = 0;
let z = null;
let sliders = []; // by dimension
let drawing = null; // the promise of the picture under way

part(".back").addEventListener("click", () => choose(chosen));
part(".draw").addEventListener("click", () => setZ(chance.normal(z.length)));

/** Show V of an agent. */
export async function look(shown) {
  agent = shown;
  strip = new Image();
  strip.src = `${agent.about.name}/frames.png`;
  await strip.decode();
  for (const button of part(".choice").children) button.ariaPressed = String(button.dataset.task === agent.about.name);
  part(".thumbs").replaceChildren(...agent.frames.map((_, number) => thumb(number)));
  const { kl } = agent.about;
  const order = [...kl.keys()].sort((a, b) => kl[b] - kl[a]);
  const used = order.filter((dimension) => kl[dimension] >= USED).length;
  sliders = [];
  for (const dimension of order) sliders[dimension] = slider(dimension);
  const labels = order.map((dimension) => sliders[dimension].parentElement);
  part(".first").replaceChildren(...labels.slice(0, used));
  part(".rest").replaceChildren(...labels.slice(used));
  part(".used").textContent = `z has ${kl.length} numbers here. V uses ${used} of them, the most telling first.`;
  part("summary").textContent = `The other ${kl.length - used}, which change next to nothing`;
  await choose(Math.floor(agent.frames.length / 2));
}

export function say(words) {
  part(".notice").hidden = !words;
  part(".notice").textContent = words;
}

function choose(number) {
  chosen = number;
  for (const [other, button] of [...part(".thumbs").children].entries()) button.ariaPressed = String(other === number);
  drawFrame(part(".real"), number);
  return setZ(agent.frames[number]);
}

function setZ(numbers) {
  z = Float32Array.from(numbers);
  for (const [dimension, input] of sliders.entries()) {
    input.value = z[dimension];
    showValue(input, z[dimension]);
  }
  return draw();
}

/** Draw z; if it changes on the way, once more. */
async function draw() {
  if (drawing) return drawing;
  let shown = null;
  const paint = async () => {
    while (shown !== z.join()) {
      shown = z.join();
      part(".made").getContext("2d").putImageData(await agent.picture(z), 0, 0);
    }
  };
  drawing = paint().finally(() => (drawing = null));
  return drawing;
}

function thumb(number) {
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  drawFrame(canvas, number);
  button.type = "button";
  button.ariaLabel = `real frame ${number + 1}`;
  button.append(canvas);
  button.addEventListener("click", () => choose(number));
  return button;
}

function drawFrame(canvas, number) {
  canvas.getContext("2d").drawImage(strip, 64 * number, 0, 64, 64, 0, 0, 64, 64);
}

function slider(dimension) {
  const label = document.createElement("label");
  label.innerHTML = `<span><b>z<sub>${dimension}</sub></b><output></output></span>
    <input type="range" min="${-RANGE}" max="${RANGE}" step="0.01">`;
  const input = label.querySelector("input");
  input.addEventListener("input", () => {
    z[dimension] = Number(input.value);
    showValue(input, z[dimension]);
    draw();
  });
  return input;
}

function showValue(input, value) {
  input.parentElement.querySelector("output").textContent = value.toFixed(2).replace("-0.00", "0.00");
}
