"""A baseline keeps back what was there, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from specc.version import __version__
from tests.cli.conftest import Specc
from tests.project.specs import BAD, BIAS, BLOCK, CALLER, FINE, FLOOR, write


def take(specc: Specc, *arguments: str) -> None:
    """Write the baseline base.json."""
    assert specc("check", "--write-baseline", "base.json", *arguments).code == 0


class TestKeptBack:
    def test_errors_and_warnings(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD, b=FLOOR, c=FINE)
        result = specc("check", "--write-baseline", "base.json")
        assert (result.code, result.out) == (0, "base.json: 2 findings in 3 files\n")
        result = specc("check", "--baseline", "base.json", "--fail-on", "warning")
        assert (result.code, result.err) == (0, "")
        assert "2 findings silenced" in result.out

    def test_what_is_wrong_stays_wrong(self, specc: Specc, here: Path) -> None:
        """A network that does not fit is not said to fit because it is known."""
        write(here, a=BAD, b=BAD, c=FINE, d=FLOOR)
        take(specc)
        held = "2 of 4 files are wrong, and the baseline holds their errors back; 2 models fit together\n"
        for form in ("full", "concise", "github"):
            assert specc("check", "--baseline", "base.json", "--format", form).out.startswith(held)
        document = json.loads(specc("check", "--baseline", "base.json", "--format", "json").out)
        assert [document["summary"][key] for key in ("errors", "wrong", "held", "models")] == [0, 2, 2, 2]
        assert specc("check", "--baseline", "base.json", "--format", "junit").out.count("<skipped ") == 2
        assert "all fit together" in specc("check", "--baseline", "base.json", "c.cnn", "d.cnn").out
        write(here, e=BAD)
        out = specc("check", "--baseline", "base.json").out
        assert "1 error in 1 of 5 files\n" in out
        assert "\nthe baseline holds back errors in 2 files\n" in out
        assert "fit together" not in out

    def test_an_error_in_a_block_makes_every_caller_wrong(self, specc: Specc, here: Path) -> None:
        write(here, blocks=BLOCK.replace("bn", "bnn"), a=CALLER, b=CALLER)
        take(specc)
        assert "2 of 3 files are wrong" in specc("check", "--baseline", "base.json").out
        assert "1 of 1 file is wrong" in specc("check", "b.cnn", "--baseline", "base.json").out

    def test_what_comments_answer_for_fits(self, specc: Specc, here: Path) -> None:
        """A budget that is turned off says nothing of how a network fits."""
        write(here, a=FINE.rstrip() + " # specc: ignore[S0404] meant\n")
        (here / "specc.toml").write_text("budget.memory = 1")
        assert specc("check").out.startswith("1 file, 1 model: all fit together\n1 finding silenced")

    def test_wherever_lines_move(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD, b=FLOOR)
        take(specc)
        write(here, a="\n# more\n" + BAD.replace("{ ", "{\n"), b="# more\n\n" + FLOOR.replace("  max", "\tmax"))
        assert specc("check", "b.cnn", "--baseline", "base.json", "--fail-on", "warning").code == 0
        assert specc("check", "a.cnn", "--baseline", "base.json").code == 1  # its line has another text now

    def test_numbers_in_the_message_may_change(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR)
        take(specc)
        write(here, a=FLOOR.replace("33", "35"))
        assert specc("check", "--baseline", "base.json", "--fail-on", "warning").code == 0

    def test_a_new_one(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD)
        take(specc)
        write(here, b=BAD)
        result = specc("check", "--baseline", "base.json")
        assert result.code == 1
        assert "b.cnn:1:26" in result.out
        assert "a.cnn" not in result.out

    def test_another_code_on_the_same_line(self, specc: Specc, here: Path) -> None:
        write(here, a="model M : [N, 3, 8, 8] {\n  relu -> dropout(p=0)\n}\n")
        take(specc)
        data = json.loads((here / "base.json").read_text())
        assert [entry["code"] for entry in data["findings"]] == ["S0501"]
        data["findings"][0]["code"] = "S0502"
        (here / "base.json").write_text(json.dumps(data))
        assert specc("check", "--baseline", "base.json", "--fail-on", "warning").code == 1

    def test_each_entry_stands_for_one(self, specc: Specc, here: Path) -> None:
        twice = "model M : [N, 3, 67, 67] {\n  maxpool(2)\n  maxpool(2)\n}\n"
        write(here, a=twice)
        take(specc)
        assert specc("check", "--baseline", "base.json", "--fail-on", "warning").code == 0
        write(here, a=twice.replace("67", "135").replace("}", "  maxpool(2)\n}"))
        result = specc("check", "--baseline", "base.json", "--fail-on", "warning", "--format", "concise")
        assert (result.code, result.out.count("[S0505]")) == (1, 1)

    def test_in_an_imported_file_however_many_come_to_it(self, specc: Specc, here: Path) -> None:
        write(here, blocks=BLOCK, a=CALLER, b=CALLER, c=CALLER)
        take(specc)
        assert len(json.loads((here / "base.json").read_text())["findings"]) == 1
        for paths in ([], ["a.cnn"], ["b.cnn", "c.cnn"]):
            assert specc("check", *paths, "--baseline", "base.json", "--fail-on", "warning").code == 0

    def test_comments_that_are_idle(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE.rstrip() + " # specc: ignore[S0505] why\n")
        take(specc)
        assert specc("check", "--baseline", "base.json", "--fail-on", "warning").code == 0

    def test_from_another_folder(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, nets__a=BAD)
        (here / "ci").mkdir()
        assert specc("check", "--write-baseline", "ci/base.json").code == 0
        assert json.loads((here / "ci" / "base.json").read_text())["findings"][0]["path"] == "../nets/a.cnn"
        monkeypatch.chdir(here / "nets")
        assert specc("check", "--baseline", "../ci/base.json").code == 0
        assert specc("check", here / "nets" / "a.cnn", "--baseline", here / "ci" / "base.json").code == 0

    def test_through_a_link_to_its_folder(self, specc: Specc, here: Path) -> None:
        write(here, nets__a=BAD)
        take(specc)
        (here.parent / "link").symlink_to(here)
        link = here.parent / "link"
        assert specc("check", link, "--baseline", link / "base.json").code == 0

    def test_paths_that_are_no_utf8(self, specc: Specc, here: Path) -> None:
        (here / "b\udcff.cnn").write_text(BAD)
        take(specc)
        (here / "base.json").read_text(encoding="utf-8")
        assert specc("check", "--baseline", "base.json").code == 0


class TestTheFile:
    def test_it_is_the_same_from_wherever_it_is_written(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a=BAD, nets__b=BIAS, zoo__c=BAD + FLOOR.replace("M", "O"))
        take(specc)
        before = (here / "base.json").read_bytes()
        monkeypatch.chdir(here / "nets")
        assert specc("check", here, "--write-baseline", "../base.json").code == 0
        assert (here / "base.json").read_bytes() == before
        data = json.loads(before)
        assert [entry["path"] for entry in data["findings"]] == ["a.cnn", "nets/b.cnn", "zoo/c.cnn"]
        assert (data["version"], data["specc"]) == (1, __version__)

    def test_the_settings_name_it(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, nets__a=BAD)
        (here / "specc.toml").write_text('baseline = "ci/base.json"')
        missing = specc("check")
        assert missing.code == 2
        assert missing.err == (
            "error: there is no baseline ci/base.json; make it first: specc check --write-baseline ci/base.json\n"
        )
        (here / "ci").mkdir()
        assert specc("check", "--write-baseline", "ci/base.json").code == 0
        assert specc("check").code == 0
        monkeypatch.chdir(here / "nets")
        assert specc("check").code == 0

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "the baseline base.json is not JSON: "),
            ("{", "the baseline base.json is not JSON: "),
            ("[" * 100_000, "the baseline base.json is not JSON: "),
            ("[]", "base.json is not a baseline of specc; "),
            ("{}", "base.json is not a baseline of specc; "),
            ('"version"', "base.json is not a baseline of specc; "),
            ('{"version": 2, "specc": "9.0"}', "the baseline base.json has version 2 (of specc 9.0), and specc "),
            ('{"version": "1"}', "the baseline base.json has version 1 (of specc unknown), and specc "),
            ('{"version": 1}', "the baseline base.json is damaged; "),
            ('{"version": 1, "findings": 1}', "the baseline base.json is damaged; "),
            ('{"version": 1, "findings": [{}]}', "the baseline base.json is damaged; "),
            ('{"version": 1, "findings": [1]}', "the baseline base.json is damaged; "),
            ('{"version": 1, "findings": [{"path": 1, "code": "", "line": ""}]}', "the baseline base.json is damaged"),
        ],
    )
    def test_one_that_is_none(self, specc: Specc, here: Path, text: str, message: str) -> None:
        write(here, a=BAD)
        (here / "base.json").write_text(text)
        result = specc("check", "--baseline", "base.json")
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"error: {message}")
        assert result.err.endswith("write it anew: specc check --write-baseline base.json\n")

    def test_bytes_that_are_no_text(self, specc: Specc, here: Path) -> None:
        (here / "base.json").write_bytes(b"\xff\xfe\xff")
        assert "is not JSON" in specc("check", "--baseline", "base.json").err

    def test_a_folder(self, specc: Specc, here: Path) -> None:
        assert specc("check", "--baseline", ".").err == "error: the baseline . cannot be read: is a directory\n"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
    def test_what_never_ends(self, specc: Specc, here: Path) -> None:
        """A stranger's settings may name it: a device gives bytes for ever, a pipe waits for someone who writes."""
        write(here, a=FINE)
        os.mkfifo("pipe")
        for name in ("/dev/zero", "pipe"):
            (here / "specc.toml").write_text(f'baseline = "{name}"')
            result = specc("check")
            assert result.code == 2
            assert "cannot be read: it is a device, pipe or socket, and a regular file is needed" in result.err

    def test_it_is_not_written_where_not_everything_was_checked(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD)
        take(specc)
        before = (here / "base.json").read_bytes()
        missing = specc("check", "a.cnn", "b.cnn", "--write-baseline", "base.json")
        assert (missing.code, missing.err) == (2, "error: b.cnn: there is no such file\n")
        (here / "empty").mkdir()
        assert specc("check", "empty", "--write-baseline", "base.json").code == 3
        assert (here / "base.json").read_bytes() == before

    def test_where_it_cannot_be_written(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD)
        result = specc("check", "--write-baseline", "no/base.json")
        assert result.code == 2
        assert "the folder no does not exist; make it first: mkdir -p no" in result.err


