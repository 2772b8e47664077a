"""A number where a value stands: what is said to write in place of the line computes what the line says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from specc.backends.torch import torch_source
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

Function = Callable[[torch.Tensor], torch.Tensor]
X = torch.tensor([[-3.0, -0.5, 0.25, 2.0, 7.0]])
LINES: list[tuple[str, str, Function]] = [
    ("add { | _ | -1 }", "{add: , arms: [_, -1]}", lambda x: x - 1),
    ("add { | 1e-1 | _ }", "{add: , arms: [[0.1], _]}", lambda x: x + 0.1),
    ("sub { | _ | 0.5 }", "{sub: , arms: [_, 0.5]}", lambda x: x - 0.5),
    ("sub { | _ | -2 }", '{sub: , arms: [_, "=-2"]}', lambda x: x + 2),
    ("sub { | 1 | _ }", "{sub: , arms: [1, _]}", lambda x: 1 - x),
    ("mul { | _ | 3 }", "{mul: , arms: [_, 3]}", lambda x: x * 3),
    ("div { | _ | 2 }", "{div: , arms: [_, 2]}", lambda x: x / 2),
    ("div { | _ | -4 }", "{div: , arms: [_, -4]}", lambda x: x / -4),
    ("div { | 1 | _ }", "{div: , arms: [1, _]}", lambda x: 1 / x),
    ("div { | -3 | _ }", "{div: , arms: [-3, _]}", lambda x: -3 / x),
    ("maximum { | _ | 0 }", "{maximum: , arms: [_, 0]}", functional.relu),
    ("maximum { | -1 | _ }", "{maximum: , arms: [-1, _]}", lambda x: x.clamp(min=-1)),
    ("minimum { | _ | 6 }", "{minimum: , arms: [_, 6]}", lambda x: x.clamp(max=6)),
    ("div(255)", "div: 255", lambda x: x / 255),
    ("mul(-2)", "mul: -2", lambda x: x * -2),
    ("sub(0.5)", "sub: 0.5", lambda x: x - 0.5),
    ("add(1)", "add: 1", lambda x: x + 1),
    ("maximum(0)", "maximum: 0", functional.relu),
    ("minimum(6)", "minimum: 6", lambda x: x.clamp(max=6)),
    ("jnp.maximum(_, 0)", "jnp.maximum(_, 0)", functional.relu),
    ("relu(_ + _)", "relu(_ + _)", lambda x: functional.relu(x + x)),
    ("relu(abs(_ - 1))", "relu(abs(_ - 1))", lambda x: functional.relu((x - 1).abs())),
]


def spec(line: str, name: str) -> Source:
    text = f"model M : [N, 5] {{\n  {line}\n}}\n"
    if name == "net.yaml":
        text = f"- model: M\n  input: [N, 5]\n  body:\n    - {line}\n"
    return Source(name, text)


def help_for(line: str, name: str = "net.cnn") -> str:
    with pytest.raises(SpecError) as caught:
        check_file(parse(spec(line, name)))
    (finding,) = caught.value.diagnostics
    return finding.helps[0]


@pytest.mark.parametrize("name", ["net.cnn", "net.yaml"])
@pytest.mark.parametrize(("line", "in_yaml", "meant"), LINES, ids=[line for line, *_ in LINES])
def test_the_steps_compute_what_the_line_says(line: str, in_yaml: str, meant: Function, name: str) -> None:
    steps = re.search("`(.*)`", help_for(in_yaml if name == "net.yaml" else line, name))
    assert steps
    (checked,) = check_file(parse(spec(steps[1], name)))
    names: dict[str, type[torch.nn.Module]] = {}
    exec(torch_source(checked.graph), names)
    assert torch.allclose(names["M"]()(X), meant(X), rtol=1e-6)


OTHERS = [
    ("concat { | _ | 1 }", "the arms of concat are values, not numbers"),
    ("matmul { | _ | -2 }", "the arms of matmul are values, not numbers"),
    ("fuse { | 1 | _ }", "the arms of fuse are values, not numbers"),
    ("div { | _ | 0 }", "a value over 0 is infinite, or no number"),
    ("add { | mul { | _ | _ } | 1 }", "write `affine(1, 1)` for this add"),
    ("add { | _ | relu | 1 }", "write `affine(1, 1)` behind the add of the other arms"),
    ("add { | for each c in [1, 2] { affine(c) } | 1 }", "write `affine(1, 1)` behind the add of the other arms"),
    ("sub { | 1 | _ | relu }", "if there is one other arm, write `affine(-1, 1)` behind it, for this sub"),
    ("sub {\n    | _\n    | 1\n  }", "write `affine(1, -1)` for this sub"),
    ("div {\n    | _\n    | 2\n    | relu\n  }", "write `affine(1 / 2)` behind the div of the other arms"),
]


@pytest.mark.parametrize(("line", "help_"), OTHERS, ids=[line for line, _ in OTHERS])
def test_a_number_that_is_not_joined_with_one_value(line: str, help_: str) -> None:
    assert help_for(line).partition(":")[0] == help_


def test_a_layer_on_a_layer() -> None:
    assert help_for("relu(elu(0.5))") == "write `elu(0.5) -> relu`" == help_for("F.relu(elu(0.5))")
    assert help_for("relu(elu(0.5))", "net.yaml") == "in YAML it is written `[elu: 0.5, relu]`"
