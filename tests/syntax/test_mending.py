"""The trees of half-written texts: what stays as it was is not looked at again."""

from __future__ import annotations

import pytest

from specc.source import Source
from specc.syntax import mending
from specc.syntax.mending import mended

MODELS = [f"model M{number} : [N, 3, 8, 8] {{\n  conv({number}, 3)\n  relu\n}}\n" for number in range(1, 6)]


def test_only_what_was_edited_is_mended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    for name in ("flatten", "FaultlessText"):
        before = getattr(mending, name)
        monkeypatch.setattr(
            mending, name, lambda *args, name=name, before=before: [looked.append(name), before(*args)][1]
        )
    mending._item_texts.cache_clear()
    mending._faultless.cache_clear()
    half = MODELS[1].replace("relu", "relu ->")
    for text, count in (
        ([MODELS[0], half, *MODELS[2:]], ["flatten"] * 5 + ["FaultlessText"]),
        ([MODELS[0], "# more\n", half, *MODELS[2:]], ["flatten"]),
        ([MODELS[0], half, MODELS[3], MODELS[2], MODELS[4]], []),
        ([MODELS[0], half.replace("relu", "tanh"), MODELS[2], MODELS[4]], ["flatten", "FaultlessText"]),
    ):
        looked.clear()
        whole = "".join(text)
        file = mended(Source("net.cnn", whole))
        assert sorted(looked) == sorted(count)
        assert file
        assert [whole[item.span.start : item.span.end] for item in file.items] == [
            part.strip() for part in text if "#" not in part
        ]


def test_what_is_not_written_yet_has_a_name_that_nothing_has() -> None:
    assert mending._unused("a b2 cc # d\n") == "b"
    assert mending._unused('a("{b + c}", 3d, é_e, 4*f) # g') == "e"
    letters = " ".join(mending.ascii_letters)
    assert mending._unused(letters) is None
    assert mending._unused(letters.replace("Q", "QQ")) == "Q"
