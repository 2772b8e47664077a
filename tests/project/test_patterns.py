"""Quoted patterns: what `glob.glob` finds, but never by way of a link, each folder read once, and closed ones told."""

from __future__ import annotations

import os
from glob import glob
from pathlib import Path

import pytest

from specc.project.discovery import spec_files
from specc.project.paths import expanded
from tests.cli.conftest import Specc
from tests.project.specs import FINE, write

PATTERNS = ["*", "**", "**/*.cnn", "*/*.cnn", "nets/**", "nets/*", "n?ts/**/*.cnn", "**/**/*.cnn", "**/nets/**/*.cnn"]
PATTERNS += ["[mn]ets/[!e]*", "*/deep/*.cnn", "**/deep/**/x.cnn", "../*/nets/*.cnn", ".*/**", "**/.*", "nets/*/"]
PATTERNS += ["no/*", "./*.cnn", "nets//*.cnn", "*/../*.cnn", "a.cnn/*", "nets/**/deep", "[[]x]/*"]


@pytest.fixture
def tree(here: Path) -> Path:
    write(here, a=FINE, b=FINE, nets__a=FINE, nets__deep__x=FINE, nets__deep__er__x=FINE, nets__deep__nets__y=FINE)
    write(here, **{".hidden__x": FINE, "nets__.hidden__x": FINE, "[x]__x": FINE})
    return here


def fitting(pattern: str) -> list[str]:
    def refuse(folder: str, error: OSError) -> None:
        raise error

    return sorted({os.path.normpath(path) for path in expanded(pattern, refuse)})


def test_as_the_library_has_them(tree: Path) -> None:
    for pattern in (*PATTERNS, *(f"{tree}/{pattern}" for pattern in PATTERNS)):
        expected = {os.path.normpath(path) for path in glob(pattern, recursive=True)}  # the oracle
        assert fitting(pattern) == sorted(expected), pattern


def test_none_follows_a_link_to_a_folder(tree: Path) -> None:
    expected = {pattern: spec_files([pattern]) for pattern in PATTERNS}
    for folder in (tree, tree / "nets", tree / "nets" / "deep"):
        for name, target in (("link", "."), ("again", "."), ("up", ".."), ("away", tree)):
            (folder / name).symlink_to(target)
    assert {pattern: spec_files([pattern]) for pattern in PATTERNS} == expected


def test_a_link_that_is_named_is_followed_once(tree: Path) -> None:
    (tree / "link").symlink_to(".")
    (tree / "nets" / "link").symlink_to("deep")
    assert fitting("link/*.cnn") == ["link/a.cnn", "link/b.cnn"]
    assert fitting("n*/link/*.cnn") == ["nets/link/x.cnn"]
    assert fitting("**/link/*.cnn") == ["link/a.cnn", "link/b.cnn", "nets/link/x.cnn"]
    assert fitting("**/link/**/x.cnn")[:3] == ["link/[x]/x.cnn", "link/nets/deep/er/x.cnn", "link/nets/deep/x.cnn"]


def test_a_network_is_checked_once_in_spite_of_links(specc: Specc, here: Path) -> None:
    write(here, m=FINE)
    (here / "a").symlink_to(".")
    (here / "b").symlink_to(".")
    for command in (["check", "**/*.cnn"], ["check", "**"], ["check", "**/*.cnn", "*", "."]):
        assert specc(*command).out.startswith("1 file, 1 model")
    assert "1 file left unchanged" in specc("fmt", "**/*.cnn").out


def test_every_folder_is_read_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    scandir = os.scandir

    def counted(folder: str = ".") -> object:
        read.append(os.path.abspath(folder))
        return scandir(folder)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", counted)
        fitting("**/**/*/**/**/*.cnn")
    assert len(read) == len(set(read))


def test_folders_that_may_not_be_read_are_told(specc: Specc, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(folder: str = ".") -> object:
        if os.path.basename(folder) == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", closed)
        for command in (["check", "**/*.cnn"], ["check", "**"], ["check", "**/*.cnn", "."], ["fmt", "**/*.cnn"]):
            result = specc(*command)
            assert result.code == 2
            assert "error: nets/deep: cannot be searched: permission denied" in result.err
            assert result.err.count("error:") == 1
        assert specc("check", "nets/deep/*").err == "error: nets/deep: cannot be searched: permission denied\n"
        (tree / "specc.toml").write_text('exclude = ["deep"]')
        assert specc("check", "**/*.cnn").code == 0


def test_folders_in_each_other_without_end(here: Path) -> None:
    """Deeper than Python's stack."""
    depth = 1050
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    Path("a.cnn").write_text(FINE)
    os.chdir(here)
    expected = ["d/" * depth + "a.cnn"]
    assert spec_files(["."])[0] == expected
    assert spec_files(["**/*.cnn"])[0] == expected
    (here / expected[0]).unlink()
    os.removedirs("d/" * depth)  # shutil would not come to the end of it
