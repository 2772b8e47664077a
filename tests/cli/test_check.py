"""``specc check`` as a whole: its options, what it prints where, and how it ends."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from specc.cli.check import command
from specc.project.budgets import Budget
from specc.project.cache import FileFindings
from specc.project.fresh import FreshChecker
from specc.source import Source
from tests.cli.conftest import Specc
from tests.project.specs import BAD, FINE, FLOOR, write

FORMATS = ["full", "concise", "json", "github", "gitlab", "junit", "sarif"]
MACHINES = FORMATS[2:]


def say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """On standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


class TestExitCodes:
    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize(
        ("text", "fail_on", "code"),
        [
            (FINE, "warning", 0),
            (FLOOR, "warning", 1),
            (FLOOR, "error", 0),
            (FLOOR, None, 0),
            (BAD, None, 1),
            (BAD, "warning", 1),
            (BAD, "never", 0),
            (FLOOR, "never", 0),
        ],
    )
    def test_findings(self, specc: Specc, here: Path, form: str, text: str, fail_on: str | None, code: int) -> None:
        write(here, a=text)
        options = [] if fail_on is None else ["--fail-on", fail_on]
        result = specc("check", "--format", form, *options)
        assert (result.code, result.err) == (code, "")

    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize("fail_on", ["error", "never"])
    def test_what_cannot_be_read(self, specc: Specc, here: Path, form: str, fail_on: str) -> None:
        write(here, a=BAD)
        result = specc("check", "--format", form, "--fail-on", fail_on, "none.cnn", "a.cnn")
        assert result.code == 2
        assert "S0201" in result.out

    @pytest.mark.parametrize("form", FORMATS)
    def test_nothing(self, specc: Specc, here: Path, form: str) -> None:
        result = specc("check", "--format", form)
        assert result.code == 3
        assert result.err == "nothing to check: no spec (*.cnn, *.cnn.yaml, *.cnn.yml) here\n"
        assert "nothing to check" not in result.out
        allowed = specc("check", "--format", form, "--allow-empty")
        assert (allowed.code, allowed.out, allowed.err) == (0, result.out, result.err)

    def test_nothing_is_no_excuse(self, specc: Specc, here: Path) -> None:
        """What cannot be read is told all the same."""
        assert specc("check", "--allow-empty", "none.cnn").code == 2

    def test_an_empty_baseline(self, specc: Specc, here: Path) -> None:
        result = specc("check", "--allow-empty", "--write-baseline", "base.json")
        assert (result.code, result.out) == (0, "base.json: 0 findings in 0 files\n")

    def test_nothing_in_a_folder(self, specc: Specc, here: Path) -> None:
        (here / "nets").mkdir()
        (here / "zoo").mkdir()
        assert "in nets, zoo\n" in specc("check", "nets", "zoo").err


class TestWhatIsPrintedWhere:
    @pytest.mark.parametrize("form", ["full", "concise"])
    def test_what_cannot_be_read_is_said_once(self, specc: Specc, here: Path, form: str) -> None:
        write(here, a=FINE)
        result = specc("check", "none.cnn", "a.cnn", "--format", form)
        assert result.err == "error: none.cnn: there is no such file\n"
        assert result.out == "1 file, 1 model: all fit together\n1 path could not be checked\n"

    @pytest.mark.parametrize("form", MACHINES)
    def test_what_cannot_be_read_is_in_a_machine_s_document(self, specc: Specc, here: Path, form: str) -> None:
        result = specc("check", "none.cnn", "--format", form)
        assert result.err == ""
        assert "there is no such file" in result.out

    @pytest.mark.parametrize("form", MACHINES)
    def test_a_person_sees_what_a_file_of_findings_has(self, specc: Specc, here: Path, form: str) -> None:
        result = specc("check", "none.cnn", "--format", form, "--output-file", "out")
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: none.cnn: there is no such file\n"
        assert "there is no such file" in (here / "out").read_text()

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_file_has_what_would_be_printed(self, specc: Specc, here: Path, form: str) -> None:
        write(here, a=BAD, b=FLOOR)
        printed = specc("check", "--format", form)
        written = specc("check", "--format", form, "--output-file", "out")
        assert (written.code, written.out) == (1, "")
        assert (here / "out").read_text() == printed.out

    def test_a_file_has_no_colour(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, a=BAD)
        monkeypatch.setenv("FORCE_COLOR", "1")
        specc("check", "--output-file", "out")
        assert "\x1b" not in (here / "out").read_text()

    def test_a_file_that_cannot_be_written(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE)
        result = specc("check", "--output-file", "no/out")
        assert (result.code, result.out) == (2, "")
        assert "cannot write no/out: the folder no does not exist" in result.err

    @pytest.mark.parametrize("paths", [[], ["none.cnn"]])
    def test_documents_without_a_finding_are_whole(self, specc: Specc, here: Path, paths: list[str]) -> None:
        documents = {form: specc("check", *paths, "--format", form).out for form in MACHINES}
        found = json.loads(documents["json"])
        assert (found["files"], found["findings"], len(found["unreadable"])) == ([], [], len(paths))
        assert len(json.loads(documents["gitlab"])) == len(paths)
        assert json.loads(documents["sarif"])["runs"][0]["results"] == []
        assert len(ElementTree.fromstring(documents["junit"]).findall(".//testcase")) == len(paths)

    def test_statistics(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD, b=FLOOR, c=FLOOR)
        lines = specc("check", "--statistics").out.splitlines()
        assert [line.split()[:2] for line in lines[-2:]] == [["2", "S0505"], ["1", "S0201"]]
        assert specc("check", "--statistics", "--format", "json").code == 2

    def test_a_path_that_a_terminal_would_obey(self, specc: Specc, here: Path) -> None:
        assert specc("check", "a\x1b[2J\n.cnn").err == "error: a\\x1b[2J\\n.cnn fits no file\n"


