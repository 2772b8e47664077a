"""The shapes behind the lines of a spec. The oracle is the checkpoint: it is proven in every call and every round."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.report.annotation import shapes
from specc.source import Source
from specc.syntax.format import annotated, formatted
from specc.syntax.parser import parse
from tests.elaborate.random_specs import Spec, specs

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/**/*.cnn"))
OTHERS = sorted(ROOT.glob("tests/networks/others/*.cnn"))

EVERYTHING = """
block pick(c) { if c > 4 { conv(c, 1) } }
block two(c) {
  conv(c, 1)
  relu
}
block sizes(c) { conv(c, 1) -> flatten }
block half(c) : [N, k, H, W] -> [N, c, H, W] {
  conv(c, 1)
  add { | _ | conv(c, 1) }
  relu  # mine
}

model X(p = 3) : [N, 4, 8, 8] {
  s: conv(8, 1)  #: a note of the author's
  for c in [8, 2] { pick(c) -> relu }
  for c in [8, 16] { two(c) }
  repeat 0 { conv(7, 1) }
  if p > 3 { conv(9, 1) } else { conv(10, 1) }
  if p > 3 { relu }
  x: two(3)  #: [N, 99]
  _ -> _
  shared t = conv(3, 3, padding=1) -> relu
  t -> relu -> t
  half(5) -> half(5)
  maxpool(2)  # halved
  [N, 5, 4, 4]
  upsample(scale_factor=2)
  add { | _ | in -> relu
    conv(5, 1) -> tanh }
  name: { if p == 3 { conv(5, 1) } else { in } }
  features: for c in [4, 6] { repeat 2 { conv(c, (1, 2)) } -> relu }
  repeat 2 {
    conv(5, 1)
    # as wide
    relu
  }
  upsample(size=8)
  concat {
    | s
    | x -> relu -> two(6)  # foo
    | _
  }
  let y = 1
  assert y == 1
}
"""

EXPECTED = """\
block pick(c) {
  if c > 4 { conv(c, 1) }
}

block two(c) {
  conv(c, 1)
  relu
}

block sizes(c) {
  conv(c, 1) -> flatten
}

block half(c) : [N, k, H, W] -> [N, c, H, W] {
  conv(c, 1)                #: [N, 5, 8, 8]
  add { | _ | conv(c, 1) }  #: [N, 5, 8, 8]
  relu                      #: [N, 5, 8, 8]  # mine
}

model X(p = 3) : [N, 4, 8, 8] {
  s: conv(8, 1)                        #: [N, 8, 8, 8]  #: a note of the author's
  for c in [8, 2] { pick(c) -> relu }  #: [N, 8, 8, 8]
  for c in [8, 16] { two(c) }          #: [N, 16, 8, 8]
  repeat 0 { conv(7, 1) }
  if p > 3 { conv(9, 1) } else { conv(10, 1) }  #: [N, 10, 8, 8]
  if p > 3 { relu }                             #: [N, 10, 8, 8]
  x: two(3)                                     #: [N, 3, 8, 8]
  _ -> _                                        #: [N, 3, 8, 8]
  shared t = conv(3, 3, padding=1) -> relu
  t -> relu -> t      #: [N, 3, 8, 8]
  half(5) -> half(5)  #: [N, 5, 8, 8]
  maxpool(2)          #: [N, 5, 4, 4]  # halved
  [N, 5, 4, 4]
  upsample(scale_factor=2)  #: [N, 5, 8, 8]
  add {
    | _                   #: [N, 5, 8, 8]
    | in -> relu          #: [N, 4, 8, 8]
      conv(5, 1) -> tanh  #: [N, 5, 8, 8]
  }  #: [N, 5, 8, 8]
  name: { if p == 3 { conv(5, 1) } else { in } }                      #: [N, 5, 8, 8]
  features: for c in [4, 6] { repeat 2 { conv(c, [1, 2]) } -> relu }  #: [N, 6, 8, 4]
  repeat 2 {
    conv(5, 1)  #: [N, 5, 8, 4]
    # as wide
    relu  #: [N, 5, 8, 4]
  }  #: [N, 5, 8, 4]
  upsample(size=8)  #: [N, 5, 8, 8]
  concat {
    | s                    #: [N, 8, 8, 8]
    | x -> relu -> two(6)  #: [N, 6, 8, 8]  # foo
    | _                    #: [N, 5, 8, 8]
  }  #: [N, 19, 8, 8]
  let y = 1
  assert y == 1
}
"""


def with_shapes(text: str) -> str:
    file = parse(Source("spec.cnn", text))
    return annotated(file, shapes(file))


def as_checkpoints(text: str) -> str:
    """Every shape that is written as a comment becomes a checkpoint."""
    return re.sub(r" *#: \[N, ([^\]#]*)\]", r" -> [_.batch, \1]", text)


def check(text: str) -> None:
    check_file(parse(Source("spec.cnn", text)))


def in_numbers(text: str) -> str:
    """The spec with numbers for its symbolic sizes: in a block a checkpoint cannot name them."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("assert")]
    text = re.sub(r"(?<=[\])])\s+where [^{#]*", " ", "\n".join(lines))
    for name in "HWLT":
        text = re.sub(rf"\b{name}\b", "64" if name != "T" else "8", text)
    return text


