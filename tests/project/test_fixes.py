"""--fix: what is put right, what is left alone, and that nothing gets worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from specc import atomic
from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety, Severity, UsageError, spelling
from specc.project import fixes
from specc.project.budgets import Budget
from specc.project.cache import FileFindings
from specc.project.check import Checker
from specc.project.fresh import FreshChecker
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration
from specc.source import Source
from tests.cli.conftest import Specc
from tests.project.specs import BAD, FINE, write

REFUSED = Path(__file__).parents[1] / "elaborate" / "corpus" / "refused"
UNSAFE = "--unsafe-fixes"
HEAD = "model M : [N, 3, 8, 8] {\n"


def fixed(specc: Specc, folder: Path, before: str, *options: str, name: str = "a.cnn") -> str:
    """What ``specc check --fix`` makes of a text."""
    (folder / name).write_bytes(before.encode())
    specc("check", name, "--fix", *options)
    return (folder / name).read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("rellu6", "relu6", id="a layer"),
        pytest.param("convv(4, 3)", "conv(4, 3)", id="a layer with arguments"),
        pytest.param("conv(4, 3, paddding=1)", "conv(4, 3, padding=1)", id="an argument"),
        pytest.param("let width = 4\n  conv(widht, 3)", "let width = 4\n  conv(width, 3)", id="a name"),
        pytest.param("repeat 2 { convv(4, 3) }", "repeat 2 { conv(4, 3) }", id="in a loop"),
        pytest.param(
            "if true { convv(4, 3) } else { rellu6 }", "if true { conv(4, 3) } else { rellu6 }", id="a branch"
        ),
        pytest.param("rellu", "relu", id="the nearest of several"),
        pytest.param("if 8 >= widht { relu }", "if 8 >= widht { relu }", id="a name that is near to none"),
        pytest.param("sliu", "silu", id="two letters have changed places"),
        pytest.param("relu7", "relu7", id="two names are equally near"),
        pytest.param("reluuu6", "reluuu6", id="several names are near, and none is a slip away"),
        pytest.param("zzz", "zzz", id="no name is near"),
        pytest.param("convv()", "convv()", id="what comes is at the very place"),
        pytest.param("conv(4, 3, paddding=1, padding=1)", "conv(4, 3, paddding=1, padding=1)", id="then it is doubled"),
        pytest.param("dropout(p=0) -> relu", "relu", id="a lint"),
        pytest.param("let k = 3\n  relu", "relu", id="a let that nothing uses"),
    ],
)
def test_in_the_language(specc: Specc, here: Path, before: str, after: str) -> None:
    assert fixed(specc, here, f"{HEAD}  {before}\n}}\n") == f"{HEAD}  {after}\n}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("fc(2)", "flatten -> fc(2)", id="a missing flatten"),
        pytest.param("head: fc(2)", "flatten -> head: fc(2)", id="before a label"),
        pytest.param("head :  fc(2)", "flatten -> head :  fc(2)", id="before a label with blanks"),
        pytest.param("relu -> head: fc(2)", "relu -> flatten -> head: fc(2)", id="in a chain"),
        pytest.param(
            "add { | fc(2) | flatten -> fc(2) }", "add { | flatten -> fc(2) | flatten -> fc(2) }", id="an arm"
        ),
        pytest.param("concat { | fc(2) | fc(3) }", "concat { | flatten -> fc(2) | flatten -> fc(3) }", id="two arms"),
        pytest.param(
            "convv(4, 3, paddding=1) -> rellu6 -> fc(2)",
            "conv(4, 3, padding=1) -> relu6 -> flatten -> fc(2)",
            id="several in a line",
        ),
        pytest.param("convx(4, 3)", "conv(4, 3)", id="a letter too many"),
        pytest.param("conv(4, 3, paddin=1)", "conv(4, 3, padding=1)", id="the last letter"),
    ],
)
def test_where_unsafe_ones_are_asked_for(specc: Specc, here: Path, before: str, after: str) -> None:
    """A flatten that is missing, for one: a global pool may have been meant, whose weights are others."""
    assert fixed(specc, here, f"{HEAD}  {before}\n}}\n", UNSAFE) == f"{HEAD}  {after}\n}}\n"


@pytest.mark.parametrize("before", ["fc(2)", "head: fc(2)", "convx(4, 3)", "conv(4, 3, paddin=1)", "conw(4, 3)"])
def test_no_unsafe_one_is_made_where_it_is_not(specc: Specc, here: Path, before: str) -> None:
    text = f"{HEAD}  {before}\n}}\n"
    assert fixed(specc, here, text) == text
    assert "a fix that may not be what was meant: --fix --unsafe-fixes tries it" in specc("check").out
    assert fixed(specc, here, text, UNSAFE) != text


def test_a_missing_flatten_is_safe_where_no_pool_could_differ(specc: Specc, here: Path) -> None:
    before = f"{HEAD}  globalavgpool -> fc(2)\n}}\n"
    assert fixed(specc, here, before) == before.replace("fc", "flatten -> fc")


YAML = "- model: M\n  input: [N, 3, 8, 8]\n  body:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("    - convv: [4, 3]\n", "    - conv: [4, 3]\n", id="a layer"),
        pytest.param("    - conv: [4, 3, {paddding: 1}]\n", "    - conv: [4, 3, {padding: 1}]\n", id="an argument"),
        pytest.param("    - fc: 2\n", "    - flatten\n    - fc: 2\n", id="a missing flatten"),
        pytest.param("  -   fc: 2\n", "  -   flatten\n  -   fc: 2\n", id="as it is indented"),
        pytest.param("    - [relu, fc: 2]\n", "    - [relu, flatten, fc: 2]\n", id="in a line"),
        pytest.param("    - [fc: 2]\n", "    - [flatten, fc: 2]\n", id="at the start of a line"),
        pytest.param(
            "    - {label: head, fc: 2}\n", "    - flatten\n    - {label: head, fc: 2}\n", id="before a label"
        ),
        pytest.param(
            "    - [relu, {label: head, fc: 2}]\n", "    - [relu, flatten, {label: head, fc: 2}]\n", id="both"
        ),
        pytest.param("    fc: 2\n", "    fc: 2\n", id="no list to insert into"),
        pytest.param(
            "    - label: head\n      fc: 2\n", "    - label: head\n      fc: 2\n", id="a label of its own line"
        ),
        pytest.param("    - rellu6  # it's rellu6\n", "    - relu6  # it's rellu6\n", id="a comment"),
    ],
)
def test_in_yaml(specc: Specc, here: Path, before: str, after: str) -> None:
    assert fixed(specc, here, YAML + before, UNSAFE, name="a.cnn.yaml") == YAML + after


@pytest.mark.parametrize("options", [(), (UNSAFE,)])
def test_words_of_other_tools_are_left_alone(specc: Specc, here: Path, options: tuple[str, ...]) -> None:
    before = (REFUSED / "words_of_other_tools.cnn").read_text()
    assert fixed(specc, here, before, *options) == before


def test_line_ends_and_a_byte_order_mark_stay(specc: Specc, here: Path) -> None:
    before = "\ufeffmodel M : [N, 3, 8, 8] {\r\n  r: convv(4, 3) # é\r\n  fc(2)\r\n}\r\n"
    after = before.replace("convv", "conv").replace("fc(2)", "flatten -> fc(2)")
    assert fixed(specc, here, before, UNSAFE) == after


def test_a_file_without_a_newline_at_its_end(specc: Specc, here: Path) -> None:
    assert fixed(specc, here, "model M : [N, 3] { rellu6 }") == "model M : [N, 3] { relu6 }"


def test_it_is_idempotent_and_tells_what_it_does(specc: Specc, here: Path) -> None:
    write(here, a="model M : [N, 3, 8, 8] { convv(4, 3) -> fc(2) -> zzz }", b=FINE)
    first = specc("check", "--fix", UNSAFE)
    edits = "a.cnn:1:26: S0201 convv -> conv\na.cnn:1:40: S0102 inserted flatten ->\n"
    assert first.err == f"{edits}a.cnn: 2 findings fixed\n"
    assert first.code == 1
    assert "zzz" in first.out
    text = (here / "a.cnn").read_text()
    again = specc("check", "--fix", UNSAFE)
    assert (again.err, again.out, (here / "a.cnn").read_text()) == ("", first.out, text)


def test_a_file_without_fixes_is_not_written(specc: Specc, here: Path) -> None:
    write(here, a=FINE)
    (here / "a.cnn").chmod(0o444)
    inode = (here / "a.cnn").stat().st_ino
    assert specc("check", "--fix").code == 0
    assert (here / "a.cnn").stat().st_ino == inode


def test_mistakes_that_were_hidden_may_come_up(specc: Specc, here: Path) -> None:
    """What follows a wrong step was not looked at: that it is wrong, too, is no reason to leave the first as it is."""
    before = f"{HEAD}  convv(4, 3)\n  maxpool(9)\n}}\n"
    assert fixed(specc, here, before) == before.replace("convv", "conv")
    assert "error[S0104]" in specc("check").out


def test_what_is_above_may_not_get_worse(specc: Specc, here: Path) -> None:
    """`wide` fits where it is called now, and would not where the call is corrected."""
    before = "block wide(c) { conv(c, 9) }\n" + HEAD + "  widee(4)\n}\n"
    assert fixed(specc, here, before) == before


def test_a_fix_of_a_network_that_fits_must_leave_it_so(specc: Specc, here: Path) -> None:
    before = "model M : [N, 3, 8, 8] {\n  x: dropout(p=0)\n  relu -> y: relu6\n  add { | x | y }\n}\n"
    fixed(specc, here, before)
    assert specc("check").code == 0


class TestFiles:
    def test_an_imported_file_is_not_edited_through_its_importer(self, specc: Specc, here: Path) -> None:
        write(
            here, blocks="block b() { convv(4, 3) }\n", a='from "blocks.cnn" import b\nmodel M : [N, 3, 8, 8] { b() }\n'
        )
        before = (here / "blocks.cnn").read_text()
        assert "S0201" in specc("check", "a.cnn", "--fix").out
        assert (here / "blocks.cnn").read_text() == before

    def test_a_wrong_name_of_what_is_imported(self, specc: Specc, here: Path) -> None:
        write(
            here,
            blocks="block bottle() { relu }\n",
            a='from "blocks.cnn" import botle as b\nmodel M : [N, 3] { relu }\n',
        )
        before = 'from "blocks.cnn" import botle\nmodel M : [N, 3] { bottle() }\n'
        assert fixed(specc, here, before) == before.replace("botle\n", "bottle\n")

    def test_through_a_link(self, specc: Specc, here: Path) -> None:
        write(here, real="model M : [N, 3] { rellu6 }\n")
        (here / "a.cnn").symlink_to("real.cnn")
        specc("check", "a.cnn", "--fix")
        assert (here / "a.cnn").is_symlink()
        assert "relu6 " in (here / "real.cnn").read_text()

    def test_one_that_is_edited_meanwhile_is_left_alone(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a="model M : [N, 3] { rellu6 }\n")
        done = fixes._Repair.run

        def edited(self: fixes._Repair) -> fixes.FixedFile:
            write(here, a="model M : [N, 3] { rellu6 -> tanh }\n")
            return done(self)

        monkeypatch.setattr(fixes._Repair, "run", edited)
        result = specc("check", "--fix")
        message = "error: a.cnn: it changed while fixes were tried, and is left alone; try again\n"
        assert (result.code, result.err) == (2, message)
        assert (here / "a.cnn").read_text() == "model M : [N, 3] { rellu6 -> tanh }\n"

    def test_one_that_cannot_be_written_is_told_and_the_others_are_fixed(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a="model M : [N, 3] { rellu6 }\n", b="model M : [N, 3] { rellu6 }\n")

        def replace(path: Path) -> object:
            if path.name == "a.cnn":
                raise UsageError(f"cannot write {path}: the file there is write-protected")
            return atomic.replace(path)

        monkeypatch.setattr(fixes, "replace", replace)
        result = specc("check", "--fix")
        assert result.code == 2
        edit = "b.cnn:1:20: S0201 rellu6 -> relu6\n"
        assert (
            result.err
            == f"{edit}b.cnn: 1 finding fixed\nerror: cannot write a.cnn: the file there is write-protected\n"
        )
        assert "a.cnn:1:20" in result.out
        assert "relu6 " in (here / "b.cnn").read_text()

    def test_standard_input_has_no_file(self, specc: Specc) -> None:
        result = specc("check", "-", "--fix")
        assert (result.code, result.err) == (2, "error: --fix writes files, and standard input is none\n")


class TestWhatIsNotShownIsLeftAlone:
    LINTS = "model M : [N, 3, 8, 8] {\n  let k = 3\n  dropout(p=0) -> relu\n}\n"

    def test_by_selection(self, specc: Specc, here: Path) -> None:
        write(here, a=self.LINTS)
        specc("check", "--fix", "--select", "S0508")
        assert (here / "a.cnn").read_text() == self.LINTS.replace("  let k = 3\n", "")

    def test_by_a_comment(self, specc: Specc, here: Path) -> None:
        text = self.LINTS.replace("= 3", "= 3  # specc: ignore[S0508] soon")
        write(here, a=text)
        specc("check", "--fix")
        assert (here / "a.cnn").read_text() == text.replace("dropout(p=0) -> ", "")

    def test_by_the_settings(self, specc: Specc, here: Path) -> None:
        write(here, a=self.LINTS)
        (here / "specc.toml").write_text('per-file-ignores."a.cnn" = ["S0501"]')
        specc("check", "--fix")
        assert (here / "a.cnn").read_text() == self.LINTS.replace("  let k = 3\n", "")

    def test_by_the_baseline(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD.replace("rellu6", "rellu6"))
        specc("check", "--write-baseline", "base.json")
        write(here, a=(here / "a.cnn").read_text() + "model O : [N, 3] { seluu }\n")
        assert specc("check", "--fix", "--baseline", "base.json").code == 0
        assert (here / "a.cnn").read_text() == "model M : [N, 3, 8, 8] { rellu6 }\nmodel O : [N, 3] { selu }\n"


def test_a_budget_whose_numbers_change_is_no_new_finding(specc: Specc, here: Path) -> None:
    write(here, a=f"{HEAD}  dropout(p=0) -> conv(4, 3)\n}}\n")
    (here / "specc.toml").write_text("budget.memory = 1")
    assert "S0404" in specc("check", "--fix").out
    assert "dropout" not in (here / "a.cnn").read_text()


def test_a_fix_that_brings_up_a_mistake_in_an_imported_file(specc: Specc, here: Path) -> None:
    """It stands far below in its file, and that says nothing of whether it is new."""
    write(here, blocks="# " + "x" * 500 + "\nblock pair(c) { conv(c, 9) }\n")
    before = 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pairr(4) }\n'
    assert fixed(specc, here, before) == before


class Scripted(Checker):
    """Says of a text what it is told to, and knows which texts it was asked about."""

    def __init__(self, findings: Callable[[Source], list[Diagnostic]]) -> None:
        super().__init__(Configuration())
        self._findings = findings
        self.asked: list[str] = []

    def check(self, source: Source) -> FileFindings:
        self.asked.append(source.text)
        return FileFindings(1, False, tuple(self._findings(source)), (source,))


def finding(
    source: Source, place: tuple[int, int], code: Code, severity: Severity, fix: Fix | None = None
) -> Diagnostic:
    return Diagnostic(code, "wrong", Label(source.span(*place)), severity=severity, fix=fix)


@pytest.mark.parametrize(
    ("come", "kept"),
    [
        ((Code.SHAPE, Severity.ERROR), False),
        ((Code.ASSERTION, Severity.ERROR), False),
        ((Code.NO_EFFECT, Severity.WARNING), True),
    ],
)
def test_a_fix_of_a_lint_brings_no_error_wherever(here: Path, come: tuple[Code, Severity], kept: bool) -> None:
    def findings(source: Source) -> list[Diagnostic]:
        if source.text == "ab cd":
            fix = Fix((Edit(source.span(0, 3), ""),), Safety.SAFE)
            return [finding(source, (0, 2), Code.BIAS_BEFORE_NORM, Severity.WARNING, fix)]
        return [finding(source, (1, 2), *come)]

    (here / "a.cnn").write_text("ab cd")
    assert fixes.fix("a.cnn", Scripted(findings), CheckOptions(Configuration())).findings == kept
    assert (here / "a.cnn").read_text() == ("cd" if kept else "ab cd")


def test_a_fix_of_another_file_is_not_even_tried(here: Path) -> None:
    other = Source("b.cnn", "ab cd")
    checker = Scripted(
        lambda _: [finding(other, (0, 2), Code.SHAPE, Severity.ERROR, Fix((Edit(other.span(0, 2), ""),), Safety.SAFE))]
    )
    (here / "a.cnn").write_text("ab cd")
    assert fixes.fix("a.cnn", checker, CheckOptions(Configuration())).findings == 0
    assert checker.asked == ["ab cd"]


def letters(bad: str = "") -> Callable[[Source], list[Diagnostic]]:
    """A finding for every x, which y puts right; of those before a letter of ``bad`` the fix brings another error."""

    def findings(source: Source) -> list[Diagnostic]:
        found = []
        for at, letter in enumerate(source.text):
            span, before = source.span(at, at + 1), source.text[at + 1 : at + 2]
            if letter == "x":
                fix = Fix((Edit(span, "y"),), Safety.SAFE)
                found.append(finding(source, (at, at + 1), Code.SHAPE, Severity.ERROR, fix))
            elif letter == "y" and before and before in bad:
                found.append(finding(source, (at, at + 1), Code.RANK, Severity.ERROR))
        return found

    return findings


@pytest.mark.parametrize("number", [1, 10, 1000])
def test_all_are_tried_in_one_check(here: Path, number: int) -> None:
    (here / "a.cnn").write_text("x" * number)
    checker = Scripted(letters())
    fixed = fixes.fix("a.cnn", checker, CheckOptions(Configuration()))
    assert (fixed.findings, len(fixed.edits)) == (number, number)
    assert len(checker.asked) == 2
    assert (here / "a.cnn").read_text() == "y" * number


@pytest.mark.parametrize("place", [0, 1, 77, 500, 999])
def test_one_that_makes_it_worse_is_found_by_halves(here: Path, place: int) -> None:
    text = "x" * place + "xb" + "x" * (999 - place)
    (here / "a.cnn").write_text(text)
    checker = Scripted(letters(bad="b"))
    assert fixes.fix("a.cnn", checker, CheckOptions(Configuration())).findings == 999
    assert (here / "a.cnn").read_text() == text.replace("x", "y").replace("yb", "xb")
    assert len(checker.asked) <= 2 + 3 * 10  # ten halves, and as many steps back to all of the rest


def test_there_is_an_end_to_it(here: Path) -> None:
    (here / "a.cnn").write_text("xb" * 500)
    checker = Scripted(letters(bad="b"))
    assert fixes.fix("a.cnn", checker, CheckOptions(Configuration())).findings == 0
    assert len(checker.asked) == fixes.MOST_CHECKS


def test_what_was_hidden_comes_up_in_many_models_at_once(
    specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stands behind what hid it and before what hid the next: one check is enough to tell."""
    asked = []
    found = FreshChecker.check

    def check(self: FreshChecker, source: Source, budget: Budget | None) -> FileFindings:
        asked.append(source)
        return found(self, source, budget)

    monkeypatch.setattr(FreshChecker, "check", check)
    models = "".join(f"model M{i} : [N, 3, 8, 8] {{ convv(4, 3) -> maxpool(9) }}\n" for i in range(20))
    assert fixed(specc, here, models, "--no-cache") == models.replace("convv", "conv")
    assert len(asked) == 3  # before, behind all fixes, and the check that follows


