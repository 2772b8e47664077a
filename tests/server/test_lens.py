"""What models cost at chosen sizes, and what their parts have of it: published numbers, and some by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.diagnostics import UsageError
from specc.elaborate import phases
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import DISK, Memory
from specc.server import lens
from specc.server.lens import chosen_sizes, details, read_sizes, sized_models
from specc.server.outline import has_letters, outline
from specc.source import Source
from specc.syntax import parse, read
from specc.syntax.mending import mended

EXAMPLES = Path(__file__).parents[2] / "examples"
BODY = "conv(8, 3, padding=1) -> relu -> conv(4, 1)"
TEXT = f"""\
model Free : [N, 3, H, W] where H % 32 == 0, W <= 128 {{ {BODY} }}
model Fixed : [N, 3, 32, 32] {{ {BODY} }}
"""


def lenses(text: str, **sizes: int) -> list[str]:
    file = mended(Source("net.cnn", text))
    return [f"{one.model.name}: {one.text}" for one in sized_models(file, DISK, sizes)] if file else []


def test_models_have_the_numbers_that_are_published() -> None:
    file = parse(read((EXAMPLES / "zoo" / "resnet.cnn").as_posix(), DISK))
    found = {one.model.name: one.text for one in sized_models(file, DISK, {})}
    # torchvision's table: parameters, and GFLOPS, which count multiply-accumulates.
    assert found["ResNet18"] == "11.69 M parameters, 1.814 G MACs at H = 224, W = 224"
    assert found["ResNet50"] == "25.56 M parameters, 4.089 G MACs at H = 224, W = 224"
    assert found["ResNet152"] == "60.19 M parameters, 11.51 G MACs at H = 224, W = 224"


def test_symbolic_sizes_are_those_that_are_asked_for_or_the_next_that_the_contract_allows() -> None:
    weights = 8 * 27 + 8 + 4 * 8 + 4
    each = 8 * 27 + 4 * 8  # multiply-accumulates of a place
    assert lenses(TEXT, H=64, W=10) == [
        f"Free: {weights} parameters, {each * 640 / 1000:.4g} k MACs at H = 64, W = 10",
        f"Fixed: {weights} parameters, {each * 1024 / 1000:.4g} k MACs",
    ]
    assert lenses(TEXT, H=65)[0].endswith("at H = 96, W = 128")
    assert lenses(TEXT)[0].endswith("at H = 224, W = 128")


def test_a_model_that_does_not_fit_has_none_and_others_do() -> None:
    broken = TEXT.replace("Fixed : [N, 3, 32, 32]", "Fixed : [N, 3]")
    assert [one.partition(":")[0] for one in lenses(f"{broken}model C : [N, 3, 9] {{ conv( }}\n", H=32)] == ["Free"]
    assert lenses("") == []


def test_sizes_are_those_of_the_budget_but_for_what_the_editor_says() -> None:
    settings = '[budget]\nmacs = "1G"\nat = { H = 64, W = 96 }\n[budget."small.cnn"]\nat = { H = 32 }\n'
    files = Memory({"specc.toml": settings, "net.cnn": "", "small.cnn": ""})
    path = f"{Memory.TOP}/net.cnn"
    assert chosen_sizes(path, files, {}) == {"H": 64, "W": 96}
    assert chosen_sizes(path, files, {"W": 8, "D": 4}) == {"H": 64, "W": 8, "D": 4}
    assert chosen_sizes(f"{Memory.TOP}/small.cnn", files, {}) == {"H": 32, "W": 96}
    assert chosen_sizes(path, Memory({"specc.toml": "nonsense = 1"}), {"H": 8}) == {"H": 8}


@pytest.mark.parametrize("value", [[], "224", {"H": 0}, {"H": "224"}, {"H": True}, {"H": 2.5}])
def test_sizes_are_whole_numbers_above_0(value: object) -> None:
    with pytest.raises(UsageError, match="the option sizes must give sizes, as in"):
        read_sizes(value)


def test_every_part_of_a_file_has_what_it_costs_or_the_least_and_the_most() -> None:
    text = """\
