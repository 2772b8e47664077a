"""Commands that are ended before their time: what they leave must be whole, and be gone after the next run.

    python -m benchmarks.kills [--runs 500] [--seed 1] [--into build/fuzz]

A command is run once undisturbed. Then it is run again and again, each time ended at a place that is drawn: before a
call of the system that touches files, at a line of the code that writes them, or after some time; by SIGKILL,
SIGTERM, SIGINT (once or twice), or because the disk is full, files may not grow, or memory ends. Each run is a process
that is forked off, with everything loaded, so that its time is work and not imports. What must be true:

- what stands under a name is the old file or the new one, whole, and with a new model are its new weights and sidecar;
- what was not killed outright leaves no hidden file, and says in plain words what happened;
- the same command, run again, does what it does undisturbed, and leaves what it leaves undisturbed and nothing else
  (where there was nothing left to write, once more on the files of the beginning).
"""

from __future__ import annotations

import argparse
import atexit
import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import specc
from benchmarks.processes import ROOT
from specc.cli.commands import run_command
from specc.cli.main import run
from tests.signals import heed_signals

SPEC = """model Small(c = 6) : [N, 3, 16, 16] -> [N, 4] {
  conv(c, 3, padding=1) -> bn -> relu -> maxpool(2)
  conv(2 * c, 3) -> relu -> globalavgpool -> flatten -> fc(4)
}
"""
UNTIDY = SPEC.replace("  conv", "      conv").replace(" -> relu", "->relu", 1)
MISSPELT = SPEC.replace("relu", "rellu", 1).replace("maxpool", "maxpol")
WARNED = SPEC.replace("-> relu -> maxpool", "-> relu -> relu -> maxpool")
OLD = b"old\n"

CALLS = frozenset(
    "open os.rename os.link os.symlink os.remove os.mkdir os.rmdir os.chmod os.utime os.truncate os.scandir "
    "fcntl.flock".split()
)
WRITERS = tuple(
    str(Path(specc.__file__).parent.joinpath(*name.split("/")))
    for name in (
        "atomic.py", "leftovers.py", "project/cache.py", "project/fixes.py", "project/baseline.py",
        "bundle/delivery.py", "cli/output.py",
    )
)  # fmt: skip
"""The code that writes files."""
WAYS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGINT twice", "disk full", "file size", "memory")


class Command(NamedTuple):
    """What is run, on which files, and what it writes.

    Attributes:
        together: files that must all be old, or all be new, once the first of them is new.
    """

    name: str
    words: str
    files: dict[str, str]
    old: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


COMMANDS = (
    Command("fmt", "fmt a.cnn b.cnn", {"a.cnn": UNTIDY, "b.cnn": UNTIDY}),
    Command("check --fix", "check --fix net.cnn", {"net.cnn": MISSPELT}),
    Command("check, with the cache", "check net.cnn other.cnn", {"net.cnn": SPEC, "other.cnn": WARNED}),
    Command("check --write-baseline", "check net.cnn --write-baseline base.json", {"net.cnn": WARNED}),
    Command("check -o", "check net.cnn --format json -o out.json", {"net.cnn": WARNED, "out.json": "old\n"}),
    Command("convert", "convert net.cnn net.yaml --force", {"net.cnn": SPEC}),
    Command("compile to PyTorch", "compile net.cnn -o net.py", {"net.cnn": SPEC, "net.py": "old\n"}),
    Command(
        "compile", "compile net.cnn -o net.onnx --save-weights w.safetensors", {"net.cnn": SPEC},
        together=("net.onnx", "net.specc.json", "w.safetensors"),
    ),
    Command(
        "compile, over older files", "compile net.cnn -o net.onnx --save-weights w.safetensors",
        {"net.cnn": SPEC, "net.onnx": "old\n", "net.specc.json": "old\n", "w.safetensors": "old\n"},
        together=("net.onnx", "net.specc.json", "w.safetensors"),
    ),
    Command("verify --format html", "verify net.cnn --format html -o page.html", {"net.cnn": SPEC}),
)  # fmt: skip


