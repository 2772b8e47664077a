// A link that carries a spec: {"name", "text"} as JSON, compressed, in base64 for addresses, behind the # that no server sees.

export const LARGEST = 1 << 20; // characters: no spec is larger
export const KEY = "#spec=";

/** The fragment that carries the spec. */
export async function written(spec) {
  const text = new Blob([JSON.stringify({ name: spec.name, text: spec.text })]);
  const bytes = await all(text.stream().pipeThrough(new CompressionStream("deflate-raw")), Infinity);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return KEY + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The spec that a fragment carries; null where it carries none. Throws an Error whose message says what is wrong. */
export async function read(fragment) {
  if (!fragment.startsWith(KEY)) return null;
  const broken = "The link is broken: a part of it is missing or was changed on its way. Ask for it again.";
  let spec;
  try {
    const binary = atob(fragment.slice(KEY.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    spec = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await all(stream, 8 * LARGEST)));
  } catch (error) {
    throw new Error(error instanceof TooLarge ? "The link carries more than 1 MiB, and no spec is that large." : broken);
  }
  if (typeof spec?.text !== "string" || typeof spec?.name !== "string") throw new Error(broken);
  if (spec.text.length > LARGEST) throw new Error("The link carries more than 1 MiB, and no spec is that large.");
  return { name: safeName(spec.name), text: spec.text };
}

/** A name that a file in the page's memory may have. */
export function safeName(name) {
  const isPath = /^[\w.-]+(\/[\w.-]+)*\.(cnn|ya?ml)$/.test(name) && name.length < 200;
  return isPath && !name.split("/").some((part) => /^\.+$/.test(part)) ? name : /\.ya?ml$/.test(name) ? "net.yaml" : "net.cnn";
}

class TooLarge extends Error {}

/** All bytes of a stream; a small one may decompress to gigabytes, which are not read. */
async function all(stream, most) {
  const parts = [];
  let size = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      reader.cancel();
      throw new TooLarge();
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
