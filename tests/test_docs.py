"""The documents, proven: what they show is run, in their order, and must be what really comes out.

A fenced block is marked by what follows the language on its first line:

    cnn              a whole spec that checks            cnn NAME        the same, as a file for the blocks after it
    cnn steps        steps of a model on [N, 8, 32, 32]
    cnn refused      wrong; the text block after it has the words      cnn refused NAME    the same, as a file
    console          commands of specc after ``$``, each with its output; a line ``…`` stands for any lines
    python           runs; a text block right after it has what it prints
    python NAME      an excerpt of a file that an earlier block has written
    toml NAME        a file for the blocks after it

A chapter of the tutorial is one session of Python, typed line by line, in which nothing is printed but what is shown.
Its pictures are what its commands draw. The Chinese one shows the blocks of the English one, which are run once.

Other blocks (sh, yaml, make, text elsewhere, none) are only read; those of yaml.md are proven in
tests/syntax/yaml.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import signal
import sys
import tomllib
from code import InteractiveConsole
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import pytest

from docs.site.terminal import scenes, svg
from specc.cli.main import main
from specc.diagnostics import Code, SpecError
from specc.elaborate import check_file
from specc.ops import operators
from specc.report.code_pages import meanings
from specc.report.operators import operators_markdown
from specc.report.snippets import render
from specc.report.word_tables import words_markdown
from specc.source import Source
from specc.syntax import parse

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial"
CHAPTERS = sorted((TUTORIAL / "en").glob("*.md"))
LANGUAGE = (ROOT / "docs" / "language.md", ROOT / "docs" / "zh" / "language.md")
IN_CHINESE = sorted((TUTORIAL / "zh").glob("[0-9]*.md"))
INDICES = [TUTORIAL / "README.md", TUTORIAL / "zh" / "README.md"]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
    *CHAPTERS,
]


def each(documents: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", documents, ids=lambda path: path.relative_to(ROOT).as_posix())


each_document = each([*DOCUMENTS, *INDICES, ROOT / "README.zh.md", LANGUAGE[1], *IN_CHINESE])


@dataclass(frozen=True)
class Block:
    """A fenced block; ``shown`` is the text block right after it, None where there is none."""

    place: str
    kind: str
    mark: str
    name: str
    text: str
    shown: str | None


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    fences = list(re.finditer(r"^```(.*)\n((?:(?!```).*\n)*)```$", text, re.MULTILINE))
    assert 2 * len(fences) == len(re.findall("^```", text, re.MULTILINE)), f"{path.name}: a fence is not closed"
    found = []
    for fence, after in zip_longest(fences, fences[1:]):
        follows = after is not None and after[1] == "text" and not text[fence.end() : after.start()].strip()
        kind, *words = fence[1].split() or [""]
        mark = words[0] if words and words[0] in ("steps", "refused") else ""
        name = words[-1] if words and words[-1] != mark else ""
        line = text.count("\n", 0, fence.start()) + 1
        shown = after[2] if after is not None and follows else None
        found.append(Block(f"{path.name}:{line}", kind, mark, name, fence[2], shown))
    return found


@dataclass(frozen=True)
class Session:
    """Where the blocks of a document are run.

    Attributes:
        console: Python as one types into it, for blocks that go on from each other; None where each is a program.
    """

    folder: Path
    console: InteractiveConsole | None = None


def findings(text: str, name: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source(name, text)))
    return caught.value


def prove_spec(block: Block, session: Session) -> None:
    match block.mark:
        case "refused":
            refused = findings(block.text, block.name or "net.cnn")
            assert block.name or render(refused.diagnostics).rstrip() == (block.shown or "").rstrip(), block.place
        case "steps":
            check_file(parse(Source(block.place, f"model M : [N, 8, 32, 32] {{\n{block.text}}}")))
        case _:
            check_file(parse(Source(block.place, block.text)))
    if block.name:
        (session.folder / block.name).write_text(block.text, encoding="utf-8")


def commanded(arguments: list[str]) -> str:
    """What the command prints, to wherever: in this process, since a new one would import PyTorch for each proof."""
    written = BytesIO()
    printed = TextIOWrapper(written, encoding="utf-8", write_through=True)
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.setattr(sys, "argv", ["specc", *arguments])
        for name in ("FORCE_COLOR", "COLUMNS"):
            patch.delenv(name, raising=False)
        with pytest.raises(SystemExit):
            main()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    text = written.getvalue().decode("utf-8")
    assert "Traceback" not in text, text
    assert "internal error" not in text, text
    return text


def run(block: Block, session: Session) -> str:
    """What a program prints, to wherever: in this process, for the same reason."""
    printed = StringIO()
    importlib.invalidate_caches()  # a module may be younger than the clock of its folder tells
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        if session.console is None:
            exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
        else:
            patch.setattr(sys, "displayhook", lambda value: value is None or printed.write(f"{value!r}\n"))
            for line in [*block.text.splitlines(), ""]:
                session.console.push(line)
    return printed.getvalue()


def comparable(text: str) -> str:
    """Without what differs from machine to machine: how far rounding went, and the width it is printed in."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(
        re.sub(r"\s+", " ", re.sub(r"\d+\.\d+|\d+(e[+-]\d+)?", "#", line))
        if re.search("roundings| ok$|ONNX +PyTorch", line)
        else line
        for line in lines
    )


