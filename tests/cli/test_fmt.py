"""``specc fmt``: files, folders, standard input; what is printed, what is written, how it ends."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Specc

ROOT = Path(__file__).parents[2]
UNTIDY = "model M:[N,3,8,8]{conv(4,3)#why\n}"
TIDY = "model M : [N, 3, 8, 8] {\n  conv(4, 3)  # why\n}\n"
TOLD = "model M : [N, 3, 8, 8] {\n  conv(4, 3)  #: [N, 4, 6, 6]  # why\n}\n"
WRONG = "model M : [N, 3, 8, 8] { conv( }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder: empty, and without a project's settings above it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str = UNTIDY) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_files_are_written_and_counted(specc: Specc, folder: Path) -> None:
    changed, kept = write(folder, "a.cnn"), write(folder, "nets/b.cnn", TIDY)
    before = kept.stat().st_mtime_ns
    done = specc("fmt", ".")
    assert (done.code, done.out, done.err) == (0, "1 file reformatted, 1 left unchanged\n", "")
    assert changed.read_text() == TIDY
    assert kept.stat().st_mtime_ns == before
    again = specc("fmt")
    assert (again.code, again.out) == (0, "2 files left unchanged\n")


def test_check_names_what_would_change(specc: Specc, folder: Path) -> None:
    path = write(folder, "a.cnn")
    write(folder, "b.cnn", TIDY)
    done = specc("fmt", "--check", ".")
    assert (done.code, done.out) == (1, "a.cnn\n")
    assert done.err == "1 file would be reformatted, 1 would be left unchanged\n"
    assert path.read_text() == UNTIDY
    assert specc("fmt", "--check", "b.cnn").code == 0


def test_the_difference_is_a_patch(specc: Specc, folder: Path) -> None:
    path = write(folder, "nets/a.cnn")
    other = write(folder, "b.cnn", 'let a = "\u2028"\r\nlet b=2\r\n')
    done = specc("fmt", "--diff", "nets", "b.cnn")
    assert done.code == 1
    assert path.read_text() == UNTIDY
    if shutil.which("patch") is None:
        pytest.skip("there is no patch to try it with")
    subprocess.run(["patch", "-p0", "--binary"], input=done.out.encode(), check=True, capture_output=True)
    assert path.read_text() == TIDY
    assert other.read_bytes().decode() == 'let a = "\u2028"\r\nlet b = 2\r\n'
    assert specc("fmt", "--diff", ".").out == ""


def test_from_standard_input_to_standard_output(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, UNTIDY)
    done = specc("fmt", "-")
    assert (done.code, done.out, done.err) == (0, TIDY, "")


@pytest.mark.parametrize(("text", "code"), [(UNTIDY, 1), (TIDY, 0)])
def test_standard_input_is_checked(specc: Specc, monkeypatch: pytest.MonkeyPatch, text: str, code: int) -> None:
    stdin(monkeypatch, text)
    done = specc("fmt", "--check", "-")
    assert (done.code, done.out) == (code, "<stdin>\n" * code)
    stdin(monkeypatch, text)
    assert specc("fmt", "--diff", "-").out.startswith("--- <stdin>\n" * code)


def test_standard_input_with_a_mistake_gives_no_output(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, WRONG)
    done = specc("fmt", "-")
    assert (done.code, done.out) == (1, "")
    assert "S0003" in done.err


def test_a_mistake_stops_no_other_file(specc: Specc, folder: Path) -> None:
    wrong, right = write(folder, "a.cnn", WRONG), write(folder, "b.cnn")
    done = specc("fmt", ".")
    assert done.code == 1
    assert "error[S0003]" in done.err
    assert done.out == "1 file reformatted, 1 not formatted: see above\n"
    assert wrong.read_text() == WRONG
    assert right.read_text() == TIDY


def test_a_spec_that_does_not_fit_is_formatted_all_the_same(specc: Specc, folder: Path) -> None:
    path = write(folder, "a.cnn", "model M : [N, 3] { conv(1, 99) -> nothing }\n")
    assert specc("fmt", "a.cnn").code == 0
    assert path.read_text() == "model M : [N, 3] {\n  conv(1, 99) -> nothing\n}\n"


def test_annotate(specc: Specc, folder: Path) -> None:
    path = write(folder, "a.cnn")
    assert specc("fmt", "--annotate", "a.cnn").code == 0
    assert path.read_text() == TOLD
    assert specc("fmt", "a.cnn").out == "1 file left unchanged\n"
    path.write_text(TOLD.replace("conv(4, 3)", "conv(5, 3)"))
    assert specc("fmt", "--annotate", "--check", "a.cnn").code == 1
    assert specc("fmt", "--annotate", "a.cnn").code == 0
    assert path.read_text() == TOLD.replace("4,", "5,")


def test_annotate_leaves_what_does_not_fit(specc: Specc, folder: Path) -> None:
    path = write(folder, "a.cnn", "model M:[N,3,8,8]{conv(4,9)}")
    done = specc("fmt", "--annotate", "a.cnn")
    assert done.code == 1
    assert "S0104" in done.err
    assert path.read_text() == "model M:[N,3,8,8]{conv(4,9)}"


def test_annotate_finds_the_shapes_of_imported_blocks(specc: Specc, folder: Path) -> None:
    write(folder, "blocks.cnn", "block pair(c) { conv(c, 1) -> relu }\n")
    path = write(
        folder, "net.cnn", 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] {\n  pair(4)\n  pair(5)\n}\n'
    )
    assert specc("fmt", "--annotate", "net.cnn").code == 0
    assert path.read_text().splitlines()[3:5] == ["  pair(4)  #: [N, 4, 8, 8]", "  pair(5)  #: [N, 5, 8, 8]"]


def test_yaml_is_left_alone(specc: Specc, folder: Path) -> None:
    write(folder, "a.cnn")
    path = write(folder, "b.cnn.yaml", "- {block: one, body: [relu]}")
    assert specc("fmt", ".").out == "1 file reformatted\n"
    done = specc("fmt", "a.cnn", "b.cnn.yaml")
    assert done.code == 2
    assert done.err == "error: b.cnn.yaml: YAML is left as it is; fmt formats specs of the language (.cnn)\n"
    assert path.read_text() == "- {block: one, body: [relu]}"


def test_what_cannot_be_read_stops_no_other_file(specc: Specc, folder: Path) -> None:
    path = write(folder, "b.cnn")
    done = specc("fmt", "a.cnn", "b.cnn")
    assert (done.code, done.err) == (2, "error: a.cnn: there is no such file\n")
    assert path.read_text() == TIDY


def test_nothing_to_format(specc: Specc, folder: Path) -> None:
    done = specc("fmt", ".")
    assert (done.code, done.out, done.err) == (3, "", "nothing to format: no spec (*.cnn) here\n")
    assert specc("fmt", "--allow-empty", ".").code == 0


def test_standard_input_goes_alone(specc: Specc, folder: Path) -> None:
    done = specc("fmt", "-", "a.cnn")
    assert done.code == 2
    assert "standard input" in done.err


def test_excluded_files_are_left_alone(specc: Specc, folder: Path) -> None:
    write(folder, "specc.toml", 'exclude = ["old/**"]\n')
    old, new = write(folder, "old/a.cnn"), write(folder, "new/a.cnn")
    assert specc("fmt", ".").out == "1 file reformatted\n"
    assert specc("fmt", "--force-exclude", "old/a.cnn").code == 3
    assert old.read_text() == UNTIDY
    assert new.read_text() == TIDY
    assert specc("fmt", "old/a.cnn").out == "1 file reformatted\n"


def test_a_file_keeps_its_mode_and_its_links(specc: Specc, folder: Path) -> None:
    path = write(folder, "a.cnn")
    path.chmod(0o640)
    (folder / "link.cnn").symlink_to("a.cnn")
    assert specc("fmt", "link.cnn").code == 0
    assert (folder / "link.cnn").is_symlink()
    assert path.read_text() == TIDY
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_mistake_of_ours_is_said_of_its_file_and_stops_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from specc.cli.main import main
    from specc.syntax.format.lists import LineWriter

    wrong, right = write(folder, "a.cnn"), write(folder, "b.cnn", "let a=1\n")
    monkeypatch.setattr(LineWriter, "comment", lambda self, comment: None)
    monkeypatch.setattr(sys, "argv", ["specc", "fmt", "."])
    with pytest.raises(SystemExit) as ended:
        main()
    done = capsys.readouterr()
    assert ended.value.code == 2
    assert done.err.startswith("error: a.cnn: internal error: RuntimeError: formatting would change what a.cnn says")
    assert done.out == "1 file reformatted\n"
    assert (wrong.read_text(), right.read_text()) == (UNTIDY, "let a = 1\n")


def test_a_file_whose_comment_would_silence_something_else_is_left(specc: Specc, folder: Path) -> None:
    text = "model M:[N,3,9,9]{add{|maxpool(2)|maxpool(2) # specc: ignore[S0505] why\n|maxpool(2)}}\n"
    wrong, right = write(folder, "a.cnn", text), write(folder, "b.cnn")
    done = specc("fmt", ".")
    assert done.code == 2
    assert done.err.startswith("error: a.cnn:1: not formatted")
    assert (wrong.read_text(), right.read_text()) == (text, TIDY)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_are_kept(specc: Specc, folder: Path, end: str) -> None:
    path = write(folder, "a.cnn", TIDY.replace("\n", end))
    assert specc("fmt", "--check", "a.cnn").code == 0
    assert specc("fmt", "--annotate", "a.cnn").code == 0
    assert path.read_bytes().decode() == TOLD.replace("\n", end)


def test_formatting_imports_nothing_heavy(folder: Path) -> None:
    write(folder, "a.cnn")
    code = (
        "import sys; from specc.cli.main import main\ntry: main()\nfinally: print([m for m in sys.modules if m in H])"
    )
    heavy = {"numpy", "torch", "onnx", "rich", "lark", "yaml", "pydantic"}
    done = subprocess.run(
        [sys.executable, "-c", f"H={heavy}; {code}", "fmt", "a.cnn"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1 file reformatted\n[]\n"