class TestFixable:
    """What --fix could try is said, and nothing that it would not."""

    def test_findings_with_a_fix_are_counted(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD, b=BAD, c=FLOOR)
        for form in ("full", "concise"):
            assert "2 of them have a fix: --fix tries it" in specc("check", "--format", form).out
        assert json.loads(specc("check", "--format", "json").out)["summary"]["fixable"] == 2
        assert "it has a fix: --fix tries it" in specc("check", "a.cnn").out

    def test_after_it_was_tried_it_is_not_offered_again(self, specc: Specc, here: Path) -> None:
        """maxpool must be meant, and is wrong there all the same."""
        write(here, a="model M : [N, 3, 8, 8] { rellu6 }\n", b="model M : [N, 3] { maxpol(2) }\n")
        assert "2 of them have a fix" in specc("check").out
        result = specc("check", "--fix")
        assert "no layer is called maxpol\n" in result.out
        assert "a fix" not in result.out

    def test_not_what_lies_in_another_file(self, specc: Specc, here: Path) -> None:
        write(
            here, blocks="block pair() { rellu6 }\n", a='from "blocks.cnn" import pair\nmodel M : [N, 3] { pair() }\n'
        )
        result = specc("check")
        assert "blocks.cnn:1:16" in result.out
        assert "a fix" not in result.out
        assert specc("check", "--fix").code == 1

    @pytest.mark.parametrize("options", [(), ("--stdin-filename", "a.cnn")])
    def test_not_standard_input(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
    ) -> None:
        say(monkeypatch, BAD)
        assert "a fix" not in specc("check", "-", *options).out


class TestStandardInput:
    def test_a_lost_import_tells_how_to_say_where_it_is(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pair() }\n'
        hint = "imports of standard input start from the present folder; --stdin-filename PATH says which file it is"
        say(monkeypatch, text)
        assert f"= help: {hint}\n" in specc("check", "-").out
        say(monkeypatch, text)
        assert hint not in specc("check", "-", "--stdin-filename", "nets/a.cnn").out
        say(monkeypatch, text.replace("blocks.cnn", "/blocks.cnn"))
        assert hint not in specc("check", "-").out

    def test_it_is_a_spec_among_others(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, a=BAD)
        say(monkeypatch, BAD)
        out = specc("check", "-", "a.cnn", "--format", "concise").out
        assert [line.split(": ")[0] for line in out.splitlines()[:2]] == ["<stdin>:1:26", "a.cnn:1:26"]

    @pytest.mark.parametrize("absolute", [False, True])
    def test_under_a_name(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool) -> None:
        """What it imports is found from there, and it is YAML where its name says so."""
        (here / "nets").mkdir()
        (here / "nets" / "blocks.cnn").write_text("block pair() { conv(8, 3) }\n")
        name = here / "nets" / "a.cnn" if absolute else Path("nets/./a.cnn")
        text = 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pair() -> rellu6 }\n'
        say(monkeypatch, text)
        result = specc("check", "-", "--stdin-filename", name, "--format", "concise")
        assert result.out.startswith("nets/a.cnn:2:36: error[S0201]")
        assert "S0006" not in result.out
        say(monkeypatch, "- model: M\n  input: [N, 3]\n  body: relu\n")
        assert specc("check", "-", "--stdin-filename", f"{name}.yaml").code == 0

    def test_a_name_without_it_is_refused(self, specc: Specc, here: Path) -> None:
        result = specc("check", "a.cnn", "--stdin-filename", "b.cnn")
        assert (result.code, result.err) == (
            2,
            "error: --stdin-filename says what standard input is, and it is not checked: add -\n",
        )