def prove_console(block: Block, _: Session) -> None:
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
        program, *arguments = shlex.split(command)
        assert program == "specc", f"{block.place}: {command}"
        pattern = re.escape(comparable(shown)).replace("…", "(.|\n)*")
        printed = comparable(commanded(arguments))
        assert re.fullmatch(pattern, printed), f"{block.place}: {command} prints\n{printed}"


def prove_python(block: Block, session: Session) -> None:
    if block.name:
        assert block.text in (session.folder / block.name).read_text(encoding="utf-8"), block.place
        return
    printed = run(block, session)
    expected = block.shown if session.console is None else block.shown or ""
    assert expected is None or printed == expected, f"{block.place} prints\n{printed}"


def prove_toml(block: Block, session: Session) -> None:
    tomllib.loads(block.text)
    if block.name:
        (session.folder / block.name).write_text(block.text, encoding="utf-8")


READ = ("sh", "text", "yaml", "make")
PROOFS = {"cnn": prove_spec, "console": prove_console, "python": prove_python, "toml": prove_toml}


def in_folder(module: ModuleType, folder: Path) -> bool:
    return Path(getattr(module, "__file__", None) or "").is_relative_to(folder)


PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
IMAGE = re.compile(r'<img [^>]*\bsrc="([^"]+)"')


