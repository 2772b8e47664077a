"""Files that are no specs, and files that are."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from specc.diagnostics import Code, SpecError, UsageError
from specc.syntax import parse, read, read_stdin
from specc.syntax.reader import LARGEST


def refused(path: Path) -> tuple[str, str, tuple[int, int]]:
    with pytest.raises(SpecError) as error:
        read(path)
    (finding,) = error.value.diagnostics
    return finding.code, finding.message, finding.primary.span.position


def written(folder: Path, data: bytes) -> Path:
    path = folder / "net.cnn"
    path.write_bytes(data)
    return path


def test_the_name_is_the_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    written(tmp_path / "nets", b"let a = 1\n")
    assert read("nets/net.cnn").name == "nets/net.cnn"
    assert read(Path("nets", "net.cnn")).text == "let a = 1\n"


def test_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    source = read(written(tmp_path, b"\xef\xbb\xbflet a = 1\r\nlet b = [1,\r\n2]\r\n"))
    first, second = parse(source).items
    assert (first.span.text, first.span.position) == ("let a = 1", (1, 1))
    assert (second.span.text, second.span.position) == ("let b = [1,\r\n2]", (2, 1))


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.cnn: there is no such file"):
        read(tmp_path / "no.cnn")
    with pytest.raises(UsageError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(UsageError, match="NUL"):
        read("a\0b")
    with pytest.raises(UsageError, match="cannot be read"):
        read(written(tmp_path, b"") / "inside.cnn")


@pytest.mark.parametrize(
    ("error", "message"),
    [(PermissionError(13, "no"), "no permission"), (OSError(5, "Input/output error"), "Input/out")],
)
def test_what_the_system_refuses(error: OSError, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    path = written(tmp_path, b"let a = 1")
    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(UsageError, match=message):
        read(path)


def test_invalid_utf8(tmp_path: Path) -> None:
    code, message, place = refused(written(tmp_path, "let ä = 1\nlet b = ".encode() + b"\xff # \xfe"))
    assert (code, place) == (Code.UNREADABLE, (2, 9))
    assert "byte 0xff at offset 19" in message
    assert "offset 4" in refused(written(tmp_path, b"\xef\xbb\xbfa\xff"))[1]


@pytest.mark.parametrize(
    ("data", "words", "place"),
    [
        (b"let a = 1\nlet\0 b = 2", "NUL", (2, 4)),
        (b"# \x1b[2J", "U+001B", (1, 3)),
        (b"# a\rlet b = 1\n", "carriage return", (1, 4)),
        ("# \u202e".encode(), "U+202E", (1, 3)),
    ],
)
def test_hidden_characters(data: bytes, words: str, place: tuple[int, int], tmp_path: Path) -> None:
    code, message, found = refused(written(tmp_path, data))
    assert (code, found) == (Code.UNREADABLE, place)
    assert words in message


def test_size(tmp_path: Path) -> None:
    assert len(read(written(tmp_path, b"#" * LARGEST)).text) == LARGEST
    code, message, _ = refused(written(tmp_path, b"#" * 10_000_000))
    assert code == Code.UNREADABLE
    assert "9.5 MiB (10,000,000 bytes), the limit is 1 MiB" in message


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a file without an end")
def test_a_file_without_an_end() -> None:
    assert "the limit is 1 MiB" in refused(Path("/dev/zero"))[1]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"let a = 1\n")))
    source = read_stdin()
    assert (source.name, source.text) == ("<stdin>", "let a = 1\n")
