// What the worker begins with, made by the Python that will run in it: node precompile.mjs IN.zip FOLDER
//
// specc.bin: the packages of IN.zip, compiled: the length of an index, the index [[path, bytes], ...] as JSON, the files.
// python.bin: the memory of Python after it has started and imported what specc uses of its standard library. To load it
// takes a seventh of the time of a start. Both are compressed by gzip; a browser undoes that faster than Python could.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadPyodide } from "pyodide";

const [, , archive, folder] = process.argv;
const PACKAGES = "/lib/python3.14/site-packages";

const python = await loadPyodide();
python.unpackArchive(new Uint8Array(readFileSync(archive)), "zip", { extractDir: PACKAGES });
const [paths, modules] = JSON.parse(
  python.runPython(`
import compileall, json, pathlib, py_compile, sys

folder = pathlib.Path("${PACKAGES}")
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
assert compileall.compile_dir(folder, quiet=1, legacy=True, stripdir=folder, invalidation_mode=unchecked)
for source in folder.rglob("*.py"):
    source.unlink()

present = set(sys.modules)
from specc.playground import Playground
spec = "model M : [N, 1, 28, 28] -> [N, 10] { conv(6, 5) -> relu -> maxpool(2) -> flatten -> fc(10) }"
for about in ("check", "shapes", "table", "pytorch"):
    answer = Playground({}).answer(json.dumps({"about": about, "name": "net.cnn", "text": spec}))
    assert "problem" not in json.loads(answer), answer
paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
places = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in present}
json.dumps([paths, [name for name, place in places.items() if place and "site-packages" not in place]])
`),
);

const files = paths.map((path) => python.FS.readFile(`${PACKAGES}/${path}`));
const index = Buffer.from(JSON.stringify(paths.map((path, i) => [path, files[i].length])));
const length = Buffer.alloc(4);
length.writeUInt32LE(index.length);
writeFileSync(join(folder, "specc.bin"), gzipSync(Buffer.concat([length, index, ...files]), { level: 9 }));

const fresh = await loadPyodide({ _makeSnapshot: true });
fresh.runPython(`
import importlib
for name in ${JSON.stringify(modules)}:
    importlib.import_module(name)
`);
writeFileSync(join(folder, "python.bin"), gzipSync(fresh.makeMemorySnapshot(), { level: 9 }));