@pytest.mark.parametrize("path", EXAMPLES + OTHERS, ids=lambda path: path.stem)
def test_every_shape_is_proven_as_a_checkpoint(path: Path) -> None:
    text = formatted(Source("spec.cnn", in_numbers(path.read_text(encoding="utf-8"))))
    try:
        check(text)
    except SpecError:
        pytest.skip("does not fit at these sizes, or imports another file")
    told = with_shapes(text)
    assert "#: [N" in told
    check(as_checkpoints(told))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_shapes_of_random_specs_are_proven_too(spec: Spec) -> None:
    told = with_shapes(spec.text)
    numbers = all(name not in told for name in ("floor", "/2", ", H", ", W", ", L"))
    if numbers:
        check(as_checkpoints(told))


def test_what_is_told() -> None:
    assert with_shapes(EVERYTHING) == EXPECTED
    check(as_checkpoints(EXPECTED))


def test_a_wrong_shape_would_be_noticed() -> None:
    """The oracle itself: no number of the shapes can be another."""
    found = [at for line in re.finditer(r"#: \[N, ([^\]]*)", EXPECTED) for at in range(line.start(1), line.end(1))]
    for at in (at for at in found if EXPECTED[at].isdigit()):
        with pytest.raises(SpecError):
            check(as_checkpoints(EXPECTED[:at] + str((int(EXPECTED[at]) + 1) % 10) + EXPECTED[at + 1 :]))


def test_shapes_are_brought_up_to_date_and_stay() -> None:
    told = with_shapes(EVERYTHING)
    assert with_shapes(told) == told
    assert formatted(Source("spec.cnn", told)) == told
    wider = told.replace("half(5) -> half(5)", "half(5) -> half(6) -> half(5)")
    assert "conv(c, 1)\n  add { | _ | conv(c, 1) }\n  relu  # mine\n" in with_shapes(wider)


def test_without_shapes_the_comments_of_the_author_are_left() -> None:
    told = annotated(parse(Source("spec.cnn", EXPECTED)), {})
    assert "#: [" not in told
    assert told == formatted(Source("spec.cnn", EVERYTHING.replace("  #: [N, 99]", "")))


MINE = """\
#: [1, 2]
model M : [N, 3, 8, 8] {  #: [2]
  #: [3, 3] is the kernel
  #: [3, 3]
  conv(
    4,  #: [4]
    3
  )                       # mine #: [N, 4, 6, 6]
  shared t = relu         #: [1]
  let table = [1, 2]      #: [2]
  t -> conv(table[0], 1)  #: [7]  # mine too
  [N, 1, 6, 6]            #: [1, 6, 6]
  assert params > 0       #: [5]
  #: [6]
}  #: [8]
#: [9]
"""


def test_nothing_but_what_stands_behind_a_step_is_replaced() -> None:
    """The comments of the author, which look like shapes: beside the true shapes, all of them are there."""
    told = with_shapes(MINE)
    for line in MINE.splitlines():
        comment = line[line.index("#") :] if "#" in line else ""
        assert comment.replace("#: [7]", "#: [N, 1, 6, 6]") in told
    assert told.count("#:") == MINE.count("#:") + 1
    assert "#: [N, 4, 6, 6]  # mine #: [N, 4, 6, 6]\n" in told
    assert with_shapes(told) == told


def test_a_shape_that_is_no_longer_at_the_end_of_its_line_is_replaced_too() -> None:
    begin, end = "model M : [N, 4] {", "}\n"
    for arrow in ("#: [N, 9]\n -> relu", "-> #: [N, 9]\n relu"):
        assert with_shapes(f"{begin} fc(4) {arrow} {end}") == f"{begin}\n  fc(4) -> relu  #: [N, 4]\n{end}"


def test_sizes_are_formulas() -> None:
    told = with_shapes("model M : [N, 3, H, W] { conv(8, 3, stride=2, padding=1) }")
    assert "#: [N, 8, floor((H + 1)/2), floor((W + 1)/2)]" in told
