/**
 * A compiled network in the browser: its file, its sidecar, and the proof that they belong together and fit this browser.
 *
 * Nothing here knows the page: an application may take this module as it is.
 */

const ORT = new URL("ort/", import.meta.url);
const FORMAT = 1;

/** A reason why something is not done, in words for the person at the page. */
export class Refusal extends Error {}

/** onnxruntime-web from the folder `ort`, its WebAssembly on one thread: more need a server that isolates the page. */
export async function loadRuntime() {
  if (typeof WebAssembly !== "object") {
    throw new Refusal(
      "This browser has no WebAssembly, or it is switched off, and the network runs in it: allow it for this page, or " +
        "take another browser.",
    );
  }
  let ort;
  try {
    ort = await import(new URL("ort.wasm.bundle.min.mjs", ORT));
  } catch (error) {
    throw new Refusal(`onnxruntime-web cannot be loaded from ${ORT}: ${error.message}. assemble.py copies it there.`);
  }
  // Fetched here: onnxruntime-web itself says of a file that is missing that there is no backend.
  ort.env.wasm.wasmBinary = (await fetchBytes(new URL("ort-wasm-simd-threaded.wasm", ORT))).buffer;
  ort.env.wasm.numThreads = 1;
  return ort;
}

/** The bytes at `url`, as the server has them now: a page must not pair an old file with a new sidecar. */
export async function fetchBytes(url) {
  const name = nameOf(url);
  let response, bytes;
  try {
    response = await fetch(url, { cache: "no-cache" });
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new Refusal(`${name} cannot be fetched: ${error.message}. Is the server still running?`);
  }
  if (!response.ok) throw new Refusal(`${name} is not there: the server answers ${response.status} for ${url}.`);
  return bytes;
}

/** `nets/net.specc.json` for `nets/net.onnx`. */
export const sidecarName = (name) => name.replace(/\.onnx$/, "") + ".specc.json";

/** A difference as people read it: 1.4e-6. */
export const brief = (number) => number.toExponential(1);

export const nameOf = (url) => decodeURIComponent(new URL(url).pathname.split("/").pop());

/** A network that is ready to run, and what is known of it. */
export class Model {
  constructor(name, sidecar, session, ort) {
    Object.assign(this, { name, sidecar, session, ort });
    this.notes = [];
  }

  /**
   * Raises a Refusal where the sidecar is none, is about another file, or where this browser does not compute what was proven.
   *
   * @param {string} name of the ONNX file, for messages
   * @param {Uint8Array} file
   * @param {Uint8Array} sidecar
   */
  static async open(ort, name, file, sidecar) {
    const facts = readSidecar(sidecar, sidecarName(name));
    const note = await requireBelonging(name, file, facts);
    if (facts.file.data) {
      throw new Refusal(`${name} has its weights in ${facts.file.data.name}: a network of that size is none for a browser.`);
    }
    let session;
    try {
      session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
    } catch (error) {
      throw new Refusal(`onnxruntime-web does not load ${name}: ${error.message ?? error}`);
    }
    const model = new Model(name, facts, session, ort);
    if (note) model.notes.push(note);
    try {
      await model.#requireGolden();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(`${name} cannot be run on the golden pair of ${sidecarName(name)}: ${error.message ?? error}`);
    }
    return model;
  }

  /**
   * The outputs by name, each a tensor with `dims` and `data`.
   *
   * @param {Object<string, [typed array, number[]]>} inputs the numbers and the shape of each
   */
  async run(inputs) {
    const feeds = Object.entries(inputs).map(([name, [data, shape]]) => [
      name,
      new this.ort.Tensor(this.#dtype(name), data, shape),
    ]);
    return this.session.run(Object.fromEntries(feeds));
  }

  #dtype(name) {
    const input = this.sidecar.inputs.find((entry) => entry.name === name);
    if (!input) throw new Refusal(`${sidecarName(this.name)} contradicts itself: ${name} is none of its inputs.`);
    return input.dtype;
  }

