"""What is cached of one spec is used for the next, and changes no finding and no type of it."""

from __future__ import annotations

import pytest

from specc.diagnostics import Code, SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse


def types(body: str, sample: str = "1, 8, 8") -> list[str]:
    (one,) = check_file(parse(Source("net.cnn", f"model M : [N, {sample}] {{ {body} }}")))
    return [str(node.type) for node in one.graph.nodes]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("conv(1, 1)", "conv(true, 1)"),
        ("conv(1, 1)", "conv(1, 1.0)"),
        ("conv(1, [1, 1])", "conv(1, [true, 1])"),
        ("conv(1, [1, 1])", "conv(1, [1, 1.0])"),
        ("repeat 2 { let k = 1\nconv(1, k) }", "let k = true\nconv(1, k)"),
    ],
)
def test_what_equals_something_allowed_is_refused_all_the_same(right: str, wrong: str) -> None:
    """In Python 1 == true == 1.0, and so are lists of these."""
    types(right)
    with pytest.raises(SpecError) as caught:
        types(wrong)
    assert [finding.code for finding in caught.value.diagnostics] == [Code.BAD_ARGUMENT]


def test_one_layer_over_inputs_of_other_sizes() -> None:
    """Windows are counted without the channels, and of every size apart."""
    assert types("conv(4, 3, stride=2, padding=1)") == ["[N, 4, 4, 4]"]
    assert types("conv(4, 3, stride=2, padding=1)", "2, 8, 8") == ["[N, 4, 4, 4]"]
    assert types("conv(4, 3, stride=2, padding=1)", "1, 9, 8") == ["[N, 4, 5, 4]"]
    assert types("conv(4, 3, stride=2, padding=[1, 0])") == ["[N, 4, 4, 3]"]
    assert types("conv(4, 3, stride=2, padding=1)", "1, 8") == ["[N, 4, 4]"]
    assert types("maxpool(3, stride=2)") == ["[N, 1, 3, 3]"]
    assert types("maxpool(3, stride=2, ceil_mode=true)") == ["[N, 1, 4, 4]"]


def test_the_arguments_of_a_call_are_evaluated_in_every_round() -> None:
    found = types("for c, k in [(2, 1), (3, 3), (4, 1)] { conv(c, k, padding=k // 2, bias=false) }")
    assert found == ["[N, 2, 8, 8]", "[N, 3, 8, 8]", "[N, 4, 8, 8]"]
