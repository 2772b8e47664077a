"""What a call takes, and which argument is being written, of texts that are half written."""

from __future__ import annotations

import pytest

from specc.filesystem import Memory
from specc.server.signature import CallSignature, open_call, signature_at
from specc.server.workspace import Workspace

BODY = "model M : [N, 3, 9, 9] {\n  "
PATH = f"{Memory.TOP}/net.cnn"


def asked(text: str, library: str = "") -> CallSignature | None:
    """The signature at the mark."""
    at, text = text.index("<>"), text.replace("<>", "")
    workspace = Workspace(Memory({"net.cnn": text, "lib.cnn": library}))
    source = workspace.source(PATH)
    assert source
    bindings = workspace.bindings(PATH, importers=False) if workspace.tree(PATH) else None
    return signature_at(source, at, PATH, bindings)


@pytest.mark.parametrize(
    ("line", "active"),
    [
        ("conv(<>", "out_channels"),
        ("conv(4, <>, padding=1) -> relu", "kernel"),
        ("conv(4, pad<>ding=\n  relu", "padding = 0"),
        ("conv(4, <>padding=1)", "padding = 0"),
        ("conv(4 if 1 <>== 1 else 3", "out_channels"),
        ("conv(4, padding=<>\n  relu", "padding = 0"),
        ("conv(4, kernel=[1, <>", "kernel"),
        ('conv(4, 3, padding="<>', "padding = 0"),
        ('conv(4, 3, padding="same(", <>', "-"),
        ("conv(4,  # (a note, with a comma\n    <>", "kernel"),
        ("conv(4, nothing=<>)", "-"),
        ("permute(0, 2, <>)", "dims"),
        ("add {\n    | conv(4, <>\n    | _\n  }", "kernel"),
        ("conv(4, round(<>", None),
        ("conv(4, 3) -> <>", None),
        ("# conv(<>", None),
        ("relu <>", None),
    ],
)
def test_the_argument_that_is_written(line: str, active: str | None) -> None:
    found = asked(f"{BODY}{line}\n}}\n")
    if active is None:
        assert found is None
    else:
        assert found
        assert ("-" if found.active is None else found.arguments[found.active].text) == active


def test_a_layer_has_its_defaults_or_those_of_the_file_above_it() -> None:
    text = f"default conv(bias = false)\n{BODY}conv(4, <>)\n}}\ndefault conv(stride = 2)\n"
    found = asked(text)
    assert found
    assert found.text.startswith(
        "conv(out_channels, kernel, stride = 1, padding = 0, dilation = 1, groups = 1, bias = false,"
    )
    assert found.says == "Each filter slides over the places; its products with what is there are summed."
    assert found.arguments[0].takes == "a whole number of at least 1 (and below 2^31)"


@pytest.mark.parametrize(
    ("before", "call", "text", "active"),
    [
        ("", "unit(4, <>)", "unit(c, act = relu)", 1),
        ("", "unit(4, act=<>", "unit(c, act = relu)", 1),
        ("let g = unit(8)\n", "g(<>", "g(act = relu)", 0),
        ("default unit(act = gelu)\n", "unit(<>", "unit(c, act = gelu)", 0),
    ],
)
def test_of_a_block_it_is_what_its_own_file_says(before: str, call: str, text: str, active: int) -> None:
    library = (
        "# Not about it.\n\n# A convolution,\n# and what follows it.\nblock unit(c, act = relu) { conv(c, 3) -> act }\n"
    )
    found = asked(f'from "lib.cnn" import unit\n{before}{BODY}{call}\n}}\n', library)
    assert found
    assert (found.text, found.active) == (text, active)
    assert found.says == "A convolution,\nand what follows it."


def test_a_block_that_is_handed_over_is_known_by_the_name_that_it_has_there() -> None:
    text = f"block b(make) {{\n  make(4, <>\n}}\nblock unit(c, k) {{ conv(c, k) }}\n{BODY}b(unit)\n}}\n"
    found = asked(text)
    assert found
    assert (found.text, found.active) == ("make(c, k)", 1)


def test_a_declaration_is_no_call() -> None:
    for text in ("block unit(<>", "model M(a = 1, <>", "default conv(<>"):
        assert asked(text) is None


def test_a_long_call_is_looked_for_so_far() -> None:
    workspace = Workspace(Memory({"net.cnn": "conv(4,\n" + "1,\n" * 5_000}))
    source = workspace.source(PATH)
    assert source
    assert open_call(source, len(source.text)) is None
