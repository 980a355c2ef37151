/** One dream: M's state, moved on step by step. */

import { chance } from "./noise.js";

export class Dream {
  /** noise: where its randomness comes from, as in noise.js. */
  constructor(agent, noise = chance) {
    this.agent = agent;
    this.noise = noise;
    this.restart();
  }

  /** Begin anew, at a start drawn by chance or at a given z. */
  restart(z = this.agent.start(this.noise)) {
    const zeros = new Float32Array(this.agent.about.hidden_size);
    this.state = { z, h: zeros, c: zeros, restart: true };
    this.steps = 0;
    this.ended = false;
  }

  /** One step. action: a person's, or null to let C act. */
  async step(temperature, action = null) {
    this.action = action ?? (await this.agent.act(this.state));
    const { state, ended } = await this.agent.dream(this.state, this.action, temperature, this.noise);
    this.state = state;
    this.steps += 1;
    this.ended = ended || this.steps >= this.agent.about.max_steps;
  }
}