@pytest.mark.slow
@each(DOCUMENTS)
def test_what_a_document_shows_is_what_comes_out(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what a spec imports is a file that an earlier block has written
    monkeypatch.syspath_prepend(tmp_path)  # and so is what Python imports
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    session = Session(tmp_path, InteractiveConsole() if path in CHAPTERS else None)
    for block in blocks(path):
        assert block.kind in {*PROOFS, *READ, ""}, f"{block.place}: no such kind of block"
        if block.kind in PROOFS:
            PROOFS[block.kind](block, session)
    for name in [name for name, module in sys.modules.items() if in_folder(module, tmp_path)]:
        del sys.modules[name]
    if path in CHAPTERS:
        for target in PICTURE.findall(path.read_text(encoding="utf-8")):
            drawn = tmp_path / Path(target).name
            assert drawn.read_text() == (path.parent / target).read_text(), f"{target} is not {drawn}"


def test_the_tutorial_is_the_same_in_both_languages() -> None:
    """Blocks, but for comments, and pictures; whoever turns to a page finds the file that it speaks of."""
    assert [path.name for path in CHAPTERS] == [path.name for path in IN_CHINESE] != []

    def shown(path: Path) -> list[tuple[str, ...]]:
        text = path.read_text(encoding="utf-8")
        code = [(block.kind, block.mark, block.name, re.sub(" *#.*", "", block.text)) for block in blocks(path)]
        return [
            *code,
            *((target,) for target in PICTURE.findall(text)),
            *((mark,) for mark in re.findall("^#+ ", text)),
        ]

    for chapter, translated in zip(CHAPTERS, IN_CHINESE, strict=True):
        assert shown(translated) == shown(chapter)
        for path in (chapter, translated):
            for block in blocks(path):  # a reader does not see what stands behind the fence
                assert block.kind != "cnn" or f"`{block.name}`" in path.read_text(encoding="utf-8"), block.place


def test_the_language_is_the_same_in_both_languages() -> None:
    """What changes in one changes in the other: blocks to the letter, sections, codes, and what stands in backticks."""

    def shown(path: Path) -> list[object]:
        text = path.read_text(encoding="utf-8")
        prose = re.sub(r"^```(?:.|\n)*?^```$", "", text, flags=re.MULTILINE)
        code = sorted(re.sub(r"\s+", " ", written) for written in re.findall(r"`([^`]+)`", prose))
        return [
            [(block.kind, block.mark, block.name, block.text) for block in blocks(path)],
            re.findall("^#+ ", prose, re.MULTILINE),
            re.findall(r"^\| (S\d{4}) \|", prose, re.MULTILINE),
            code,
        ]

    english, chinese = map(shown, LANGUAGE)
    assert len(english[3]) > 500
    for written, translated in zip(english, chinese, strict=True):
        assert translated == written


def test_the_tutorial_leads_from_chapter_to_chapter() -> None:
    for index, chapters in zip(INDICES, (CHAPTERS, IN_CHINESE), strict=True):
        listed = re.findall(r"^\d+\. \[.*\]\((.+)\)$", index.read_text(encoding="utf-8"), re.MULTILINE)
        assert [(index.parent / name).resolve() for name in listed] == chapters
        for number, (path, after) in enumerate(zip_longest(chapters, chapters[1:]), start=1):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert lines[0].startswith(f"# {number}. ")
            assert f"]({after.name if after else Path(os.path.relpath(index, path.parent)).as_posix()})" in lines[-1]


def test_the_first_steps_show_the_example() -> None:
    shown = {block.name: block.text for block in blocks(ROOT / "docs" / "start.md") if block.kind == "cnn"}
    assert shown["lenet.cnn"] == (ROOT / "examples" / "lenet.cnn").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_is_one_screen_and_begins_with_the_commands(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert any(line.startswith("make demo") for line in lines[:24])
    assert any(line.startswith("make test") for line in lines[:24])


def test_the_readme_is_the_same_in_both_languages() -> None:
    def shown(name: str) -> list[object]:
        text = (ROOT / name).read_text(encoding="utf-8")
        marks = re.findall("^#+ ", text, re.MULTILINE)
        return [[block.text for block in blocks(ROOT / name)], PICTURE.findall(text), IMAGE.findall(text), marks]

    assert shown("README.zh.md") == shown("README.md")


def test_the_picture_of_a_check_is_what_the_commands_print() -> None:
    """``make docs`` draws it anew."""
    drawn = (ROOT / "docs" / "pictures" / "check.svg").read_text(encoding="utf-8")
    assert drawn == svg(scenes())
    assert drawn.count("<text ") > 20


def test_what_the_package_index_shows_leads_to_no_file() -> None:
    text = (ROOT / "docs" / "pypi.md").read_text(encoding="utf-8")
    assert 'readme = "docs/pypi.md"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.findall(r"\]\((?!https:)|<img", text)


def anchors(path: Path) -> set[str]:
    """The headings as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```(?:.|\n)*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text)
    for target, anchor in [*links, *((source, "") for source in IMAGE.findall(text))]:
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{path}: {target}"
        assert not anchor or anchor in anchors(there), f"{path.name}: {target}#{anchor}"


def test_the_operator_reference_is_current() -> None:
    """``make docs`` writes it anew."""
    assert (ROOT / "docs" / "operators.md").read_text(encoding="utf-8") == operators_markdown()


def test_the_words_of_other_tools_are_current() -> None:
    """``make docs`` writes them anew, from what the messages know."""
    text = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
    assert text == words_markdown()
    words = (
        "conv2d dense linear swish deconv upconv transposeconv gap gmp cat interpolate droppath bn2d dropout2d "
        "leaky clip "
        "maxpool2d depthwise separableconv pointwise groupconv einsum embedding lstm residual shortcut se while "
        "map lambda view "
        "permute transpose squeeze unsqueeze stack chunk split roll subpixel weightnorm spectralnorm lr "
        "optimizer crossentropy mse "
        "batchsize activation strides filters kernelinitializer"
    )
    shown = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", text)) | {f"{word}2d" for word in ("bn", "maxpool")}
    assert set(words.split()) - shown == set()


def test_every_operator_has_its_section_with_every_argument() -> None:
    sections = dict(re.findall(r"^## (\w+)\n((?:(?!## ).*\n)*)", operators_markdown(), re.MULTILINE))
    assert list(sections) == [kind.kind for kind in operators()]
    for kind in operators():
        rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", sections[kind.kind], re.MULTILINE)
        assert [name for name, _, _ in rows] == list(kind.model_fields)


def test_every_code_is_in_the_language_reference() -> None:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (S\d{4}) \| (.+) \|$", text, re.MULTILINE)
    assert listed == [(code.value, meaning) for code, meaning in meanings().items()]
    assert list(meanings()) == list(Code)
