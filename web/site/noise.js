/** The randomness of a dream. A test puts numbers of its own in its place. */

export const chance = {
  index: (count) => Math.floor(Math.random() * count),
  uniform: (size) => Float32Array.from({ length: size }, Math.random),
  normal: (size) => Float32Array.from({ length: size }, normal),
};

/** One draw from N(0, 1), by Box and Muller. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
