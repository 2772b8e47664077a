"""Asserts about every metric, in every form: a claim holds, or it is refused, and none ends in an internal error."""

from __future__ import annotations

from itertools import product

import pytest

from specc.diagnostics import Code, SpecError
from specc.elaborate import check_file
from specc.elaborate.assertions import METRICS
from specc.source import Source
from specc.syntax import parse

MODELS = {
    "fixed": "[N, 4, 8, 8] { conv(4, 3)",
    "fixed, batch too": "[2, 4, 8, 8] { conv(4, 3)",
    "symbolic": "[N, 4, H, W] where H % 2 == 0, W % 2 == 0, H >= 4, W >= 4 { conv(4, 3)",
    "fixed, reshaped": "[N, 4, 8, 8] { conv(4, 3, padding=1) -> reshape(-1, 2, 16, 8)",
    "symbolic, reshaped": "[N, 4, H, W] where H >= 4, W >= 4 { conv(4, 3, padding=1) -> reshape(-1, 2, 2 * H, W)",
    "flat": "[N, 4] { fc(3)",
    "flat and symbolic": "[N, L] where L >= 2 { relu",
    "of different ranks": "(a: [N, 2, L], b: [N, 2]) where L >= 2 { concat { | a -> mean(2) | b }",
    "too irregular": "[N, 1, L] where L >= 90_000 { add { | slice(0, 80_000, dim=2) | slice(0, 80_000, dim=2) -> "
    'upsample(size=70_001, mode="linear", align_corners=true) -> pad([0, 9_999]) }',
}
SIZES = (
    "",
    "H=8, W=8",
    "W=8, H=8, N=2",
    "N=2",
    "L=5",
    "L=100_000",
    "H=8",
    "H=8, W=8, K=3",
    "H=0, W=8",
    "H=-2, W=8",
    "H=5, W=7",
    "8",
    "8, 8",
    "H=8.0, W=8",
    "H=true, W=8",
    "H=none, W=8",
    'H="8", W=8',
    "H=[8], W=8",
    "H=9_223_372_036_854_775_806, W=8",
    "H=params, W=8",
    "H=macs, W=8",
    "H=receptive_field, W=8",
)
FORMS = (
    "{} == 3",
    "{} != 3",
    "3 < {}",
    "{} <= 3.5",
    "{} == {}",
    "{} < {}",
    "{} == [3, 3]",
    "{} < [3]",
    "{} == none",
    '{} == "3"',
    "{} == true",
    "{} == relu",
    "{}[0] == 3",
    "{}[-1] == 3",
    "{}[7] == 3",
    "{}[depth] == 3",
    "[3, 4][{}] == 3",
    "{}[0][0] == 3",
    "-{} == 3",
    "{} + 1 == 3",
    "2 * {} == 3",
    "{} / 0 == 3",
    "{} % 7 == 3",
    "{}",
    "not {}",
    "{} and true",
    "true or {}",
    "(3 if {} > 3 else 4) == 3",
    "({} if true else 4) == 3",
    "max({}, 4) == 4",
    "max({}) == 4",
    "len({}) == 2",
    "len([{}]) == 1",
    "[{}] == [3]",
    "abs({}) == 3",
    "round({}) == 3",
    "range({}) == [0]",
    "{}.channels == 3",
    "{}(3) == 3",
)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("model", MODELS)
def test_every_form_holds_or_is_refused(model: str, metric: str) -> None:
    asked = [metric, *(f"{metric}({sizes})" for sizes in SIZES)]
    claims = [*((form, metric) for form in FORMS), *product(FORMS[:1], asked), *product(FORMS, asked[2:3])]
    asserts = "\n".join(f"  assert {form.replace('{}', number)}" for form, number in claims)
    text = f"model M : {MODELS[model]}\n{asserts}\n}}"
    with pytest.raises(SpecError) as refused:
        check_file(parse(Source("m.cnn", text)))
    codes = {finding.code for finding in refused.value.diagnostics}
    assert codes <= {Code.ASSERTION, Code.BAD_VALUE, Code.UNKNOWN_NAME, Code.LIMIT, Code.UNPROVEN}


WITHOUT = {
    "fixed, reshaped": "",
    "symbolic, reshaped": "(H=8, W=8)",
    "flat": "",
    "of different ranks": "(L=5)",
    "flat and symbolic": "(L=5)",
    "too irregular": "(L=100_000)",
}


@pytest.mark.parametrize("form", ["{} == 3", "{} != 3", "{}[0] > 3", "{} + 1 == 3", "max({}) == 3", "{} == none"])
@pytest.mark.parametrize(("model", "sizes"), WITHOUT.items())
def test_a_number_that_does_not_exist_is_named(model: str, sizes: str, form: str) -> None:
    number = f"receptive_field{sizes}"
    text = f"model M : {MODELS[model]}\n  assert {form.replace('{}', number)}\n}}"
    with pytest.raises(SpecError) as refused:
        check_file(parse(Source("m.cnn", text)))
    (finding,) = refused.value.diagnostics
    assert finding.code is Code.BAD_VALUE
    assert finding.message.startswith("this network has no receptive field: ")
    assert finding.primary.span.text == number


@pytest.mark.parametrize("sizes", ["H=8, W=8", "H=64, W=4"])
def test_at_symbolic_sizes_it_is_what_it_is_at_fixed_ones(sizes: str) -> None:
    text = f"model M : {MODELS['symbolic']}\n  assert receptive_field({sizes}) == 3\n}}"
    check_file(parse(Source("m.cnn", text)))