@dataclass
class Truth:
    """An undisturbed run: what it leaves, how it ends, and how much of everything it does."""

    code: int
    files: dict[str, bytes]
    again: int
    calls: int
    lines: int
    seconds: float


@dataclass
class Report:
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    faults: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", action="append", choices=[command.name for command in COMMANDS])
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "fuzz")
    options = parser.parse_args()
    commands = [command for command in COMMANDS if options.command is None or command.name in options.command]
    _load(commands)
    reports = campaign(commands, options.runs, options.seed)
    options.into.mkdir(parents=True, exist_ok=True)
    plain = {name: {"ended": report.ended, "faults": report.faults} for name, report in reports.items()}
    (options.into / "kills.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    for name, report in reports.items():
        print(f"{name}: {report.ended}")
        for fault in report.faults:
            print(f"  {fault}")
    if any(report.faults for report in reports.values()):
        sys.exit(1)


def _load(commands: Iterable[Command]) -> None:
    """Run each command here, so that everything is loaded that it loads."""
    os.environ["OMP_NUM_THREADS"] = "1"
    before = Path.cwd()
    for command in commands:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            _prepare(command, Path(folder))
            os.environ["SPECC_CACHE_DIR"] = str(Path(folder) / "cache")
            os.chdir(Path(folder) / "here")
            sys.argv = ["specc", *command.words.split()]
            run_command()
            os.chdir(before)


def campaign(commands: Sequence[Command], runs: int, seed: int) -> dict[str, Report]:
    """So many runs that were ended; those that came to their end before are not counted, but held to the same."""
    reports = {command.name: Report() for command in commands}
    top = Path(tempfile.mkdtemp(prefix="specc-kills-"))  # a TemporaryDirectory would end with the first child
    try:
        truths = {command.name: _truth(command, top / f"{number}") for number, command in enumerate(commands)}
        number = done = 0
        while done < runs:
            random = Random(f"{seed}/{number}")
            command = commands[number % len(commands)]
            way = WAYS[number // len(commands) % len(WAYS)]
            ended, faults = _ended_run(command, truths[command.name], way, random, top / "run")
            reports[command.name].ended[way] += ended
            reports[command.name].faults += [f"run {number}: {way}: {fault}" for fault in faults]
            done += ended
            number += 1
            if number > 10 * runs:
                raise SystemExit("most runs come to their end: nothing is shown")
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return reports


# ---- one run --------------------------------------------------------------------------------------------------------


def _prepare(command: Command, folder: Path) -> None:
    here = folder / "here"
    here.mkdir(parents=True)
    (folder / "cache").mkdir(mode=0o700)
    for name, text in command.files.items():
        (here / name).write_text(text, encoding="utf-8")


def _truth(command: Command, folder: Path) -> Truth:
    _prepare(command, folder)
    counts = folder / "counts"

    def count() -> None:
        """A hook and a trace that count, and write it down at the end."""
        seen = {"calls": 0, "lines": 0}
        _at_call(lambda: seen.update(calls=seen["calls"] + 1))
        _at_line(lambda: seen.update(lines=seen["lines"] + 1))
        atexit.register(lambda: counts.write_text(json.dumps(seen)))

    code, said = _process(command, folder / "here", count)
    if not counts.exists():
        raise SystemExit(f"{command.name} does not come to its end: {said}")
    files = _seen(folder / "here")
    shutil.rmtree(folder / "here")
    shutil.rmtree(folder / "cache")
    _prepare(command, folder)
    start = time.monotonic()
    _process(command, folder / "here")
    seconds = time.monotonic() - start
    again, _ = _process(command, folder / "here")
    if _seen(folder / "here") != files:
        raise SystemExit(f"{command.name} writes other files the second time")
    numbers = json.loads(counts.read_text("utf-8"))
    return Truth(code, files, again, numbers["calls"], numbers["lines"], seconds)


def _ended_run(command: Command, truth: Truth, way: str, random: Random, folder: Path) -> tuple[bool, list[str]]:
    """Whether the run was ended before its time, and what is wrong with what it left."""
    shutil.rmtree(folder, ignore_errors=True)
    _prepare(command, folder)
    here = folder / "here"
    with _small_disk(here, command, random) if way == "disk full" else nullcontext():
        code, said = _process(command, here, *_ending(truth, way, random))
        left = _seen(here, hidden=True)
    faults = list(_faults(command, truth, way, code, said, left))
    ended = code not in (truth.code, truth.again)
    code, said = _process(command, here)
    if code not in (truth.code, truth.again):
        faults.append(f"the next run ends with {code}: {said[-300:]}")
    now = _seen(here, hidden=True)
    if {name for name in now if name.startswith(".")} and code == truth.again:
        # There was nothing to write any more, and a run that only reads clears nothing away.
        for name, text in command.files.items():
            (here / name).write_text(text, encoding="utf-8")
        _process(command, here)
        now = _seen(here, hidden=True)
    if now != truth.files:
        odd = sorted(set(now) ^ set(truth.files)) or [name for name in now if now[name] != truth.files[name]]
        faults.append(f"after the next run {odd} is not as undisturbed")
    return ended, faults


def _faults(command: Command, truth: Truth, way: str, code: int, said: str, left: dict[str, bytes]) -> Iterator[str]:
    before = {name: text.encode() for name, text in command.files.items()}
    for name, content in left.items():
        if not name.startswith(".") and content not in (before.get(name), truth.files.get(name)):
            yield f"{name} is neither the old file nor the new one"
    # What ends it at once lets it clear nothing away: SIGKILL, and a library that takes a lack of memory so.
    # SIGTERM does, too, before anything is done.
    at_once = way in ("SIGKILL", "SIGINT twice") or code < 0
    if not at_once:
        if hidden := [name for name in left if name.startswith(".")]:
            yield f"{hidden} is left"
        if "Traceback" in said or "internal error" in said:
            yield f"it says {said[-500:]}"
        if code not in (truth.code, truth.again, 2, 128 + signal.SIGTERM, 128 + signal.SIGINT):
            yield f"it ends with {code}: {said[-300:]}"
    if code < 0 and code not in (-signal.SIGKILL, -signal.SIGABRT, -signal.SIGTERM):
        yield f"it is ended by signal {-code}: {said[-300:]}"
    if command.together:
        first, *others = command.together
        if left.get(first) == truth.files[first]:
            for name in others:
                if left.get(name) != truth.files[name]:
                    yield f"{first} is new, and {name} is not"
        elif not at_once:
            for name in others:
                if left.get(name) != before.get(name):
                    yield f"{first} is not new, and {name} is"


def _seen(folder: Path, *, hidden: bool = False) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (hidden or not path.name.startswith(".")):
            found[name] = path.read_bytes()
    return found


def _process(
    command: Command,
    here: Path,
    prepare: Callable[[], object] = lambda: None,
    outside: tuple[int, float] | None = None,
) -> tuple[int, str]:
    """The command in a process that is forked off: how it ends (a signal is negative), and what it prints.

    Args:
        prepare: what that process does first.
        outside: a signal that it gets, and after how many seconds.
    """
    output, written = os.pipe()  # it says little: nobody need read while it runs
    ready, begins = os.pipe()
    child = os.fork()
    if not child:
        _become(command, here, written, begins, prepare)
    for end in (written, begins):
        os.close(end)
    if outside is not None:
        os.read(ready, 1)
        time.sleep(outside[1])
        with suppress(ProcessLookupError):
            os.kill(child, outside[0])
    _, status = os.waitpid(child, 0)
    os.close(ready)
    with open(output, encoding="utf-8", errors="replace") as file:
        return os.waitstatus_to_exitcode(status), file.read()


def _become(command: Command, here: Path, output: int, begins: int, prepare: Callable[[], object]) -> NoReturn:
    """The command itself."""
    code = 99
    try:
        os.chdir(here)
        os.environ["SPECC_CACHE_DIR"] = str(here.parent / "cache")
        os.dup2(output, 1)
        os.dup2(output, 2)
        # As a process of its own has them: those of this one know another output.
        sys.stdout = open(1, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as it lives
        sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
        atexit._clear()
        heed_signals()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["specc", *command.words.split()]
        prepare()
        os.close(begins)
        run()
    except SystemExit as left:  # a traced process goes the long way
        sys.settrace(None)
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
        code = int(left.code or 0)
    except BaseException:  # noqa: BLE001 - as Python would, and seen by whoever reads the output
        traceback.print_exc()
    os._exit(code)


# ---- ways to end -----------------------------------------------------------------------------------------------------


def _ending(truth: Truth, way: str, random: Random) -> tuple[Callable[[], object], tuple[int, float] | None]:
    """What the process does first, so that it ends at the place that is drawn, or the signal that it gets."""
    if way == "file size":
        most = random.choice((0, 1, 40, 300, 1000, 3000, 8000))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)), None
    if way == "memory":
        left = random.choice((2**16, 2**18, 2**19, 2**20, 2**21, 2**22, 2**24))
        return lambda: _limit_memory(left), None
    if way == "disk full":
        return lambda: None, None
    number = getattr(signal, way.split(maxsplit=1)[0])
    by = random.choice(("line", "line", "call", "call", "time"))
    if by == "time":
        return lambda: None, (number, 0.001 + truth.seconds * random.random())
    place = random.randrange(truth.lines if by == "line" else truth.calls)
    delay = random.uniform(2e-5, 5e-4)
    at = _at_line if by == "line" else _at_call
    return lambda: at(_counting(place, number, delay, 2 if way == "SIGINT twice" else 1)), None


def _counting(place: int, number: int, delay: float, times: int) -> Callable[[], None]:
    """Called at each place; at the one that is wanted it kills, or has a signal come a moment later.

    A moment later, since Python heeds signals between calls, and not where a hook or a trace comes.
    """
    seen = -1

    def passed() -> None:
        nonlocal seen
        seen += 1
        if seen != place:
            return
        if number == signal.SIGKILL:
            os.kill(os.getpid(), number)
        sys.settrace(None)
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, delay, delay)

    def ring(*_: object) -> None:
        nonlocal times
        times -= 1
        if times <= 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.raise_signal(number)

    return passed


