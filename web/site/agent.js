/** V's decoder, M and C of a task, run by onnxruntime-web: WASM with SIMD, in one thread. */

import * as ort from "./library/ort.wasm.bundle.min.mjs";

const SCALE = 10000; // of the whole numbers in task.json
const MODELS = ["decoder", "dream", "controller"];

let library = null; // the promise that the library is ready

/** Load a task's agent. progress(what, share): called as its files come in. */
export async function loadAgent(name, progress = () => {}) {
  library ??= loadLibrary(progress);
  await library;
  const about = await (await open(`${name}/task.json`)).json();
  const paths = MODELS.map((model) => `${name}/${model}.onnx.gzip`);
  const files = await inflateAll(paths, (share) => progress("the networks", share));
  const sessions = {};
  for (const [number, model] of MODELS.entries()) sessions[model] = await ort.InferenceSession.create(files[number]);
  return new Agent(about, sessions);
}

async function loadLibrary(progress) {
  try {
    const [wasm] = await inflateAll(["library/ort.gzip"], (share) => progress("the library", share));
    ort.env.wasm.wasmBinary = wasm;
    ort.env.wasm.numThreads = 1;
  } catch (error) {
    library = null; // the next one to ask tries again
    throw error;
  }
}

class Agent {
  constructor(about, sessions) {
    this.about = about;
    this.sessions = sessions;
    this.frames = about.frames.map(fromWhole); // z of each real frame
  }

  /** A z to start from: as in Python, drawn from V's N(mu, sigma^2) of a first frame. */
  start(noise) {
    const { mu, logvar } = this.about.starts;
    const row = noise.index(mu.length);
    const [mean, spread, normal] = [fromWhole(mu[row]), fromWhole(logvar[row]), noise.normal(this.about.z_size)];
    return mean.map((value, d) => value + Math.exp(spread[d] / 2) * normal[d]);
  }

  /** The picture of z: ImageData, 64x64. */
  async picture(z) {
    const { rgba } = await this.sessions.decoder.run({ z: row(z) });
    return new ImageData(new Uint8ClampedArray(rgba.data.buffer, rgba.data.byteOffset, rgba.data.length), 64, 64);
  }

  /** C's action. */
  async act({ z, h, c }) {
    return (await this.sessions.controller.run({ z: row(z), h: row(h), c: row(c) })).action.data;
  }

  /** The next state of the dream, and whether the dream ends with it. */
  async dream({ z, h, c, restart }, action, temperature, noise) {
    const size = this.about.z_size;
    const out = await this.sessions.dream.run({
      z: row(z), h: row(h), c: row(c), restart: row([Number(restart)]), action: row(action),
      uniform: row(noise.uniform(size)), normal: row(noise.normal(size)),
      temperature: new ort.Tensor("float32", [temperature], [1]),
    });
    const state = { z: out.z_next.data, h: out.h_next.data, c: out.c_next.data, restart: false };
    return { state, ended: out.end_logit.data[0] > 0 };
  }
}

const row = (numbers) => new ort.Tensor("float32", Float32Array.from(numbers), [1, numbers.length]);
const fromWhole = (numbers) => Float32Array.from(numbers, (number) => number / SCALE);

async function open(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} is missing (${response.status})`);
  return response;
}

/** The contents of gzip files, as Uint8Arrays. Progress is known where the server says the sizes. */
async function inflateAll(paths, progress) {
  const responses = await Promise.all(paths.map(open));
  const total = responses.reduce((sum, response) => sum + Number(response.headers.get("Content-Length")), 0);
  let loaded = 0;
  const count = () => new TransformStream({
    transform(chunk, controller) {
      loaded += chunk.length;
      if (total) progress(loaded / total);
      controller.enqueue(chunk);
    },
  });
  const inflate = ({ body }) => body.pipeThrough(count()).pipeThrough(new DecompressionStream("gzip"));
  const contents = responses.map((response) => new Response(inflate(response)).arrayBuffer());
  return (await Promise.all(contents)).map((content) => new Uint8Array(content));
}
