// The checker: Python in WebAssembly with specc in it. It is asked questions of specc/playground.py, one at a time.
// {"id", "question"} gives {"id", "answer"}, both JSON; {"id", "failed"} where Python itself has come to its end.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const PACKAGES = "/lib/python3.14/site-packages/";
const url = (name) => new URL(name, import.meta.url);
const started = start();
let graphviz = null;

/** As precompile.mjs has prepared it. */
async function start() {
  const [memory, packages, library] = await Promise.all([inflated("python.bin"), inflated("specc.bin"), loaded("library.json")]);
  const python = await loadPyodide({ indexURL: url("pyodide/").href, _loadSnapshot: memory });
  unpack(packages, python.FS);
  const { Playground } = python.pyimport("specc.playground");
  return Playground(python.toPy(await library.json()), (graph) => graphviz.renderString(graph, { format: "json0", engine: "dot" }));
}

async function loaded(name) {
  const response = await fetch(url(name));
  if (!response.ok) throw new Error(`${name} cannot be loaded (${response.status})`);
  return response;
}

async function inflated(name) {
  const { body } = await loaded(name);
  return new Uint8Array(await new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

/** Files to where Python looks for packages. */
function unpack(bytes, files) {
  const begin = 4 + new DataView(bytes.buffer).getUint32(0, true);
  let at = begin;
  for (const [path, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, begin)))) {
    files.mkdirTree(PACKAGES + path.slice(0, path.lastIndexOf("/") + 1));
    files.writeFile(PACKAGES + path, bytes.slice(at, (at += size)));
  }
}

started.then(
  () => postMessage({ ready: true }),
  (error) => postMessage({ broken: String(error) }),
);

onmessage = async ({ data: { id, question } }) => {
  try {
    const playground = await started;
    if (JSON.parse(question).about === "picture" && graphviz === null) {
      graphviz = await (await import("./graphviz.js")).instance();
    }
    postMessage({ id, answer: playground.answer(question) });
  } catch (error) {
    postMessage({ id, failed: String(error) });
  }
};
