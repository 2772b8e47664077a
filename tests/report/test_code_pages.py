"""What the codes mean: every page's two examples are executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.diagnostics import Code, Severity, UsageError
from specc.report import code_pages

ROOT = Path(__file__).parents[2]
LINTS = {code for code in Code if code.startswith("S05")}

each_code = pytest.mark.parametrize("code", list(Code), ids=str)


@each_code
def test_the_wrong_example_earns_that_code_and_no_other(code: Code) -> None:
    about = code_pages.page(code)
    found = code_pages.findings(about.wrong, about.configuration)
    assert {finding.code for finding in found} == {code}
    assert {finding.severity for finding in found} == {Severity.WARNING if code in LINTS else Severity.ERROR}


@each_code
def test_the_right_example_is_right(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = code_pages.page(code)
    monkeypatch.chdir(tmp_path)
    for name, text in about.files.items():
        Path(name).write_text(text, encoding="utf-8")
        assert code_pages.findings(text, name=name) == []
    assert code_pages.findings(about.right, about.configuration) == []


@each_code
def test_a_page_reads_well(code: Code) -> None:
    shown = code_pages.meaning(code)
    about = code_pages.page(code)
    severity = "warning" if code in LINTS else "error"
    assert shown is not None
    assert " ".join(shown.split()).startswith(f"{code}: {about.meaning} ")
    assert f"\n\nWrong:\n\n  {about.shown.splitlines()[0]}" in shown
    assert f"\n\n{severity}[{code}]: " in shown
    assert shown.endswith("\n  }") or shown.endswith(" }")
    assert about.meaning.endswith(".")
    assert len(about.reason.split()) >= 15, "a page says why"
    assert all(len(line) <= code_pages.WIDTH for line in about.reason.splitlines())
    findings = code_pages.example(code).splitlines()
    assert all(len(line) <= (160 if line in findings else 100) for line in shown.splitlines())


def test_every_page_is_of_a_code() -> None:
    assert {path.stem for path in (ROOT / "specc" / "report" / "pages").iterdir()} == set(Code)


def test_what_is_no_code() -> None:
    assert code_pages.meaning("conv1") is None
    assert code_pages.meaning("s0104") == code_pages.meaning("S0104")
    with pytest.raises(UsageError, match="there is no code S9999; they go from S0001 to S0601"):
        code_pages.meaning("S9999")


def test_the_pages_in_the_documents_are_current() -> None:
    """``make docs`` writes them anew."""
    assert (ROOT / "docs" / "codes.md").read_text(encoding="utf-8") == code_pages.markdown()
