"""Comments that silence, and those that do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.project.specs import BAD, BLOCK, CALLER, FINE, write

FLOOR = "model M : [N, 3, 33, 33] {{\n  {}maxpool(2){}\n}}\n"
YAML = "- model: M\n  input: [N, 3, 33, 33]\n  body:\n    - {}maxpool: 2{}\n"


def codes(specc: Specc, *arguments: str) -> list[str]:
    """The lines and codes of what is shown: ``a.cnn:2 S0505``."""
    out = specc("check", "--format", "concise", *arguments).out
    lines = [line.split(":", 4) for line in out.splitlines() if "[S" in line]
    return [f"{path}:{line} {kind[kind.index('[') + 1 : kind.index(']')]}" for path, line, _, kind, *_ in lines]


class TestSilence:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param("", " # specc: ignore[S0505] the border is empty", id="on its line"),
            pytest.param("", " #specc:ignore[S0505]r", id="without blanks"),
            pytest.param("", " # specc: ignore[ S0502 , S0505 ] why", id="several codes"),
            pytest.param("", " # specc: ignore[S05] why", id="the beginning of codes"),
            pytest.param("", " # wide, see there # specc: ignore[S0505] why", id="behind other words"),
            pytest.param("# specc: ignore[S0505] why\n", "", id="on a line of its own"),
            pytest.param("# specc: ignore[S0505] why\n\n  # and\n  # more\n", "", id="further above"),
            pytest.param("relu # specc: ignore-file[S0505] why\n  ", "", id="the file"),
            pytest.param("relu\n  ", "\n  # specc: ignore-file[S0505] why", id="the file, from below"),
        ],
    )
    def test_a_finding(self, specc: Specc, here: Path, before: str, after: str) -> None:
        write(here, a=FLOOR.format(before, after))
        result = specc("check")
        assert (result.code, result.err) == (0, "")
        assert "S05" not in result.out
        assert "1 finding silenced" in result.out

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param("", "  # specc: ignore[S0505] why", id="on its line"),
            pytest.param("# specc: ignore[S0505] why\n    - ", "", id="on a line of its own"),
            pytest.param("relu  # specc: ignore-file[S0505] it's why\n    - ", "", id="the file"),
            pytest.param("let: {a: don't}  # specc: ignore-file[S05] why\n    - ", "", id="behind an apostrophe"),
        ],
    )
    def test_in_yaml(self, specc: Specc, here: Path, before: str, after: str) -> None:
        text = YAML.format(before, after).replace("    - # specc", "    # specc")
        (here / "a.cnn.yaml").write_text(text)
        result = specc("check")
        assert (result.code, "S05" in result.out) == (0, False), result.out
        assert "silenced" in result.out

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param("", "\n  # specc: ignore[S0505] why", id="on the line behind it"),
            pytest.param("relu # specc: ignore[S0505] why\n  ", "", id="on the line of a step before it"),
            pytest.param("", " # specc: ignore[S0502] why", id="another code"),
        ],
    )
    def test_not_elsewhere(self, specc: Specc, here: Path, before: str, after: str) -> None:
        write(here, a=FLOOR.format(before, after))
        shown = codes(specc)
        assert len(shown) == 2
        assert any("S0505" in code for code in shown)
        assert any("S0509" in code for code in shown)

    def test_in_a_text(self, specc: Specc, here: Path) -> None:
        text = '  assert params == 0, "# specc: ignore-file[S0505] why"'
        write(here, a=FLOOR.format("", "\n" + text))
        assert codes(specc) == ["a.cnn:2 S0505"]
        write(here, a=FLOOR.format("", "\n" + text + " # specc: ignore-file[S0505] why"))
        assert codes(specc) == []
        write(here, a=FLOOR.format("", "\n" + text.replace("why", r"\\\" why\\") + " # specc: ignore-file[S0505] why"))
        assert codes(specc) == []

    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_in_a_text_of_yaml(self, specc: Specc, here: Path, quote: str) -> None:
        said = f"\n    - {{assert: params == 0, message: {quote}# specc: ignore-file[S0505] why{quote}}}"
        (here / "a.cnn.yaml").write_text(YAML.format("", said))
        assert codes(specc) == ["a.cnn.yaml:4 S0505"]

    def test_an_error_is_not_silenced(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD.rstrip() + " # specc: ignore[S0201] why\n")
        result = specc("check", "--format", "concise")
        assert result.code == 1
        assert "error[S0201]" in result.out
        assert "warning[S0509] S0201 is an error" in result.out

    @pytest.mark.parametrize("settings", ["", 'per-file-ignores."**" = ["S0"]', 'ignore = ["S0"]'])
    def test_nor_by_the_beginning_that_its_code_has(self, specc: Specc, here: Path, settings: str) -> None:
        write(here, a=BAD.rstrip() + " # specc: ignore[S0] why\n")
        (here / "specc.toml").write_text(settings)
        assert codes(specc) == ["a.cnn:1 S0201"]

    def test_a_budget(self, specc: Specc, here: Path) -> None:
        write(here, a="model M : [N, 3] { fc(9) }  # specc: ignore[S0404] agreed\n")
        (here / "specc.toml").write_text("budget.params = 1")
        assert specc("check").code == 0

    def test_in_an_imported_block(self, specc: Specc, here: Path) -> None:
        write(here, blocks=BLOCK, a=CALLER, b=CALLER)
        assert codes(specc) == ["blocks.cnn:2 S0502"]
        write(here, blocks=BLOCK.replace("-> bn", "-> bn # specc: ignore[S0502] why"))
        assert codes(specc) == []
        assert codes(specc, "a.cnn") == []
        assert "1 finding silenced" in specc("check").out  # in two importers, and yet one

    def test_a_library_s_comment_is_not_idle_where_nobody_calls_it(self, specc: Specc, here: Path) -> None:
        for comment in ("# specc: ignore[S0502] why", "# specc: ignore-file[S0502] why"):
            write(here, blocks=BLOCK.replace("-> bn", f"-> bn {comment}") + FINE)
            assert codes(specc) == []

    def test_crlf(self, specc: Specc, here: Path) -> None:
        text = FLOOR.format("# specc: ignore[S0505] why\n  ", "").replace("\n", "\r\n")
        (here / "a.cnn").write_bytes(text.encode())
        assert codes(specc) == []


class TestIdle:
    @pytest.mark.parametrize(
        ("comment", "message"),
        [
            ("ignore[S0505] why", "nothing here is S0505, and the comment ignores nothing"),
            ("ignore-file[S0502, S05] why", "nothing here is S0502, S05, and the comment ignores nothing"),
            ("ignore[S0505]", "the comment gives no reason"),
            ("ignore[S0505]   ", "the comment gives no reason"),
            ("ignore the border", "the comment does not say what to ignore"),
            ("ignore-file", "the comment does not say what to ignore"),
            ("ignore[] why", "an empty text is no code of a lint"),
            ("ignore[S0505,] why", "an empty text is no code of a lint"),
            ("ignore[S0599] why", "S0599 is no code of a lint"),
            ("ignore[s0505] why", "s0505 is no code of a lint"),
            ("ignore[S] why", "S is no code of a lint"),
            ("ignore[S0104] why", "S0104 is an error"),
            ("ignore-files[S0505] why", "specc reads no comment `ignore-files`"),
            ("off", "specc reads no comment `off`"),
        ],
    )
    def test_what_cannot_be_followed_is_told(self, specc: Specc, here: Path, comment: str, message: str) -> None:
        write(here, a=f"model M : [N, 3, 32, 32] {{\n  maxpool(2) # specc: {comment}\n}}\n")
        result = specc("check", "--format", "concise")
        assert result.code == 0
        assert f"a.cnn:2:14: warning[S0509] {message}" in result.out
        assert result.out.count("[S0509]") == 1

    @pytest.mark.parametrize("pin", ["# specc 1", "# specc: 1"])
    def test_the_version_of_the_language_is_none(self, specc: Specc, here: Path, pin: str) -> None:
        write(here, a=f"{pin}\n{FINE}")
        assert codes(specc) == []

    def test_what_was_not_looked_for_is_not_idle(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR.format("", " # specc: ignore[S0505] why"))
        assert codes(specc, "--ignore", "S0505") == []
        assert codes(specc, "--select", "S0502,S0509") == []
        write(here, a=FLOOR.format("", " # specc: ignore[S05] why"))
        assert codes(specc, "--select", "S0502,S0509") == []

    def test_what_is_off_by_the_settings_is_not_idle(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR.format("", " # specc: ignore[S0505] why"))
        (here / "specc.toml").write_text('per-file-ignores."a.cnn" = ["S0505"]')
        assert codes(specc) == []

    def test_in_a_spec_that_does_not_fit_none_is_idle(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD.rstrip() + " # specc: ignore[S0505] why\n")
        assert codes(specc) == ["a.cnn:1 S0201"]

    def test_it_can_be_turned_off(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE.rstrip() + " # specc: ignore[S0505] why\n")
        assert codes(specc) == ["a.cnn:1 S0509"]
        assert codes(specc, "--ignore", "S0509") == []
        (here / "specc.toml").write_text('per-file-ignores."a.cnn" = ["S0509"]')
        assert codes(specc) == []
        assert specc("check", "--fail-on", "warning").code == 0

    def test_it_is_its_file_s(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE, b=FINE.rstrip() + " # specc: ignore[S0505] why\n")
        files = json.loads(specc("check", "--format", "json").out)["files"]
        assert [file["warnings"] for file in files] == [0, 1]

    def test_it_fails_a_run_that_warnings_fail(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE.rstrip() + " # specc: ignore[S0505] why\n")
        assert specc("check", "--fail-on", "warning").code == 1
