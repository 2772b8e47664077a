"""`specc server` under random edits, over standard input and output: what its answers cost, and whether it lives.

    python -m benchmarks.server [--edits 2000] [--minutes 60] [--seed 1] [--publish]

A spec of 300 lines, one that is imported, one that imports it and one in YAML are edited: words, brackets and parts of
other lines are put in, taken out and put in place of others, lines are left half-written, edits taken back, as whole
texts or as changes at a place; buffers are closed and opened. After every twelfth edit or so, as typing pauses, the
server is asked what editors ask, each question as often as the others. Of a share of the answers it is looked up what a
server says that knows nothing but the text. Where anything fails or differs, the run ends with exit code 1.

Processor time is that of the server, of an answer from the message to what is sent; `between answers` is what it frees
then. ``--publish`` puts the figures into docs/editors.md; how far a run is it writes to standard error.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol.types import METHOD_TO_TYPES
from pygls.protocol import default_converter

from benchmarks.hardening import between
from benchmarks.processes import ROOT
from benchmarks.tables import grid
from specc import __version__
from specc.server.buffers import Buffers
from specc.server.diagnosis import diagnosis
from specc.server.protocol import Session
from specc.source import Source
from specc.syntax.yaml.writer import to_yaml
from tests.server.pipe import Pipe

PUBLISHED = ROOT / "benchmarks" / "results" / "server.json"
DOCUMENT = ROOT / "docs" / "editors.md"
BEGIN = "<!-- measured: python -m benchmarks.server -->"

LINES = 300
"""Of the spec that most edits are made in."""
ASKED = 0.08
"""Questions for each edit."""
FEWEST = 10
"""Answers of a kind of which figures are shown."""
SAMPLED = 20
"""Answers of which one is compared with that of a server that knows the text alone."""
PAUSE = 50
"""Edits between two pauses in which the findings of all files are waited for."""
CHECKED = 10
"""Pauses between two in which they are compared with those of the text alone."""
LIBRARY = "block unit(c, act = relu) {\n  conv(c, 3, padding=1) -> bn\n  act\n}\nlet wide = 8\n"
IMPORTER = """\
from "lib.cnn" import unit, wide

