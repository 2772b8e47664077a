"""Patterns of the settings that fit nothing are named, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.project.specs import BLOCK, CALLER, FINE, write


def notes(specc: Specc, *arguments: str) -> list[str]:
    lines = specc("check", *arguments).err.splitlines()
    return [line.removeprefix("note: specc.toml: ") for line in lines if line.startswith("note: specc.toml: ")]


def configure(folder: Path, text: str) -> None:
    (folder / "specc.toml").write_text(text)


@pytest.mark.parametrize(
    ("setting", "note"),
    [
        ("budget.'nets/mobil/*.cnn'.params = 9", "budget: nets/mobil/*.cnn fits no file that is checked"),
        ("per-file-ignores.'c.cnn' = ['S05']", "per-file-ignores: c.cnn fits no file that is checked"),
        ("include = ['*.yaml']", "include: *.yaml fits no file"),
        ("exclude = ['olt']", "exclude: olt fits no spec and no folder that the search comes to"),
        ("exclude = ['nets/*.yml']", "exclude: nets/*.yml fits no spec and no folder that the search comes to"),
    ],
)
@pytest.mark.parametrize("form", ["full", "json"])
def test_one_that_fits_nothing(specc: Specc, here: Path, setting: str, note: str, form: str) -> None:
    write(here, a=FINE, nets__b=FINE)
    configure(here, setting)
    assert notes(specc, "--format", form) == [note]
    assert specc("check").code == 0


@pytest.mark.parametrize(
    "setting",
    [
        "budget.'nets/*.cnn'.params = 9",
        "budget.nets.params = 9",
        "budget.params = 9",
        "budget.'**'.params = 9",
        "budget.'../others/*.cnn'.params = 9",
        "per-file-ignores.'/a.cnn' = ['S05']",
        "per-file-ignores.'kept/*' = ['S05']\nexclude = ['kept']",
        "include = ['more.yaml']",
        "exclude = ['nets']",
        "exclude = ['nets/b.cnn']",
        "exclude = ['.hidden', 'link']",
        "exclude = ['empty', '../beyond']",
        "exclude = ['nets', '*.cnn']\ninclude = ['more.yaml']",
    ],
)
def test_one_that_fits(specc: Specc, here: Path, setting: str) -> None:
    write(here, a=CALLER.replace("blocks.cnn", "kept/blocks.cnn"), nets__b=FINE, kept__blocks=BLOCK)
    (here / "more.yaml").write_text("- model: M\n  input: [N, 3]\n  body: relu\n")
    (here / ".hidden").mkdir()
    (here / "empty").mkdir()
    (here / "link").symlink_to("nets")
    configure(here, setting)
    assert notes(specc) == []


def test_a_file_that_could_not_be_read_is_fitted(specc: Specc, here: Path) -> None:
    write(here, a=FINE)
    (here / "gone.cnn").symlink_to("nowhere.cnn")
    configure(here, "budget.'gone.cnn'.params = 9")
    assert specc("check").code == 2
    assert notes(specc) == []


def test_nothing_is_said_where_only_a_part_was_searched(
    specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, a=FINE, nets__b=FINE)
    configure(here, "budget.'c.cnn'.params = 9\nexclude = ['old']\ninclude = ['*.yaml']")
    for path in ("nets", "a.cnn", "*.cnn", "*"):
        assert notes(specc, path) == []
    assert len(notes(specc, ".")) == len(notes(specc, "nets", "..//project")) == 3
    monkeypatch.chdir(here / "nets")
    assert specc("check").err == ""
    assert specc("check", "..").err.count("note: ") == 3


def test_a_folder_that_cannot_be_searched_may_have_had_it(
    specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, a=FINE)
    configure(here, "budget.'c.cnn'.params = 9")
    assert len(notes(specc, ".", ".")) == 1
    assert notes(specc, ".", "no-*.cnn") == []


def test_from_settings_that_lie_elsewhere(specc: Specc, here: Path) -> None:
    """Patterns start from the folder of the settings: those that meant the present one are told."""
    write(here, nets__a=FINE)
    (here / "ci").mkdir()
    (here / "ci" / "specc.toml").write_text("budget.'nets/*.cnn'.params = 9")
    result = specc("check", "--config", "ci/specc.toml")
    assert result.err == "note: ci/specc.toml: budget: nets/*.cnn fits no file that is checked\n"