class TestManyFiles:
    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"model", b"a" * 2**21, b"model M : [N, 3] { ("])
    def test_one_bad_file_keeps_no_other_from_being_checked(self, specc: Specc, here: Path, content: bytes) -> None:
        write(here, a=BAD, c=BAD)
        (here / "b.cnn").write_bytes(content)
        result = specc("check", "--format", "concise")
        assert result.code == 1
        assert [line[:6] for line in result.out.splitlines() if "error[" in line] == ["a.cnn:", "b.cnn:", "c.cnn:"]
        assert "in 3 of 3 files" in result.out

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_mistake_of_specc_names_the_file_and_keeps_no_other_from_being_checked(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], here: Path, form: str
    ) -> None:
        real = FreshChecker.check

        def broken(self: FreshChecker, source: Source, budget: Budget | None) -> FileFindings:
            if source.name == "b.cnn":
                raise ZeroDivisionError("by nought")
            return real(self, source, budget)

        monkeypatch.setattr(FreshChecker, "check", broken)
        write(here, a=BAD.replace("rellu6", "zzz"), b=FINE, c=BAD.replace("rellu6", "zzz"))
        code = command.main(["--format", form, "--fix"], standalone_mode=False)
        out, err = capsys.readouterr()
        assert code == 2
        assert "a.cnn" in out
        assert "c.cnn" in out
        told = err if form in ("full", "concise") else out
        assert "b.cnn: internal error: ZeroDivisionError: by nought (test_check.py:" in told
        assert "this is a mistake in specc" in told
        monkeypatch.setenv("SPECC_TRACEBACK", "1")
        with pytest.raises(ZeroDivisionError):
            command.main(["--format", form], standalone_mode=False)

    def test_settings_that_say_nothing_are_told_beside_the_files_that_have_others(
        self, specc: Specc, here: Path
    ) -> None:
        write(here, a=FINE)
        (here / "sub").mkdir()
        write(here / "sub", b=FINE)
        (here / "sub" / "specc.toml").write_text("nonsense = 1\n")
        result = specc("check", "a.cnn", "sub/b.cnn")
        assert result.code == 2
        assert result.err.startswith("error: sub/specc.toml: there is no setting nonsense; there are ")
        assert "1 file, 1 model: all fit together" in result.out

    @pytest.mark.parametrize(
        "error", [MemoryError(), OSError(errno.ENOMEM, "no memory")], ids=["Python's", "the system's"]
    )
    @pytest.mark.parametrize("name", ["check", "fmt"])
    def test_want_of_memory_is_no_mistake_of_specc(
        self, specc: Specc, monkeypatch: pytest.MonkeyPatch, here: Path, name: str, error: Exception
    ) -> None:
        def refused(*_: object) -> None:
            raise error

        monkeypatch.setattr(FreshChecker, "check", refused)
        monkeypatch.setattr("specc.syntax.format.formatted", refused)
        write(here, a=FINE)
        result = specc(name, "a.cnn")
        assert (result.code, result.err) == (2, "error: a.cnn: this takes more memory than there is\n")
        monkeypatch.setattr("specc.project.settings.configuration", refused)
        result = specc(name, "a.cnn")
        assert (result.code, result.err) == (2, "error: this takes more memory than there is\n")

    def test_an_order_that_does_not_depend_on_the_paths(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD, b=FLOOR, c=BAD)
        assert specc("check", "c.cnn", "b.cnn", "a.cnn").out == specc("check").out


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--select", "S0502,S01"], "--select: S01 is no code of a lint"),
            (["--select", ""], "--select: an empty text is no code of a lint"),
            (["--ignore", "S0201"], "--ignore: S0201 is an error: without a network that fits there is nothing to ov"),
            (["--watch", "--fix"], "--watch shows findings to a person who edits specs: leave out --fix"),
            (["--watch", "--output-file", "o"], "leave out -o"),
            (["--watch", "--write-baseline", "o"], "leave out --write-baseline"),
            (["--watch", "--format", "json"], "leave out --format json"),
            (["--watch", "--fail-on", "never"], "leave out --fail-on"),
            (["--watch", "--allow-empty"], "leave out --allow-empty"),
            (["--watch", "-"], "leave out -"),
            (["--watch", "--select", "X"], "--select: X is no code of a lint"),
            (["--format", "xml"], "'xml' is not one of"),
            (["--no-such"], "No such option"),
            (["--config", "a", "--config", "b"], "--config is given twice"),
        ],
    )
    def test_what_makes_no_sense(self, specc: Specc, here: Path, options: list[str], message: str) -> None:
        write(here, a=FINE)
        result = specc("check", *options)
        assert (result.code, result.out) == (2, "")
        assert message in result.err

    def test_codes_in_any_case(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR)
        assert "S0505" not in specc("check", "--ignore", "s0505, s0502").out

    def test_help_teaches(self, specc: Specc) -> None:
        out = specc("check", "--help").out
        for word in ("--format", "--baseline", "--fix", "--watch", "nets/**/*.cnn", "present folder"):
            assert word in out
        assert max(map(len, out.splitlines())) <= 80
