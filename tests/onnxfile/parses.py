"""What is parsed: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest


def counted_parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the ONNX files that are parsed from now on."""
    names: list[str] = []

    def counted(parse: Callable[..., onnx.ModelProto]) -> Callable[..., onnx.ModelProto]:
        def run(source: Path | bytes, **options: object) -> onnx.ModelProto:
            names.append(source.name if isinstance(source, Path) else "bytes")
            return parse(source, **options)

        return run

    for function in ("load", "load_from_string", "load_model", "load_model_from_string"):
        monkeypatch.setattr(onnx, function, counted(getattr(onnx, function)))
    return names
