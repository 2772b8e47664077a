// Compiles what Python will import in the browser, by the Python that will import it: node precompile.mjs IN.zip OUT.zip
import { readFileSync, writeFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

const [, , from, to] = process.argv;
const python = await loadPyodide();
python.unpackArchive(new Uint8Array(readFileSync(from)), "zip", { extractDir: "/packages" });
python.runPython(`
import compileall, pathlib, py_compile, zipfile

folder = pathlib.Path("/packages")
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
assert compileall.compile_dir(folder, quiet=1, legacy=True, stripdir=folder, invalidation_mode=unchecked)
for source in folder.rglob("*.py"):
    source.unlink()
with zipfile.ZipFile("/packages.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
`);
writeFileSync(to, python.FS.readFile("/packages.zip"));