def _at_call(passed: Callable[[], object]) -> None:
    def hook(event: str, _: Any) -> None:
        if event in CALLS:
            passed()

    sys.addaudithook(hook)


def _at_line(passed: Callable[[], object]) -> None:
    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            passed()
        return line

    sys.settrace(lambda frame, event, _: line if frame.f_code.co_filename in WRITERS else None)


_HOARD: list[bytearray] = []


def _limit_memory(left: int) -> None:
    """Allow no more memory than there is, and take all of it but for so many bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        most = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for size in (2**20, 2**16, 2**12, 2**9):
        with suppress(MemoryError):
            while True:
                _HOARD.append(bytearray(size))
    while left > 0 and _HOARD:
        left -= len(_HOARD.pop(0))


@contextmanager
def _small_disk(here: Path, command: Command, random: Random) -> Iterator[None]:
    """The folder on a file system of its own, with little room behind the files that are there."""
    mount = ctypes.CDLL(None, use_errno=True).mount
    size = f"size={4096 * (len(command.files) + random.choice((0, 0, 1, 1, 2, 4)))}".encode()
    if mount(b"none", str(here).encode(), b"tmpfs", 0, size):
        yield  # nobody but root may: the run is not ended, and not counted
        return
    try:
        for name, text in command.files.items():
            (here / name).write_text(text, encoding="utf-8")
        yield
        files = _seen(here, hidden=True)
    finally:
        ctypes.CDLL(None).umount2(str(here).encode(), 2)
    for name, content in files.items():
        (here / name).write_bytes(content)


if __name__ == "__main__":
    main()