block unit(c) { a: conv(c, 1, bias=false) -> bn }
model M : [N, 4, 10, 10] {
  one: unit(2)
  two: repeat 2 { unit(3) -> unit(3) }
  three: relu
  shared s = conv(3, 3, padding=1)
  s -> s -> last: { flatten -> fc(1) }
}
let c = 1
"""
    file = parse(Source("net.cnn", text))
    found = outline(file, details(file, sized_models(file, DISK, {})))
    names = {(one.name, inner.name): inner.costs for one in found for inner in one.inner}
    names |= {("", one.name): one.costs for one in found}
    two = (6 + 6) + (9 + 6) * 3  # the weights of each, and two for each channel of a norm
    whole = (8 + 4) + two + 3 * 3 * 9 + 3 + 301
    macs = 800 + (6 + 9 * 3) * 100 + 2 * 81 * 100 + 300
    assert names == {
        ("", "unit"): "12 to 15 parameters, 600 to 900 MACs",
        ("unit", "a"): "6 to 9 parameters, 600 to 900 MACs",
        ("", "M"): f"{whole} parameters, {macs / 1000:.4g} k MACs",
        ("M", "one"): "12 parameters, 800 MACs",
        ("M", "two"): f"{two} parameters, 3,300 MACs",
        ("M", "three"): "",
        ("M", "last"): "301 parameters, 300 MACs",
        ("", "c"): "",
    }


def test_names_are_found_by_some_of_their_letters() -> None:
    assert [has_letters("ResNet50", letters) for letters in ("", "rn50", "net", "RESNET50", "tn", "resnet500")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip


def test_a_model_that_is_as_it_was_is_not_counted_again_and_costs_what_it_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    amounts = lens._amounts
    monkeypatch.setattr(lens, "_amounts", lambda graph, at: [counted.append(graph.name), amounts(graph, at)][1])
    block = "block unit(c) { a: conv(c, 1) -> bn }\n"
    text = f"{block}{TEXT}model Third : [N, 3, H, 8] {{ one: unit(3) -> unit(4) }}\n"
    known = ModelCache()

    def answer(text: str, cache: ModelCache | None, **sizes: int) -> tuple[list[str], object]:
        file = mended(Source("net.cnn", text))
        assert file
        found = sized_models(file, DISK, sizes, cache)
        return [one.text for one in found], details(file, found)

    for now, sizes, anew in (
        (text, {"H": 32}, ["Free", "Fixed", "Third"]),
        (f"# new\n\n{text}", {"H": 32}, []),
        (text.replace("conv(4, 1)", "conv(5, 1)", 1), {"H": 32}, ["Free"]),
        (text.replace("{ conv(8", "{ conv( 8", 1), {"H": 64}, ["Free", "Third"]),
        (text.replace("bn", "relu"), {"H": 64}, ["Free", "Third"]),
        (f"{text}model Half : [N, 3, 8, 8] {{\n  conv(\n}}\n", {"H": 64}, []),
    ):
        counted.clear()
        found = answer(now, known, **sizes)
        assert counted == anew
        assert found == answer(now, None, **sizes)


def test_a_model_that_does_not_fit_is_tried_once_until_it_or_what_it_uses_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []
    elaborated = phases._elaborated
    monkeypatch.setattr(
        phases, "_elaborated", lambda model, *args: [tried.append(model.name), elaborated(model, *args)][1]
    )
    text = "let c = 0\nblock unit() { conv(c, 3) }\nmodel A : [N, 3, 8, 8] { unit }\nmodel B : [N, 3, 8, 8] { relu }\n"
    known = ModelCache()
    for now, anew, fits in (
        (text, ["A", "B"], ["B"]),
        (text, [], ["B"]),
        (f"# new\n{text}let d = 4\n", [], ["B"]),
        (text.replace("c = 0", "c = 2"), ["A"], ["A", "B"]),
        (text, [], ["B"]),
        (text.replace("3)", "3) ->"), [], ["B"]),  # half-written: nothing that uses it fits
        (text.replace("c = 0", "c = x"), ["A"], ["B"]),  # a mistake of the file, which may hide others
        (text.replace("c = 0", "c = x"), ["A"], ["B"]),
    ):
        tried.clear()
        file = mended(Source("net.cnn", now))
        assert file
        assert [one.model.name for one in sized_models(file, DISK, {}, known)] == fits
        assert tried == anew
