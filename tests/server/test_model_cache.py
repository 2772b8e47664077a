"""Models of earlier texts: what is said with them is what is said without."""

from __future__ import annotations

import random

import pytest

from specc.elaborate import model_cache
from specc.elaborate.model_cache import ModelCache
from specc.report.remarks import remark
from specc.server.buffers import Buffers
from specc.server.diagnosis import diagnosis
from specc.server.hints import hints
from specc.source import Source
from specc.syntax.mending import mended
from specc.syntax.yaml.writer import to_yaml

LIBRARY = "block unit(c) {\n  conv(c, 3, padding=1)\n  relu -> relu\n}\nlet wide = 8\n"
SPEC = """\
from "lib.cnn" import unit, wide
let narrow = 4
default conv(bias = false)
block inner { maxpool(1) }
block pair(c, act = relu) {
  unit(c) -> inner
  act -> dropout(0.5)
}

model A : [N, 3, 8, 8] -> [N, 5] {
  first: pair(wide)
  for c in [4, narrow] { unit(c) }
  flatten -> fc(5)
}

model B(w = 6) : [N, 3, 16, 16] {
  shared s = conv(3, 3, padding=1)
  s -> relu -> relu -> s
  conv(w, 3, padding=1) -> bn
  add { | _ | pair(w, tanh) }
}
default conv(padding = 1)
model C : [N, 3, 8, 8] {
  conv(7, 3)
  repeat 2 { conv(8, 3) }
  avgpool(8) -> sigmoid
}
"""
CHANGES = (
    (r"first", "a"),
    ("wide", "narrow"),
    ("(8, 3)", "(8, 5)"),
    ("[4, narrow]", "[4, 4, 4]"),
    ("relu", "tanh"),
    ("bn", "flaten"),
    ("    unit", "unit"),
    ("\n", "\n# é 𝕊\n"),
    ("{", ""),
    ("fc(5)", "fc(6)"),
    ("false", "true"),
    ("padding=1", "padding=w"),
    ("model C", "model A"),
    ("let narrow", "let wide"),
)
PATHS = ("/project/lib.cnn", "/project/net.cnn", "/project/net.cnn.yaml")
TEXTS = dict(zip(PATHS, (LIBRARY, SPEC, to_yaml(Source("net.cnn", SPEC))), strict=True))


def said(path: str, files: Buffers, models: ModelCache | None) -> object:
    found = diagnosis(path, files, models)
    source = Source(path, files.text(path) or "")
    try:
        file = models.tree(source) if models else None
    except Exception:  # noqa: BLE001 - what is wrong is among the findings
        file = None
    file = file or mended(source)
    shown = hints(file, files, models) if file else None
    return [(one.sort_key, remark(one).text, one.fix) for one in found.findings], found.problem, shown


def plain(answer: object) -> str:
    """The answer with its places: spans of two texts of one name are never equal."""
    return repr(answer)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (PATHS[0], "padding=1", "padding=0"),
        (PATHS[0], "block", "# a line\nblock"),
        (PATHS[0], "8", "9"),
        (PATHS[0], "relu -> relu", "relu"),
        (PATHS[0], "wide", "broad"),
        (PATHS[1], "maxpool(1)", "maxpool(2)"),
        (PATHS[1], "maxpool(1)", "dropout(0) -> relu -> relu"),
        (PATHS[1], "bias = false", "bias = true"),
        (PATHS[1], "narrow = 4", "narrow = 5"),
        (PATHS[1], "block inner", "\n\nblock inner"),
        (PATHS[1], "default conv(padding = 1)", ""),
        (PATHS[1], "avgpool(8)", "avgpool(8) -> relu -> relu"),
        (PATHS[1], "flatten", "flaten"),
        (PATHS[1], "s -> relu", "s -> -> relu"),
        (PATHS[2], "padding: 1", "padding: 0"),
        (PATHS[2], "- model", "\n\n- model"),
    ],
)
def test_after_an_edit_and_back_the_answers_are_those_of_a_new_text(path: str, old: str, new: str) -> None:
    texts = dict(TEXTS)
    files, models = Buffers(texts), ModelCache()
    for text in (TEXTS[path], TEXTS[path].replace(old, new, 1), TEXTS[path]):
        texts[path] = text
        for asked in {path, PATHS[1]} - {PATHS[0]}:
            assert plain(said(asked, files, models)) == plain(said(asked, files, None))
    assert texts[path] != TEXTS[path].replace(old, new, 1)


def test_whatever_is_edited_the_answers_are_those_of_a_text_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    texts = dict(TEXTS)
    files, models = Buffers(texts), ModelCache()
    whole, before, hits = dict(texts), dict(texts), 0
    get = ModelCache.get

    def counted(self: ModelCache, *args: object) -> object:
        nonlocal hits
        found = get(self, *args)  # type: ignore[arg-type]
        hits += found is not None
        return found

    monkeypatch.setattr(ModelCache, "get", counted)
    for _ in range(15):
        path = draw.choice(PATHS)
        old, new = draw.choice(CHANGES)
        text, roll = texts[path], draw.random()
        places = [at for at in range(len(text)) if text.startswith(old, at)]
        if roll < 0.25:
            texts[path] = whole[path]
        elif roll < 0.4:
            texts[path] = before[path]
        elif places:
            before[path] = text
            at = draw.choice(places)
            texts[path] = text[:at] + new + text[at + len(old) :]
        asked = draw.choice(PATHS[1:])
        assert plain(said(asked, files, models)) == plain(said(asked, files, None))
    assert hits > 15


def test_no_more_is_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cache, "MOST_STEPS", 30)
    monkeypatch.setattr(model_cache, "MOST_TREES", 4)
    texts: dict[str, str] = {}
    files, models = Buffers(texts), ModelCache()
    for number in range(20):
        path = f"/project/net{number}.cnn"
        texts[path] = f"model M : [N, 3, 8, 8] {{\n  repeat {number + 1} {{ conv(3, 1) -> sigmoid }}\n}}\n"
        assert diagnosis(path, files, models).findings == ()
        assert models.steps <= 30
