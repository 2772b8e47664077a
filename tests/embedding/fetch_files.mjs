// Node's fetch takes no file: URL, which is what a module for browsers makes of its own place in Node.
import fs from "node:fs/promises";

globalThis.fetch = async (url) => {
  try {
    return new Response(await fs.readFile(new URL(url)));
  } catch {
    return new Response(null, { status: 404, statusText: "Not Found" });
  }
};
