"""Which lines of a spec can be folded away."""

from __future__ import annotations

import pytest

from specc.server.folding import folds
from specc.source import Source
from specc.syntax.mending import mended

TEXT = """\
from "a.cnn" import a
from "b.cnn" import b,
  c,
  d
# one comment
# over two lines

let table = [
  [1, 2],
]
block unit(c) { conv(c, 3) }
model M : [N, 3, 9, 9] -> [N, 4]
    where N > 0 {
  add {
    | conv(
        4, 1,
      ) -> relu
      relu
    | _
  }
  if 1 > 0 {
    relu  # no comment of its own
  } else {
    gelu
    BROKEN
  }
  repeat 2 {
    relu
    relu }
}
"""
FOLDS = """\
0-3 imports
4-5 comment
7-8 code
11-28 code
13-18 code
14-17 code
20-21 code
22-24 code
26-28 code
"""


@pytest.mark.parametrize("broken", ["gelu", "conv(", "-> ->"])
def test_bodies_arms_lists_comments_and_imports_can_be_folded(broken: str) -> None:
    source = Source("net.cnn", TEXT.replace("BROKEN", broken))
    found = folds(source, mended(source))
    assert "".join(f"{one.first}-{one.last} {one.kind}\n" for one in found) == FOLDS


def test_yaml_folds_by_its_indentation_which_editors_know() -> None:
    assert folds(Source("net.yaml", "# one\n# two\n"), None) == []