  /** Runs the golden pair. What it found is in `golden`; a difference beyond what is allowed is a Refusal. */
  async #requireGolden() {
    const golden = this.sidecar.golden;
    if (!golden) {
      this.notes.push(`It is not tested in this browser: ${sidecarName(this.name)} has no golden pair.`);
      return;
    }
    const inputs = golden.inputs.map(({ name, data, shape }) => [name, [numbers(data, this.#dtype(name)), shape]]);
    const results = await this.run(Object.fromEntries(inputs));
    this.golden = golden.outputs.map((truth) => difference(results[truth.name], truth)).reduce(worse);
    const { output, channel, off, allowed } = this.golden;
    if (!(off <= allowed)) {
      throw new Refusal(
        `This browser does not compute what was proven of ${this.name}: on the golden input, channel ${channel} of ` +
          `${output} is off by ${brief(off)}, and ${brief(allowed)} is allowed. Nothing is guessed ` +
          "with it. Another browser may do, or another release of onnxruntime-web.",
      );
    }
  }
}

function readSidecar(bytes, name) {
  let facts;
  try {
    facts = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Refusal(`${name} is no JSON, so it is damaged or something else: ${error.message}`);
  }
  if (facts?.format > FORMAT) {
    throw new Refusal(`${name} has format ${facts.format}, and this page reads ${FORMAT}: take the page of a newer specc.`);
  }
  const whole = ["file", "symbols", "verdict"].every((field) => typeof facts?.[field] === "object" && facts[field]);
  if (facts?.format !== FORMAT || !whole || !Array.isArray(facts.inputs) || !Array.isArray(facts.outputs)) {
    throw new Refusal(`${name} is no sidecar: "specc compile" writes one beside the ONNX file.`);
  }
  return facts;
}

/** Raises a Refusal where the sidecar is about another file; returns a note where this cannot be found out. */
async function requireBelonging(name, file, facts) {
  if (!globalThis.crypto?.subtle) {
    return (
      `That ${sidecarName(name)} is about ${name} is seen by the golden pair alone: browsers compute no hash for pages ` +
      "that come neither by https nor from localhost."
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== facts.file.sha256) {
    throw new Refusal(
      `${name} is not the file that ${sidecarName(name)} is about: its ${file.length.toLocaleString("en")} bytes have ` +
        `sha256 ${found.slice(0, 12)}…, and the sidecar was written for ${String(facts.file.sha256).slice(0, 12)}…. One ` +
        "of the two is damaged, or of another compilation: copy both again.",
    );
  }
  return null;
}

/** The numbers of a tensor in the sidecar: little-endian, in base64. */
function numbers(data, dtype) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return dtype === "uint8" ? bytes : new Float32Array(bytes.buffer);
}

/** Where a result is furthest from the truth, measured by what is allowed in that channel (axis 1). */
function difference(result, truth) {
  const right = numbers(truth.data, "float32");
  if (String(result?.dims) !== String(truth.shape)) {
    throw new Refusal(`${truth.name} has the shape [${result?.dims}], and the golden output has [${truth.shape}].`);
  }
  const places = truth.shape.slice(2).reduce((count, size) => count * size, 1);
  let furthest = null;
  for (let i = 0; i < right.length; i++) {
    const channel = Math.floor(i / places) % truth.allowed.length;
    const off = result.data[i] === right[i] ? 0 : Math.abs(result.data[i] - right[i]); // infinity is right where it should be
    const here = { output: truth.name, channel, off, allowed: truth.allowed[channel] };
    furthest = furthest ? worse(furthest, here) : here;
  }
  return furthest;
}

/** The difference that uses up more of what is allowed; NaN uses up all. */
function worse(one, other) {
  return use(other) > use(one) ? other : one;
}

const use = ({ off, allowed }) => (off <= allowed ? off / allowed || 0 : Infinity);