class TestGone:
    NOTE = "note: 1 finding of the baseline came up no more: --write-baseline base.json brings it up to date\n"

    def test_what_is_put_right(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR, b=FLOOR)
        take(specc)
        write(here, a=FINE)
        result = specc("check", "--baseline", "base.json")
        assert (result.code, result.err) == (0, self.NOTE)

    def test_not_of_files_that_were_not_checked(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR, b=FLOOR)
        take(specc)
        assert specc("check", "b.cnn", "--baseline", "base.json").err == ""

    def test_not_of_what_was_not_looked_for(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR)
        take(specc)
        assert specc("check", "--baseline", "base.json", "--ignore", "S0505").err == ""
        write(here, a=BAD)
        assert specc("check", "--baseline", "base.json").err == ""

    def test_not_of_a_block_that_is_not_called_now(self, specc: Specc, here: Path) -> None:
        write(here, blocks=BLOCK, a=CALLER)
        take(specc)
        assert specc("check", "blocks.cnn", "--baseline", "base.json").err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "b.json"], "--baseline leaves findings out and --write-baseline keeps them all"),
        (["--output-file", "o"], "-o is about findings that are shown"),
        (["--statistics"], "--statistics is about findings that are shown"),
        (["--format", "json"], "--format json is about findings that are shown"),
        (["--fail-on", "never"], "--fail-on is about findings that are shown"),
    ],
)
def test_options_that_would_change_nothing(specc: Specc, here: Path, options: list[str], message: str) -> None:
    write(here, a=FINE)
    result = specc("check", "--write-baseline", "base.json", *options)
    assert result.code == 2
    assert message in result.err
    assert not (here / "base.json").exists()
