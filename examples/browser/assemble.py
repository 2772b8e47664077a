"""Puts the page, onnxruntime-web, a network and its sidecar into one folder.

``python assemble.py net.onnx -o build/page``. Any server can serve that folder, and it takes nothing from elsewhere.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = ("index.html", "style.css", "app.js", "classifier.js", "model.js", "pixels.js")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""Of onnxruntime-web: its WebAssembly on the CPU, which is what specc has tested, and the JavaScript around it."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="the ONNX file; its sidecar stands beside it")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/page"), help="the folder (build/page)")
    parser.add_argument("--modules", type=Path, default=Path("node_modules"), help="where npm has put onnxruntime-web")
    given = parser.parse_args(arguments)

    model: Path = given.model
    sidecar = model.with_name(model.name.removesuffix(".onnx") + ".specc.json")
    runtime = given.modules / "onnxruntime-web" / "dist"
    copies = {
        **{HERE / name: name for name in PAGE},
        **{runtime / name: f"ort/{name}" for name in RUNTIME},
        model: "net.onnx",
        sidecar: "net.specc.json",
    }
    for source in copies:
        if not source.is_file():
            reason = {
                model: "compile one: specc compile SPEC -o net.onnx",
                sidecar: "specc compile writes it beside the ONNX file, without --no-sidecar",
            }.get(source, "npm install onnxruntime-web puts it there, or name another folder with --modules")
            sys.exit(f"error: {source} is not there: {reason}")
    for source, name in copies.items():
        target = given.output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    print(
        f"Serve it: python -m http.server --bind localhost --directory {given.output} 8000, and open http://localhost:8000"
    )


if __name__ == "__main__":
    main()
