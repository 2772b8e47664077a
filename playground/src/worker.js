// The checker: Python in WebAssembly with specc in it. It is asked questions of specc/playground.py, one at a time.
// {"id", "question"} gives {"id", "answer"}, both JSON; {"id", "failed"} where Python itself has come to its end.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const url = (name) => new URL(name, import.meta.url);
const started = start();
let graphviz = null;

async function start() {
  const files = Promise.all(["specc.zip", "library.json"].map(loaded));
  const python = await loadPyodide({ indexURL: url("pyodide/").href });
  const [packages, library] = await files;
  python.unpackArchive(packages, "zip", { extractDir: "/lib/python3.14/site-packages" });
  const { Playground } = python.pyimport("specc.playground");
  const texts = JSON.parse(new TextDecoder().decode(library));
  return Playground(python.toPy(texts), (graph) => graphviz.renderString(graph, { format: "json0", engine: "dot" }));
}

async function loaded(name) {
  const response = await fetch(url(name));
  if (!response.ok) throw new Error(`${name} cannot be loaded (${response.status})`);
  return response.arrayBuffer();
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