def test_of_a_thousand_equal_words_one_is_looked_up(specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    slip = spelling.slip
    monkeypatch.setattr(spelling, "slip", lambda word, name: compared.append((word, name)) or slip(word, name))
    monkeypatch.setattr(spelling, "_searches", {})
    spelling._foreign_slips.cache_clear()  # whatever ran before
    (here / "a.cnn").write_text(HEAD + "  rellu\n  x: rellu\n" * 100 + "}\n")
    specc("check", "--no-cache")
    assert 0 < len(compared) == len(set(compared))


@pytest.mark.parametrize(
    ("before", "edits"),
    [
        ("relu\n  convv(4, 3)", ["3:3: S0201 convv -> conv"]),
        (
            "convv(4, 3, paddding=1) -> rellu",
            ["2:3: S0201 convv -> conv", "2:14: S0301 paddding -> padding", "2:28: S0201 rellu -> relu"],
        ),
        ("relu -> dropout(p=0) -> conv(4, 3)", ["2:7: S0501 removed -> dropout(p=0)"]),
        ('upsample(scale_factor=2, mode="nearesst")', ["2:34: S0303 nearesst -> nearest"]),
    ],
)
def test_every_edit_is_told_where_it_is_now(specc: Specc, here: Path, before: str, edits: list[str]) -> None:
    (here / "a.cnn").write_text(f"{HEAD}  {before}\n}}\n")
    *told, number = specc("check", "--fix").err.splitlines()
    assert told == [f"a.cnn:{edit}" for edit in edits]
    assert number.startswith(f"a.cnn: {len(edits)} finding")
