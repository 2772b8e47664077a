"""`specc import` of modules: what the command asks for."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Specc


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("net.py:Net",), "net.py:Net needs the shape of its input: --input '[N, 3, 224, 224]'"),
        (("net.py",), "say which, as in net.py:Net"),
        (("net.onnx", "--input", "1x3"), "--input is for a class of a Python file"),
        (("net.pt2", "--provider", "cuda"), "--provider is for an ONNX file"),
    ],
)
def test_what_is_missing(arguments: tuple[str, ...], said: str, specc: Specc) -> None:
    result = specc("import", *arguments)
    assert (result.code, said in result.err) == (2, True)
