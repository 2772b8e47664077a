/** A network that takes one picture and gives one number for each class, as its sidecar describes it. */

import { Refusal } from "./model.js";

/** The side of a picture where the network leaves it open. */
const SIDE = 28;

export class Classifier {
  /**
   * Raises a Refusal where the network is no such classifier.
   *
   * @param {Model} model
   * @param {{side: ?number, black: ?number, white: ?number}} options the side of pictures where the network leaves it open,
   *   and the numbers that black and white become where it does not take bytes
   */
  constructor(model, { side = null, black = null, white = null } = {}) {
    const { inputs, outputs } = model.sidecar;
    this.model = model;
    this.notes = [...model.notes];
    this.input = pictureInput(inputs);
    this.output = classOutput(outputs);
    this.#readShape(side);
    const takesBytes = this.input.dtype === "uint8";
    if (takesBytes && (black ?? white) !== null) {
      throw new Refusal(`${this.input.name} takes bytes, 0 to 255: leave ?black and ?white out of the address.`);
    }
    const { normalisation } = this.input;
    // Whoever divides by more than a few has numbers up to 255 in mind.
    const brightest = normalisation && Math.max(...normalisation.std) > 4 ? 255 : 1;
    this.levels = takesBytes ? null : { black: black ?? 0, white: white ?? brightest };
    this.labels = this.output.labels ?? Array.from({ length: this.output.shape[1] }, (_, i) => String(i));
    const { range } = this.output;
    this.isProbability = range?.[0] === 0 && range?.[1] === 1;
    if (!this.isProbability) this.notes.push("The network gives scores, and this page makes probabilities of them (softmax).");
    if (this.levels) {
      const levels = `black becomes ${this.levels.black} and white ${this.levels.white}`;
      const known = normalisation
        ? `normalises them by itself (mean ${normalisation.mean.join(", ")}; std ${normalisation.std.join(", ")})`
        : "does not say which";
      this.notes.push(`The network takes numbers, not bytes, and ${known}: ${levels} (?black=…&white=…).`);
    }
  }

  #readShape(side) {
    const { name, shape } = this.input;
    const layout = this.input.layout ?? guessedLayout(shape);
    const taken = Object.fromEntries(
      shape.map((size, axis) => {
        const letter = layout[axis];
        const value = typeof size === "number" ? size : this.#chosen(size, letter === "N" ? 1 : side ?? SIDE, side);
        return [letter, value];
      }),
    );
    if (taken.N !== 1) throw new Refusal(`${name} takes ${taken.N} pictures at once, and this page has one.`);
    if (taken.C !== 1 && taken.C !== 3) {
      throw new Refusal(`${name} has ${taken.C} channels, and pictures have one of grey, or red, green and blue.`);
    }
    Object.assign(this, { layout, channels: taken.C, height: taken.H, width: taken.W });
    this.shape = shape.map((_, axis) => taken[layout[axis]]);
    if (!this.input.layout) this.notes.push(`No layer says what the axes of ${name} are: taken as ${layout}.`);
    if (shape.some((size, axis) => typeof size !== "number" && layout[axis] !== "N")) {
      this.notes.push(`Pictures may have several sizes: ${this.width} x ${this.height} is taken (?side=…).`);
    } else if (side !== null) {
      throw new Refusal(`${name} is ${this.width} x ${this.height} and nothing else: leave ?side out of the address.`);
    }
  }

  /** The size that a symbol stands for: the first allowed one from `wanted` on, or else the last; what was asked for, or none. */
  #chosen(symbol, wanted, asked) {
    const allowed = this.model.sidecar.symbols[symbol];
    if (!allowed) throw new Refusal(`A side of ${this.input.name} is ${symbol}, which this page cannot work out.`);
    const most = allowed.most ?? Infinity;
    let size = Math.max(wanted, allowed.least);
    while (size < most && size % allowed.modulus !== allowed.residue) size += 1;
    size = Math.min(size, most);
    while (size % allowed.modulus !== allowed.residue) size -= 1;
    if (wanted === asked && size !== asked) {
      throw new Refusal(`${symbol} = ${asked} is not allowed: the nearest size that the network takes is ${size}.`);
    }
    return size;
  }

  /**
   * The classes in their order, each with its probability.
   *
   * @param {Uint8Array[]} planes a byte for each place, of each channel
   */
  async classify(planes) {
    const results = await this.model.run({ [this.input.name]: [this.#numbers(planes), this.shape] });
    const scores = Array.from(results[this.output.name].data);
    if (!scores.every(Number.isFinite)) throw new Refusal("The network gives numbers that are not finite for this picture.");
    const probabilities = this.isProbability ? scores : softmax(scores);
    return probabilities.map((probability, i) => ({ label: this.labels[i], probability }));
  }

  #numbers(planes) {
    const [count, places] = [planes.length, planes[0].length];
    const data = new (this.levels ? Float32Array : Uint8Array)(count * places);
    const last = this.layout.endsWith("C");
    planes.forEach((plane, channel) => {
      plane.forEach((byte, place) => {
        const value = this.levels ? this.levels.black + ((this.levels.white - this.levels.black) * byte) / 255 : byte;
        data[last ? place * count + channel : channel * places + place] = value;
      });
    });
    return data;
  }
}

function pictureInput(inputs) {
  if (inputs.length !== 1) {
    throw new Refusal(`The network takes ${inputs.length} inputs (${namesOf(inputs)}), and this page has one picture.`);
  }
  const [input] = inputs;
  const layout = input.layout ?? guessedLayout(input.shape);
  if (!["NCHW", "NHWC"].includes(layout)) {
    const told = input.layout ? ` (${input.layout})` : "";
    throw new Refusal(`${input.name} is no picture: its shape is [${input.shape.join(", ")}]${told}.`);
  }
  return input;
}

/** One channel is where it is, whatever stands before and behind it: there nothing is to be known. */
const guessedLayout = (shape) => (shape.length === 4 && shape[1] === 1 ? "NCHW" : null);

function classOutput(outputs) {
  const fitting = outputs.filter(({ shape }) => shape.length === 2 && typeof shape[1] === "number");
  const labelled = fitting.filter(({ labels }) => labels);
  const found = fitting.length > 1 ? labelled : fitting;
  if (found.length !== 1) {
    const shapes = outputs.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(" and ");
    const why = fitting.length > 1 ? "several outputs could be the classes" : "no output has a number for each class";
    throw new Refusal(`The network is no classifier: ${why}: ${shapes}.`);
  }
  return found[0];
}

const namesOf = (ports) => ports.map(({ name }) => name).join(", ");

function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
