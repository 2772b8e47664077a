"""Findings are known again from one version of a file to the next."""

from specc.diagnostics import Code, Diagnostic, Label
from specc.project.outcome import fingerprint
from specc.source import Source


def found(text: str, at: str, *, name: str = "a.cnn", code: Code = Code.SHAPE, message: str = "no") -> Diagnostic:
    source = Source(name, text)
    start = text.index(at)
    return Diagnostic(code, message, Label(source.span(start, start + len(at))))


def known_by(*findings: Diagnostic) -> list[str]:
    seen: dict[str, int] = {}
    return [fingerprint(finding, seen) for finding in findings]


ONE = found("model\n  conv(3)\n  relu\n", "conv(3)")


def test_it_stays_when_lines_move_and_numbers_change() -> None:
    moved = found("# new\n\nmodel\n    conv(3)\t\n  relu\n", "conv(3)", message="another number")
    assert known_by(ONE) == known_by(moved)


def test_it_stays_when_the_line_is_spaced_anew() -> None:
    assert known_by(found("a: conv( 3 )", "conv")) == known_by(found("a:   conv(\t3 )", "conv"))


def test_it_stays_when_the_place_in_the_line_changes() -> None:
    assert known_by(ONE) == known_by(found("  conv(3)", "3"))


def test_it_changes_with_the_line_the_code_and_the_path() -> None:
    others = [
        found("  conv(4)", "conv"),
        found("  conv(3)", "conv(3)", code=Code.RANK),
        found("  conv(3)", "conv(3)", name="b.cnn"),
        found("conv(3) relu", "conv(3)"),
    ]
    assert len({*known_by(ONE), *(known_by(other)[0] for other in others)}) == 5


def test_equal_ones_are_told_apart_by_their_order() -> None:
    first, second, third = known_by(ONE, ONE, found("# more\n  conv(3)", "conv"))
    assert len({first, second, third}) == 3
    assert [first, second] == known_by(ONE, ONE)


def test_parts_do_not_run_into_each_other() -> None:
    one, other = found("S0100 x", "x", name="a"), found("x", "x", name="a S0100")
    assert known_by(one) != known_by(other)


def test_any_text_and_name_will_do() -> None:
    assert len(known_by(found("half \ud800", "half", name="\udc80.cnn"))[0]) == 32
    empty = Diagnostic(Code.UNREADABLE, "too large", Label(Source("a.cnn", "").span(0, 0)))
    assert len(known_by(empty)[0]) == 32


def test_it_is_the_same_on_every_machine() -> None:
    """Baselines and code scanning keep them for years: worked out apart, with sha256sum."""
    assert known_by(ONE) == ["ef9c062020592f4a3133454cbeb15acb"]
