"""Puts the playground into a folder that any server of files can serve: ``python playground/build.py -o FOLDER``.

In it are the page, Pyodide, Graphviz, and specc with the packages that it needs to check. Needs what `make playground`
installs: Node.js, and ``npm ci --prefix playground --ignore-scripts``.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib.metadata
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
MODULES = HERE / "node_modules"
sys.path.insert(0, str(ROOT))  # the specc of this checkout, whichever is installed

STATIC = ("index.html", "style.css", "refuse.js", "icon.svg")
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
PACKAGES = ("annotated-types", "pydantic", "pyyaml", "rich", "typing-extensions", "typing-inspection")
"""Those that are Python alone come from where this runs: the versions that specc is tested with."""
COMPILED = "pydantic-core"
PLATFORM = ("pyemscripten_2026_0_wasm32", "3.14", "cp314")
"""Of the Pyodide that package.json names: what the wheel of `COMPILED` is for."""
ELSEWHERE = (
    "backends/onnx", "bundle", "cli", "embedding", "importing", "onnxfile", "server/protocol.py", "sweeps", "verify",
)  # fmt: skip
"""Of specc, what needs torch, onnx, numpy or a terminal."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "playground", help="the folder")
    parser.add_argument(
        "--parts", type=Path, default=ROOT / "build" / "playground-parts", help="what the next run takes again"
    )
    parser.add_argument("--serve", type=int, metavar="PORT", help="and serve it on this machine")
    given = parser.parse_args(arguments)
    build(given.output, given.parts)
    print(f"The playground is in {given.output}")
    if given.serve is not None:
        serve(given.output, given.serve)


def build(output: Path, parts: Path) -> None:
    """The whole page; the folder has nothing else in it afterwards."""
    if not MODULES.is_dir():
        sys.exit(f"error: {MODULES} is not there: npm ci --prefix {HERE} --ignore-scripts")
    if output.exists() and not (output / "library.json").is_file() and any(output.iterdir()):
        sys.exit(f"error: {output} has something else in it, and would be emptied: name another folder with -o")
    shutil.rmtree(output, ignore_errors=True)
    parts.mkdir(parents=True, exist_ok=True)
    (output / "pyodide").mkdir(parents=True)
    for name in STATIC:
        shutil.copyfile(HERE / name, output / name)
    for name in PYODIDE:
        shutil.copyfile(MODULES / "pyodide" / name, output / "pyodide" / name)
    lock = json.loads((MODULES / "pyodide" / "pyodide-lock.json").read_text("utf-8"))
    # None of Pyodide's own packages, which would come from elsewhere.
    (output / "pyodide" / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": {}}), "utf-8")
    shutil.copytree(precompiled(parts), output, dirs_exist_ok=True)
    (output / "library.json").write_text(json.dumps(library(), ensure_ascii=False), "utf-8")
    (output / "licenses.txt").write_text(licenses(), "utf-8")
    bundle(output, {"page": about(), "worker": {}, "graphviz": {}})
    files = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join((output / name).read_bytes() for name in files)).hexdigest()[:16]
    bundle(output, {"offline": {"version": digest, "files": ["./", *files]}})


def about() -> dict[str, object]:
    from specc.ops import operators
    from specc.syntax.tokens import keywords
    from specc.version import __version__

    layers = sorted({name for kind in operators() for name in (kind.kind, *kind.aliases)})
    return {"version": __version__, "words": sorted(keywords()), "layers": layers}


def library() -> dict[str, str]:
    """The specs of the menu, which every spec may import."""
    examples = ROOT / "examples"
    paths = [*sorted(examples.glob("*.cnn")), *sorted(examples.glob("*.yaml")), *sorted(examples.glob("zoo/*.cnn"))]
    return {path.relative_to(examples).as_posix(): path.read_text("utf-8") for path in paths}