model User(classes = 10) : [N, 3, H, W] -> [N, classes] where H >= 8, W >= 8 {
  stem: unit(wide)
  for c in [16, 32] { unit(c, gelu) -> maxpool(2) }
  global_avgpool -> flatten -> fc(classes)
}
"""
SNIPPETS = (
    *("conv(8, 3)", "relu", " -> ", "{", "}", "(", ")", "[", "]", "\n", "\n\n", "  ", '"', "#", "# specc: ignore", ","),
    *("=", "|", "let x = 3\n", "block b { relu }\n", "model X : [N, 3, 8, 8] { relu }\n", "𝕊", "é", "\r\n", "9999999"),
    *("-1", "where", "for", "repeat 2 { conv(4, 3) }", "flaten", "unit(3)", "wide", "- ", ": ", "\t", "\ud800"),
)
QUESTIONS = (
    *("inlayHint", "hover", "completion", "codeAction", "documentSymbol", "foldingRange", "codeLens", "definition"),
    *("signatureHelp", "documentHighlight", "formatting"),
)


def spec() -> str:
    """Networks of the zoo that import nothing, as many as `LINES` lines hold."""
    text, names = "", set[str]()
    for path in sorted((ROOT / "examples" / "zoo").glob("*.cnn")):
        one = path.read_text("utf-8")
        own = set(re.findall(r"^(?:model|block|let) (\w+)", one, re.MULTILINE))
        if 'from "' not in one and not own & names and text.count("\n") + one.count("\n") < LINES:
            names |= own
            text += f"{one}\n"
    return text


class Document:
    """A text as the editor has it, and as it was before."""

    def __init__(self, uri: str, text: str) -> None:
        self.uri = uri
        self.saved = self.text = text
        self.before = [text]
        self.version = 1

    def edited(self, draw: random.Random) -> tuple[int, int, str]:
        """An edit: where it begins and ends, and what is put there."""
        text = self.text
        start = draw.randrange(len(text) + 1)
        match draw.randrange(8):
            case 0:
                return start, min(len(text), start + draw.randrange(1, 12)), ""
            case 1 if words := list(re.finditer(r"\w+", text)):
                word, other = draw.choice(words), draw.choice(words)
                return word.start(), word.end(), other[0]
            case 2:  # the rest of a line is not written yet
                return start, text.find("\n", start) % (len(text) + 1), ""
            case 3:
                other = draw.randrange(len(text) + 1)
                return start, start, text[other : other + draw.randrange(30)]
            case 4 | 5 if len(self.before) > 1:  # taken back
                return self._to(self.before.pop())
            case 6:
                return self._to(self.saved)
        return start, start, draw.choice(SNIPPETS)

    def _to(self, text: str) -> tuple[int, int, str]:
        """From the present text to another one, by what differs."""
        most = min(len(self.text), len(text))
        same = next((at for at in range(most) if self.text[at] != text[at]), most)
        return same, len(self.text), text[same:]

    def change(self, start: int, end: int, new: str) -> None:
        self.before = [*self.before[-20:], self.text]
        self.text = self.text[:start] + new + self.text[end:]
        self.version += 1


def place(text: str, at: int) -> dict[str, int]:
    """As an editor counts: lines end at any of the three, and characters are UTF-16 units."""
    lines = re.split("\r\n|\n|\r", text[:at])
    return {"line": len(lines) - 1, "character": len(lines[-1].encode("utf-16-le", "surrogatepass")) // 2}


class Soak:
    """One run.

    Attributes:
        edits: how many were made.
        memory: resident bytes after so many of them.
        faults: what was wrong.
    """

    def __init__(self, pipe: Pipe, folder: Path, seed: int) -> None:
        self.pipe = pipe
        self.edits = 0
        self.memory: dict[int, int] = {}
        self.faults: list[str] = []
        self._draw = random.Random(seed)
        self._asked = 0
        self._folder = folder
        net = spec()
        texts = {
            "net.cnn": net,
            "lib.cnn": LIBRARY,
            "user.cnn": IMPORTER,
            "net.cnn.yaml": to_yaml(Source("", IMPORTER)),
        }
        self._documents = [Document(pipe.uri(name), text) for name, text in texts.items()]
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")

    def run(self, edits: int, minutes: float, most_faults: int = 5) -> None:
        end = time.time() + minutes * 60
        self.pipe.begin()
        for document in self._documents:
            self.pipe.open(document.uri, document.text)
        self._wait(is_checked=True)  # who opens a file reads it first
        for number in range(1, edits + 1):
            document = self._draw.choices(self._documents, (12, 3, 3, 2))[0]
            self._edit(document)
            if self._draw.random() < ASKED:
                self._ask(document)
            if not number % PAUSE:
                self._wait(is_checked=not number % (PAUSE * CHECKED))
            self.edits = number
            if not number % max(1, edits // 100):
                self.memory[number] = size = self._resident()
                print(f"{number:,} edits, {size / 2**20:.0f} MB", file=sys.stderr, flush=True)
            if len(self.faults) >= most_faults:
                return
            if time.time() > end:
                break
        self.pipe.ask("shutdown")
        self.pipe.send("exit")
        if code := self.pipe.process.wait(60):
            self.faults.append(f"the server ended with {code}")

    def _edit(self, document: Document) -> None:
        draw, pipe = self._draw, self.pipe
        if draw.random() < 0.01:
            pipe.send("textDocument/didClose", {"textDocument": {"uri": document.uri}})
            pipe.open(document.uri, document.text, document.version)
            return
        if len(document.text) > 3 * len(document.saved):
            start, end, new = 0, len(document.text), document.saved
        else:
            start, end, new = document.edited(draw)
        before = document.text
        document.change(start, end, new)
        # Between the halves of a pair, or of a line's end, no editor has a place.
        is_whole = "\r" in before or "\ud800" in before or draw.random() < 0.5
        span = {"start": place(before, start), "end": place(before, end)}
        change: dict[str, object] = {"text": document.text} if is_whole else {"range": span, "text": new}
        pipe.change(document.uri, change, version=document.version)

    def _ask(self, document: Document) -> None:
        self._asked += 1
        what = f"textDocument/{QUESTIONS[self._asked % len(QUESTIONS)]}"
        at = place(document.text, self._draw.randrange(len(document.text) + 1))
        params: dict[str, object] = {"textDocument": {"uri": document.uri}, "position": at}
        if what.endswith(("inlayHint", "codeAction")):
            params["range"] = {"start": {"line": 0, "character": 0}, "end": place(document.text, len(document.text))}
            params["context"] = {"diagnostics": []}
        if what.endswith("codeAction"):
            params["range"] = {"start": at, "end": at}
        if what.endswith("formatting"):
            params["options"] = {"tabSize": 2, "insertSpaces": True}
        answer = self.pipe.ask(what, params)
        if "error" in answer:
            self.faults.append(f"{what}: {answer['error']['message']}")
        elif not self._draw.randrange(SAMPLED) and not any("\ud800" in one.text for one in self._documents):
            alone = answered({one.uri: one.text for one in self._documents}, what, params)
            if not agrees(what, answer["result"], alone):
                said, text = answer["result"], document.text
                self.faults.append(f"{what}: {said!r}, where it is {alone!r}, of {params!r}, {document.uri}: {text!r}")
        self._note_messages()

    def _note_messages(self) -> None:
        self.faults += self.pipe.messages
        self.pipe.messages.clear()

    def _wait(self, *, is_checked: bool) -> None:
        """Until the server has said what it has found in all texts."""
        shown, pipe = self.pipe.shown, self.pipe
        while any(pipe.versions.get(one.uri) != one.version for one in self._documents):
            pipe.read()
        self._note_messages()
        if not is_checked:
            return
        texts = {str(self._folder / one.uri.rpartition("/")[2]): one.text for one in self._documents}
        files = Buffers(texts)
        for document, path in zip(self._documents, texts, strict=True):
            found = {one.sort_key for one in diagnosis(path, files).findings if one.primary.span.source.name == path}
            least = {str(key[-1]) for key in found}
            if not least and not found and document.uri.endswith("net.cnn") and shown[document.uri]:
                self.faults.append(f"findings of {path} where there are none")
            if len(found) > len(shown[document.uri]):
                self.faults.append(f"{len(shown[document.uri])} findings of {path}, where there are {len(found)}")

    def _resident(self) -> int:
        status = Path(f"/proc/{self.pipe.process.pid}/status").read_text("utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


def answered(texts: dict[str, str], method: str, params: dict[str, object]) -> Any:
    """What a server answers that knows these texts alone."""
    session, converter = Session(), default_converter()
    for uri, text in texts.items():
        session.documents.change(uri, text, 1)
    answer = session.answers[method](converter.structure(params, METHOD_TO_TYPES[method][2]))
    return json.loads(json.dumps(converter.unstructure(answer)))


def agrees(method: str, said: Any, alone: Any) -> bool:
    """Whether an answer says what one of the text alone says.

    A model that is as it was costs what it did, whatever is wrong with the file around it now. So it may say more.
    """
    if method.endswith("codeLens"):
        return all(one in said for one in alone)
    if method.endswith("documentSymbol") and isinstance(said, dict):
        here, there = ({**one, "children": [], "detail": None} for one in (said, alone))
        least = alone.get("detail") in (None, said.get("detail")) or " to " in (said.get("detail") or "")
        return here == there and least and agrees(method, said["children"], alone["children"])
    if method.endswith("documentSymbol") and isinstance(said, list):
        return len(said) == len(alone) and all(map(partial(agrees, method), said, alone))
    return bool(said == alone)


def figures(edits: int, seed: int, minutes: float = 60) -> dict[str, Any]:
    """What a run has found."""
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (pipe, clock):
        folder = Path(name) / "project"
        soak = Soak(pipe, folder, seed)
        begin = time.time()
        soak.run(edits, minutes)
        times = json.loads(clock.read_text("utf-8")) if clock.exists() else {}
        return {
            "edits": soak.edits,
            "seed": seed,
            "lines": spec().count("\n"),
            "version": __version__,
            "seconds": round(time.time() - begin),
            "memory": {f"{part} %": _size_at(soak.memory, soak.edits * part // 100) for part in (10, 50, 100)},
            "faults": soak.faults,
            "answers": {what: summary(each) for what, each in sorted(times.items()) if len(each) >= FEWEST},
        }


def _size_at(sizes: dict[int, int], number: int) -> int:
    return sizes[min(sizes, key=lambda each: abs(each - number))]


def summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "median": ordered[len(ordered) // 2],
        "p95": ordered[int(len(ordered) * 0.95)],
        "most": ordered[-1],
    }


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Pipe, Path]]:
    """A server that writes down, when it ends, what each of its answers took."""
    (folder / "project" / ".git").mkdir(parents=True)
    clock = folder / "clock.json"
    pipe = Pipe(folder / "project", [sys.executable, "-m", "benchmarks.server", "--clock", str(clock)])
    try:
        yield pipe, clock
    finally:
        pipe.process.kill()
        pipe.process.communicate()


def serve(clock: Path) -> int:
    """As `specc server` does, with a clock. What it does for later it does after 10 ms, that a run takes no hours."""
    from specc.server import checks, collector, protocol, transport

    times: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
    handle, diagnose = transport.Dialogue.handle_message, checks.Checks._diagnose
    young = collector.Collector._young

    def handled(self: transport.Dialogue, message: Any) -> None:
        begin = time.process_time()
        handle(self, message)
        times[getattr(message, "method", "response").rpartition("/")[2]].append(time.process_time() - begin)

    def diagnosed(self: checks.Checks, path: str) -> None:
        begin = time.process_time()
        diagnose(self, path)
        times["findings"].append(time.process_time() - begin)

    def freed(self: collector.Collector) -> None:
        begin = time.process_time()
        young(self)
        times["between answers"].append(time.process_time() - begin)

    transport.Dialogue.handle_message = handled
    collector.Collector._young = freed  # type: ignore[method-assign]
    checks.Checks._diagnose = diagnosed  # type: ignore[method-assign]
    checks.PAUSE = 0.01
    code = protocol.serve()
    clock.write_text(json.dumps({what: each.tolist() for what, each in times.items()}), "utf-8")
    return code


def text(found: dict[str, Any]) -> str:
    """What docs/editors.md shows of a run."""
    rows = [
        [name, f"{one['count']:,}", *(f"{one[part] * 1e3:.1f} ms" for part in ("median", "p95", "most"))]
        for name, one in found["answers"].items()
    ]
    memory = ", ".join(f"{size / 2**20:,.0f} MB after {part}" for part, size in found["memory"].items())
    return (
        f"{found['edits']:,} edits, seed {found['seed']}, of a spec of {found['lines']} lines and three small ones; "
        f"specc {found['version']}: {len(found['faults'])} faults; resident {memory} of them.\n\n"
        + grid(["answer", "times", "median", "95th percentile", "longest"], rows)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=60, help="after which no more edits are made")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--clock", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.clock:
        sys.exit(serve(options.clock))
    found = figures(options.edits, options.seed, options.minutes)
    print(text(found))
    for fault in found["faults"]:
        print(fault[:2000])
    if options.publish and not found["faults"]:
        PUBLISHED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        DOCUMENT.write_text(between(DOCUMENT.read_text("utf-8"), text(found), BEGIN), encoding="utf-8")
    sys.exit(bool(found["faults"]))


if __name__ == "__main__":
    main()
