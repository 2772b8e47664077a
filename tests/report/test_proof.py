"""How a proof is told: in the words of the verdict, on a terminal, as JSON, as a page."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from specc.diagnostics import ParityError
from specc.report.formats import PROOF_FORMATS, proof_text
from specc.report.proof_page import MANY, NAMED, chart
from specc.report.proof_terminal import CLOSEST, FAILING, SHORT
from specc.report.proof_wording import OWN_WEIGHTS, FileDigest, by_step, unfit, verdict, with_notes
from specc.report.snippets import Style
from specc.verify.result import Parity, Row, TensorRow, Tolerance
from tests.report.proofs import CONV, RELU, SUBJECT, proof, reproduced

OTHER = TensorRow("conv4.weight", "different", "1 of 36 elements differ, most at [0]: 1 in the file, 2 as given")
"""A tensor with other numbers."""

SEED = SUBJECT._replace(
    files=(FileDigest("big.onnx", 12345, "0" * 64), FileDigest("big.data", 67890, "1" * 64)),
    weights="seed 1",
    claimed="seed 0",
)

HOSTILE = [
    "<script>alert(1)</script>", "</title><b>", "</style>", '" onload="x', "' onclick='x", "&amp;", "]]>", "<!-- ",
    "\x1b[31m", "\x00", "a\nb", "\u202e", "\ud800", "日本", "javascript:x", "${x}", "%s {0}",
]  # fmt: skip
each_hostile = pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)


def full(parity: Parity, **options: Any) -> str:
    return proof_text("full", parity, SUBJECT, **options)


def as_json(parity: Parity) -> Any:
    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(proof_text("json", parity, SUBJECT), parse_constant=refuse)


class TestVerdict:
    def test_proven(self) -> None:
        assert verdict(proof(12)) == (
            "parity proven on cpu: 12 steps by themselves and 3 checks against PyTorch in float64; "
            "closest to its bound: 2.50 of 12.00 roundings allowed, PyTorch's own in float32 0.75"
        )

    def test_what_was_not_compared_is_not_claimed(self) -> None:
        parity = proof(12)
        first = replace(parity.steps[0], error_onnx=None, error_torch=None, runs=0, reason="holds more than 2 GB")
        said = verdict(replace(parity, steps=(first, *parity.steps[1:])))
        assert said.startswith("parity proven on cpu: 11 of 12 steps by themselves and 3 checks")
        shown = full(replace(parity, steps=(first, *parity.steps[1:])))
        assert "\nconv0: holds more than 2 GB\n" in shown
        assert re.search(r"^conv0 .* not run$", shown, re.MULTILINE)

    def test_the_first_step_comes_first(self) -> None:
        assert verdict(proof(12, {4, 7})) == (
            f"parity failed at conv4 (nets/big.cnn:6:3): {CONV}; 1 more step and 1 check of the whole network fail too"
        )

    def test_a_given_tolerance_is_no_proof(self) -> None:
        said = verdict(replace(proof(12), tolerance=Tolerance(1e-3, 0.0)))
        assert "proven" not in said
        assert "atol 0.001 and rtol 0" in said
        assert "derived bounds have judged nothing" in said

    def test_the_run_that_is_closest_to_its_bound(self) -> None:
        """1.25 of 1.5 is closer than 2.5 of 12, though the error is smaller."""
        parity = proof(2)
        rows = (replace(parity.rows[1], bound=1.5), parity.rows[2])
        assert "; closest to its bound: 1.25 of 1.50 roundings allowed, PyTorch's own in float32 0.50" in verdict(
            replace(parity, rows=rows)
        )

    def test_without_bounds_the_largest_error(self) -> None:
        parity = proof(2)
        rows = tuple(replace(row, bound=None) for row in parity.rows)
        given = replace(parity, rows=rows, tolerance=Tolerance(1e-3, 0.0))
        assert verdict(given).endswith("; largest error 2.50 roundings, PyTorch's own in float32 0.75")

    def test_other_weights(self) -> None:
        tensors = (TensorRow("conv0.weight", "different", "3 of 9 differ"), TensorRow("conv2.weight", "different"))
        said = verdict(replace(proof(4), tensors=tensors))
        assert said == "parity failed: the weights are not the given ones: 2 of 2 tensors differ"

    def test_other_weights_come_before_what_they_do(self) -> None:
        parity = replace(proof(12, {4}), tensors=(OTHER, TensorRow("conv6.weight", "same")))
        assert verdict(parity, SEED) == (
            f"parity failed: the weights are not those of seed 1: conv4.weight: {OTHER.detail}; "
            "the file says of itself: seed 0; with them conv4 (nets/big.cnn:6:3) diverges"
        )
        assert "says of itself" not in verdict(parity, SEED._replace(claimed="seed 1"))

    def test_a_step_that_other_weights_do_not_explain(self) -> None:
        parity = replace(proof(12, {4, 7}), tensors=(OTHER,))
        assert verdict(parity, SEED).endswith(f"; relu7 (nets/big.cnn:9:3) diverges by itself: {RELU}")

    def test_other_weights_are_no_fault_where_a_tolerance_judges(self) -> None:
        parity = replace(proof(12, {4}), steps=(), tensors=(OTHER,), tolerance=Tolerance(1e-3, 0.0))
        assert verdict(parity, SEED) == "parity failed on spikes, batch 1: output is far off"

    def test_weights_that_do_not_fit(self) -> None:
        parity = unfit(
            ParityError("the weights in x do not fit the spec:", None, ("a is missing", "b is missing")), "cpu"
        )
        assert not parity.passed
        assert verdict(parity) == "parity failed: the weights in x do not fit the spec: a is missing, and more"

    def test_the_file_as_a_whole(self) -> None:
        assert verdict(Parity("cpu", (Row("interface", False, "no input is called x"),))) == (
            "parity failed on interface: no input is called x"
        )

    def test_nothing_proves_nothing(self) -> None:
        assert not Parity("cpu", ()).passed
        assert "not proven" in verdict(Parity("cpu", ()))

    def test_notes(self) -> None:
        assert with_notes(replace(proof(2), notes=("a", "b")))[1:] == ["note: a", "note: b"]


class TestNames:
    @pytest.mark.parametrize(
        ("count", "spoken", "shown"),
        [
            (1, "conv0", "conv0"),
            (3, "conv0, relu1 and conv2", "conv0 + relu1 + conv2"),
            (4, "conv0 to relu3 (4 steps)", "conv0 to relu3 (4 steps)"),
        ],
    )
    def test_of_steps_that_the_file_computes_as_one(self, count: int, spoken: str, shown: str) -> None:
        steps = proof(count, {count - 1}).steps
        row = replace(steps[-1], steps=tuple(step.name for step in steps))
        assert (by_step(row), by_step(row, " + ")) == (spoken, shown)
        assert f"parity failed at {spoken} (" in verdict(replace(proof(count), steps=(row,)))
        assert shown in full(replace(proof(count), steps=(row,)))


class TestFull:
    def test_every_step_of_a_small_network(self) -> None:
        lines = full(proof(SHORT)).splitlines()
        found = [line.split() for line in lines if re.match(r"(conv|relu)\d+ ", line)]
        assert [line[0] for line in found] == [step.name for step in proof(SHORT).steps]
        assert found[0] == "conv0 conv(4, 3) 2:3 sum of 27 products 16 0.5 0.25 ok".split()
        assert found[1] == "relu1 relu 3:3 exact 16 0 0 ok".split()
        assert lines[-1] == verdict(proof(SHORT))

    def test_of_a_large_one_what_fails_and_what_is_close(self) -> None:
        lines = full(proof(500, {120, 301})).splitlines()
        found = [line.split()[0] for line in lines if re.match(r"(conv|relu)\d+ ", line)]
        # The errors fall from step to step, so the first convolutions are the closest.
        assert found == [*(f"conv{2 * place}" for place in range(CLOSEST)), "conv120", "relu301"]
        assert f"... {500 - CLOSEST - 2} more that hold: --all shows every step" in lines

    def test_many_that_fail(self) -> None:
        lines = full(proof(500, range(500))).splitlines()
        found = [line.split()[0] for line in lines if re.match(r"(conv|relu)\d+ ", line)]
        assert found == [step.name for step in proof(500).steps[:FAILING]]
        assert f"... {500 - FAILING} more that fail: --all shows every step" in lines

    def test_everything(self) -> None:
        shown = full(proof(500, {120}), everything=True)
        assert len(re.findall(r"^(?:conv|relu)\d+ ", shown, re.MULTILINE)) == 500
        assert "--all" not in shown

    def test_the_first_that_diverges_at_its_line(self) -> None:
        shown = full(reproduced(proof(12, {4, 7})))
        assert (
            "error: the file's conv4 is not the spec's\n"
            " --> nets/big.cnn:6:3\n"
            "  |\n"
            "6 |   conv(4, 3)\n"
            "  |   ^^^^^^^^^^ 50 times as far from the truth as is allowed\n"
            "  |\n"
            f"  = note: {CONV}\n"
            "  = note: measured: normal, batch 2, graph optimisation off; "
            "16 runs of this step, on PyTorch's own inputs to it\n"
            "  = note: allowed: what rounding can do to it, sum of 27 products: errors of the partial sums\n"
            "  = note: PyTorch's own float32 result is at 0.25 of what is allowed\n"
            "  = note: in the file: Conv\n"
            "  = note: the 4 steps before it hold; 1 step behind it fails too\n"
            "  = help: --repro DIR writes this step alone"
        ) in shown

    def test_an_exact_step(self) -> None:
        shown = full(proof(12, {7}))
        assert "  |   ^^^^ not equal to the bit\n" in shown
        assert f"note: {RELU}\n" in shown
        assert "note: allowed: nothing" in shown
        assert "--repro" not in shown  # there is nothing to write

    def test_the_tensors_of_the_step(self) -> None:
        tensors = (TensorRow("conv4.weight", "different", "9 differ"), TensorRow("conv40.weight", "different", "all"))
        cause, shown = full(replace(proof(12, {4}), tensors=tensors)).split("\n\n")[-3:-1]
        assert cause == (
            "error: the weights are not the given ones: 2 of 2 tensors differ\n"
            "  = note: conv4.weight: 9 differ\n"
            "  = note: conv40.weight: all"
        )
        assert shown.startswith("error: the file's conv4 is not the spec's: other weights\n")
        assert "  = note: conv4.weight: 9 differ\n" in shown
        assert "note: conv40" not in shown

    def test_facts(self) -> None:
        tensors = (TensorRow("a", "same"), TensorRow("b", "folded", "into c"), TensorRow("c", "folded", "with b"))
        lines = full(replace(proof(2), tensors=tensors)).splitlines()
        facts = [line.split(maxsplit=1) for line in lines]
        assert ["tensors", "3 tensors: 1 equal to the bit and 2 folded into others"] in facts
        assert ["b:", "folded, into c"] in facts
        assert ["nodes", "CPUExecutionProvider: all 2 nodes of the optimised model"] in facts
        assert ["TF32", "off"] in facts

    def test_what_it_was_about(self) -> None:
        shown = proof_text("full", proof(2), SEED)
        first, second = "0" * 64, "1" * 64
        assert f"file         big.onnx, 12,345 bytes\nSHA-256      {first}\n" in shown
        assert f"file         big.data, 67,890 bytes\nSHA-256      {second}\nweights      seed 1\n" in shown
        assert OWN_WEIGHTS in proof_text("full", proof(2), SEED._replace(weights=OWN_WEIGHTS))

    def test_weights_that_do_not_fit(self) -> None:
        error = ParityError("the weights in x do not fit the spec:", None, ("a is missing", "\x1bb is missing"))
        lines = full(unfit(error, "cpu")).splitlines()
        place = lines.index("the weights in x do not fit the spec:")
        assert lines[place + 1 : place + 3] == ["  a is missing", "  \\x1bb is missing"]
        assert re.fullmatch("weights +failed", lines[place - 1])

    def test_several_providers(self) -> None:
        placed = (*((f"n{place}", "CUDAExecutionProvider") for place in range(9)), ("shape", "CPUExecutionProvider"))
        shown = full(replace(proof(2), assignment=placed))
        assert "CUDAExecutionProvider: 9 nodes: n0, n1, n2, n3, n4, n5 and 3 more\n" in shown
        assert "CPUExecutionProvider: 1 node: shape\n" in shown

    @each_hostile
    def test_nothing_that_a_terminal_obeys(self, hostile: str) -> None:
        for parity in (proof(4, extra=hostile), proof(4, {1}, extra=hostile)):
            shown = full(parity)
            assert {character for character in shown if ord(character) < 32} == {"\n"}
            assert len(shown.splitlines()) == len(full(proof(4, () if parity.passed else {1}, extra="x")).splitlines())

    def test_colours(self) -> None:
        assert "\x1b" not in full(proof(4, {1}))
        shown = full(proof(4, {1}), style=Style(color=True))
        assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == full(proof(4, {1}))
        assert "\x1b[31mfailed" in shown

    @pytest.mark.parametrize("failing", [(), (4, 7), range(12)])
    def test_tables_fit_a_screen_of_80(self, failing: tuple[int, ...]) -> None:
        shown = full(proof(12, failing, extra=", randomised state, H=224, W=224"), style=Style(width=80))
        steps, whole = (part.split("\n") for part in shown.split("\n\n")[1:3])
        assert max(map(len, [*steps[: 3 + 12], *whole[: 3 + 3]])) <= 80
        assert steps[3 + 4].endswith("failed" if failing else "ok")
        assert whole[3 + 2].endswith("failed" if failing else "ok")

    def test_why_rows_fail_stands_below_the_table(self) -> None:
        steps, whole = full(proof(12, {4, 7})).split("\n\n")[1:3]
        assert steps.split("\n")[-2:] == [f"conv4: {CONV}", f"relu7: {RELU}"]
        assert whole.split("\n")[-1] == "spikes, batch 1, graph optimisation on: output is far off"

    def test_a_narrow_screen_cuts_no_number(self) -> None:
        shown = full(proof(4, extra="x" * 60), style=Style(width=100))
        assert "conv(4, 3)xxx" not in shown.split("\n\n")[1]
        assert re.search(r"^conv0xx.*\.\.\. .* 0\.5 +0\.25  ok$", shown, re.MULTILINE)
        assert "0.167" in shown


class TestJson:
    SCHEMA = json.loads(files("specc.report").joinpath("proof.schema.json").read_text(encoding="utf-8"))

    @pytest.mark.parametrize("failing", [(), (4, 7), range(12)])
    def test_schema(self, failing: tuple[int, ...]) -> None:
        Draft202012Validator.check_schema(self.SCHEMA)
        parity = proof(12, failing)
        for tolerance in (None, Tolerance(1e-3, math.inf)):
            Draft202012Validator(self.SCHEMA).validate(as_json(replace(parity, tolerance=tolerance)))

    def test_the_schema_allows_nothing_else(self) -> None:
        value = as_json(proof(2))
        value["steps"][0]["error_onnx"] = "NaN"
        assert not Draft202012Validator(self.SCHEMA).is_valid(value)

    def test_everything_is_there(self) -> None:
        value = as_json(proof(12, {4}))
        assert (value["version"], value["model"], value["onnx"]) == (1, "Big", "big.onnx")
        assert (value["passed"], value["first_divergence"]) == (False, "conv4")
        assert value["verdict"] == verdict(proof(12, {4}))
        step = value["steps"][4]
        assert step["start"] == {"line": 6, "column": 3}
        assert step["end"] == {"line": 6, "column": 13}
        assert (step["path"], step["error_onnx"], step["error_torch"]) == ("nets/big.cnn", 50.0, 0.25)
        assert len(value["tensors"]) == 6
        assert value["checks"][1]["bound"] == 12.0
        assert value["files"] == []
        assert value["settings"][0] == {"name": "onnxruntime", "value": "1.0"}

    def test_what_it_was_about(self) -> None:
        value = json.loads(proof_text("json", proof(2), SEED))
        Draft202012Validator(self.SCHEMA).validate(value)
        assert value["files"][0] == {"name": "big.onnx", "size": 12345, "sha256": "0" * 64}
        assert (value["weights"], value["claimed"]) == ("seed 1", "seed 0")

    @pytest.mark.parametrize(
        ("number", "written"), [(math.inf, "infinity"), (-math.inf, "-infinity"), (math.nan, "nan"), (None, None)]
    )
    def test_numbers_that_json_has_not(self, number: float | None, written: str | None) -> None:
        parity = proof(2)
        rows = (replace(parity.rows[1], error_onnx=number, error_torch=number, bound=number),)
        steps = (replace(parity.steps[0], error_onnx=number, error_torch=number),)
        value = as_json(replace(parity, rows=rows, steps=steps))
        assert value["checks"][0]["bound"] == value["checks"][0]["error_onnx"] == written
        assert value["steps"][0]["error_torch"] == written
        Draft202012Validator(self.SCHEMA).validate(value)

    @each_hostile
    def test_any_text(self, hostile: str) -> None:
        shown = proof_text("json", proof(4, {1}, extra=hostile), SUBJECT)
        Draft202012Validator(self.SCHEMA).validate(json.loads(shown.encode("utf-8")))


class Page(HTMLParser):
    """A page as another reader sees it: elements, their attributes, the text."""

    VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(parity: Parity) -> str:
    return proof_text("html", parity, SUBJECT)


class TestHtml:
    @pytest.mark.parametrize("count", [0, 1, 12, 500])
    @pytest.mark.parametrize("is_failing", [False, True])
    def test_it_is_whole_and_needs_nothing(self, count: int, is_failing: bool) -> None:
        shown = page(proof(count, {count // 2} if is_failing and count else ()))
        found = Page(shown)
        assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(found.tags)
        assert not {"src", "href", "action", "srcset"} & {name for name, _ in found.attributes}
        assert not re.search(r"url\(|@import|@font-face|https?:", shown)
        assert ("svg" in found.tags) == (count > 0)

    @each_hostile
    def test_names_mean_nothing(self, hostile: str) -> None:
        """The same elements and attributes as with a harmless name; and the name is there to be read."""
        harmless, shown = (page(proof(12, {4, 7}, extra=extra)) for extra in ("x", hostile))
        assert Page(shown).tags == Page(harmless).tags
        assert [n for n, _ in Page(shown).attributes] == [n for n, _ in Page(harmless).attributes]
        assert shown.encode("utf-8").isascii() or hostile in ("日本", "\u202e", "\ud800")
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", shown)

    def test_text_is_as_it_was(self) -> None:
        name = "<b>&\"'"
        assert any(f"conv0{name}" == text for text in Page(page(proof(4, extra=name))).text)

    def test_accessible(self) -> None:
        shown = page(proof(12, {4}))
        attributes = Page(shown).attributes
        assert ("lang", "en") in attributes
        assert ("role", "img") in attributes
        assert ("aria-labelledby", "chart-title chart-about") in attributes
        assert '<title id="chart-title">' in shown
        assert '<desc id="chart-about">1 of 12 steps are beyond the bound; the first is conv4.' in shown
        assert shown.count("<caption>") == shown.count("<table>") == 3
        ids = [value for name, value in attributes if name == "id"]
        assert len(ids) == len(set(ids))

    def test_the_line_of_the_spec(self) -> None:
        shown = page(proof(12, {4}))
        assert "6 |   conv(4, 3)\n  |   ^^^^^^^^^^ 50 times" in shown
        assert "<pre>" not in page(proof(12))

    def test_every_row_is_there(self) -> None:
        assert page(proof(500)).count('<th scope="row">') == 500 + 3 + 3
        assert "<details>\n<summary>all 500 steps</summary>" in page(proof(500))
        assert "<details>" not in page(proof(12))

    def test_the_verdict_is_said_once(self) -> None:
        for parity in (proof(12), proof(12, {4})):
            said = verdict(parity)
            assert f">{said[0].upper()}{said[1:].partition(': ')[0]}" in page(parity)
            assert not re.search("(Proven|Failed)[.] ", page(parity))

    def test_many_checks_that_hold_are_folded(self) -> None:
        parity = proof(12, {4})
        whole = page(replace(parity, rows=(*parity.rows[:2],) * MANY + parity.rows[2:])).partition("The whole network")[
            2
        ]
        shown, _, folded = whole.partition("<details>")
        assert "spikes" in shown
        assert f"<summary>{2 * MANY} checks that hold</summary>" in folded
        assert shown.count('<th scope="row">') == 1

    def test_weights_that_do_not_fit(self) -> None:
        shown = Page(page(unfit(ParityError("the weights in x do not fit:", None, ("a is missing",)), "cpu")))
        assert {"The weights in x do not fit:", "a is missing"} <= set(shown.text)
        assert not any("\\n" in text for text in shown.text)

    def test_long_notes_go_on_in_the_next_line(self) -> None:
        """And lines of the spec do not: the marks below them would be elsewhere."""
        shown = page(proof(12, {4}))
        assert f'<span class="words">  = note: {CONV}</span>' in shown
        assert re.search(r"pre \.words \{[^}]*pre-wrap", shown)
        assert '<span class="words">6 |' not in shown

    def test_what_it_was_about(self) -> None:
        text = Page(proof_text("html", replace(proof(12, {4}), tensors=(OTHER,)), SEED)).text
        assert "0" * 64 in text
        assert "seed 1" in text
        assert any(line.startswith("The weights are not those of seed 1: conv4.weight: ") for line in text)
        assert "the file says of itself: seed 0" in text

    def test_a_given_tolerance_is_no_proof(self) -> None:
        shown = page(replace(proof(4), tolerance=Tolerance(1e-3, 0.0)))
        assert "Within tolerance" in shown
        assert "Proven" not in shown


class TestChart:
    """By its geometry, as a program reads it."""

    @staticmethod
    def marks(svg: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
        return [element for element in svg.iter() if element.get("class") == kind]

    @staticmethod
    def drawn(parity: Parity) -> ElementTree.Element:
        return ElementTree.fromstring(chart(parity.steps))

    def test_a_mark_for_each(self) -> None:
        svg = self.drawn(proof(12, {4, 7}))
        assert len(self.marks(svg, "onnx")) == len(self.marks(svg, "torch")) == 5
        assert len(self.marks(svg, "exact")) == 5
        assert len(self.marks(svg, "cross")) == len(self.marks(svg, "step bad")) == 2

    def test_logarithmic(self) -> None:
        """0.5, 0.05 and the bound are as far apart as 10 and 1 to 1.3: by hand from the rulers."""
        parity = proof(1)
        (first,) = parity.steps
        svg = self.drawn(replace(parity, steps=tuple(replace(first, error_onnx=e) for e in (1.0, 0.1, 0.01, 0.5))))
        one, tenth, hundredth, half = (float(dot.get("cy", "")) for dot in self.marks(svg, "onnx"))
        (limit,) = self.marks(svg, "limit")
        assert one == pytest.approx(float(limit.get("y1", "")), abs=0.06)
        assert tenth - one == pytest.approx(hundredth - tenth, abs=0.2)
        assert (half - one) / (tenth - one) == pytest.approx(math.log10(2), abs=0.01)

    def test_steps_stand_in_their_order(self) -> None:
        svg = self.drawn(proof(500))
        places = [float(strip.get("x", "")) for strip in self.marks(svg, "strip")]
        assert places == sorted(places)
        assert len(set(places)) == 500

    def test_everything_is_inside(self) -> None:
        for parity in (proof(1), proof(500, {0, 1, 499}), proof(NAMED, range(NAMED)), proof(NAMED + 1, {3})):
            svg = self.drawn(parity)
            _, _, width, height = map(float, svg.get("viewBox", "").split())
            for element in svg.iter():
                for x in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(element.get(x, 0)) <= width
                for y in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(element.get(y, 0)) <= height

    @pytest.mark.parametrize("error", [math.inf, math.nan, 1e300, 0.0, 1e-300, None])
    def test_any_number(self, error: float | None) -> None:
        (first,) = proof(1).steps
        for passed in (True, False):
            svg = chart([replace(first, error_onnx=error, error_torch=error, passed=passed)])
            assert not re.search(r"\b(nan|inf|None)\b", re.sub("<title>(.|\n)*?</title>|<desc.*</desc>", "", svg))

    def test_hovering_says_the_numbers(self) -> None:
        titles = [element.text for element in self.drawn(proof(4, {1})).iter("title")]
        assert titles[1:] == [
            "conv0: conv(4, 3)\nsum of 27 products\nONNX 0.5, PyTorch 0.25 of what is allowed",
            f"relu1: relu\nfailed: {RELU}",
            "conv2: conv(4, 3)\nsum of 27 products\nONNX 0.167, PyTorch 0.25 of what is allowed",
            "relu3: relu\nexact: equal to the bit",
        ]


@pytest.mark.parametrize("name", PROOF_FORMATS)
def test_the_same_proof_gives_the_same_bytes(name: str) -> None:
    first, second = (proof_text(name, proof(40, {4}), SUBJECT) for _ in range(2))
    assert first == second


def test_an_unknown_format() -> None:
    with pytest.raises(ValueError, match="full, json, html"):
        proof_text("pdf", proof(1), SUBJECT)