def precompiled(parts: Path) -> Path:
    """The folder of what precompile.mjs makes of specc and the packages that it needs."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted((ROOT / "specc").rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if (
                path.is_file()
                and "__pycache__" not in name
                and not name.startswith(tuple(f"specc/{one}" for one in ELSEWHERE))
            ):
                packed.writestr(zipfile.ZipInfo(name), path.read_bytes())
        packed.writestr(zipfile.ZipInfo("specc/grammar/specc.lark"), (ROOT / "grammar" / "specc.lark").read_bytes())
        for package in PACKAGES:
            for file in importlib.metadata.files(package) or ():
                if file.suffix == ".py" and ".." not in file.parts:
                    packed.writestr(zipfile.ZipInfo(file.as_posix()), file.read_binary())
        with zipfile.ZipFile(compiled_wheel(parts)) as wheel:
            for name in wheel.namelist():
                if ".dist-info/" not in name:
                    packed.writestr(zipfile.ZipInfo(name), wheel.read(name))
    makers = (HERE / "precompile.mjs", HERE / "package-lock.json")
    contents = (archive.getvalue(), *(path.read_bytes() for path in makers))
    result = parts / f"python-{hashlib.sha256(b''.join(contents)).hexdigest()[:16]}"
    if not result.is_dir():
        for old in parts.glob("python-*"):
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=parts) as folder:
            sources, made = Path(folder) / "sources.zip", Path(folder) / "made"
            sources.write_bytes(archive.getvalue())
            made.mkdir()
            run("node", HERE / "precompile.mjs", sources, made)
            made.rename(result)
    return result


def compiled_wheel(parts: Path) -> Path:
    version = importlib.metadata.version(COMPILED)
    platform, python, abi = PLATFORM
    pattern = f"{COMPILED.replace('-', '_')}-{version}-*{platform}.whl"
    if not any(parts.glob(pattern)):
        target = ("--platform", platform, "--python-version", python, "--implementation", "cp", "--abi", abi)
        download = ("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", *target)
        run(sys.executable, *download, "--dest", parts, f"{COMPILED}=={version}")
    (wheel,) = parts.glob(pattern)
    return wheel


def bundle(output: Path, scripts: dict[str, dict[str, object]]) -> None:
    """Scripts of src, each as one file; SPECC in it is what is given for it."""
    for name, facts in scripts.items():
        source, target = HERE / "src" / f"{name}.js", output / f"{name}.js"
        options = (
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--legal-comments=none",
            "--log-level=warning",
        )
        external = ("--external:./pyodide/*", "--external:./graphviz.js")
        define = f"--define:SPECC={json.dumps(facts)}"
        run(MODULES / ".bin" / "esbuild", source, f"--outfile={target}", *options, *external, define)


def run(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        sys.exit(f"error: {command[0]} is not installed, and the playground is built with it")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {Path(command[0]).name} ended with {error.returncode}; what it said stands above")


def licenses() -> str:
    """Whose work is in the folder, and on what terms."""
    # Pyodide's package names its own license alone, and so does that of Graphviz.
    lines = ["Python, in pyodide: PSF-2.0", "Graphviz, in @viz-js/viz: Eclipse Public License"]
    for package in (COMPILED, *PACKAGES):
        facts = importlib.metadata.metadata(package)
        lines.append(f"{package} {facts['Version']}: {facts['License-Expression'] or facts['License']}")
    for path in sorted(MODULES.glob("**/package.json")):
        facts_ = json.loads(path.read_text("utf-8"))
        if "license" in facts_ and "version" in facts_:
            lines.append(f"{facts_['name']} {facts_['version']}: {facts_['license']}")
    return "specc is under the Apache License 2.0. With it come:\n\n" + "\n".join(dict.fromkeys(lines)) + "\n"


class Handler(SimpleHTTPRequestHandler):
    """Serves files under the types that browsers want of modules and of WebAssembly."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *_: object) -> None:
        pass


def serve(folder: Path, port: int) -> None:
    handler = functools.partial(Handler, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("localhost", port), handler)
    except OSError as error:
        sys.exit(f"error: port {port} cannot be had ({error.strerror}): name another one, --serve 8001")
    print(f"Open http://localhost:{server.server_port}, end with Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
