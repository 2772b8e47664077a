"""Worker processes: what is found does not depend on how many there are, and nothing gets lost with one that dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from specc.project import check as checking
from specc.project import workers
from specc.project.budgets import Budget
from specc.project.cache import FileFindings
from specc.project.check import Lookup, check
from specc.project.fresh import FreshChecker
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration
from specc.source import Source
from tests.cli.conftest import Specc
from tests.project.specs import BAD, BIAS, BLOCK, CALLER, FINE, FLOOR, UNUSED, write
from tests.signals import heed_signals

ROOT = Path(__file__).parents[2]
FORMATS = ["full", "concise", "json", "github", "gitlab", "junit", "sarif"]

# Python warns of a fork beside threads, as other tests have left some; the command has none.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
forks = pytest.mark.skipif(sys.platform != "linux", reason="what a test changes reaches a worker by a fork alone")

NESTED = "block a(c) { conv(c, 9) }\nblock b(c) { a(c) -> relu }\n"
"""A mistake that is found two calls deep, in an imported file."""


def write_all(here: Path) -> None:
    """Specs of every kind: fine, wrong, doubtful, libraries, with imports, in YAML, no text, none, beyond a budget."""
    caller = 'from "nested.cnn" import b\nmodel M : [N, 3, 8, 8] { repeat 2 { b(4) } }\nmodel O : [N, 3] { b(3) }'
    silenced = FLOOR.replace("maxpool(2)", "maxpool(2)  # specc: ignore[S0505] why")
    idle = "# specc: ignore-file[S0507] why\n" + FINE
    write(here, a=FINE, b=BAD, c=FLOOR, d=BIAS, e=UNUSED, blocks=BLOCK, f=CALLER, nested=NESTED, g=caller)
    write(here, h=silenced, i=idle, nets__j=CALLER, nets__blocks=BLOCK, broken="block x( {")
    (here / "binary.cnn").write_bytes(b"\xff\xfe")
    for name in ("none", "binary", "broken"):
        (here / f"of_{name}.cnn").write_text(f'from "{name}.cnn" import x\nmodel M : [N, 3] {{ x }}\n')
    (here / "y.cnn.yaml").write_text("- model: M\n  input: [N, 3, 8, 8]\n  body:\n    - rellu6\n    - [relu, relu]\n")
    (here / "pyproject.toml").write_text("[tool.specc.budget]\nparams = 100\nmacs = 100\n")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes each run has started."""
    counts = []
    real = workers._start

    def start(all_workers: list[workers._Worker], *arguments: object) -> None:
        real(all_workers, *arguments)  # type: ignore[arg-type]
        counts.append(len(all_workers))

    monkeypatch.setattr(workers, "_start", start)
    return counts


class TestTheSame:
    @pytest.mark.parametrize("form", FORMATS)
    def test_to_the_byte(self, specc: Specc, here: Path, form: str, started: list[int]) -> None:
        write_all(here)
        one, two, three = (
            specc("check", ".", "none.cnn", "--no-cache", "--format", form, "--jobs", jobs) for jobs in (1, 2, 3)
        )
        assert started == [2, 3]
        assert one.code == 2
        assert one == two == three

    def test_with_a_baseline(self, specc: Specc, here: Path, started: list[int]) -> None:
        write_all(here)
        for jobs in (1, 2):
            specc("check", "--no-cache", "--write-baseline", f"b{jobs}.json", "-j", jobs)
        assert (here / "b1.json").read_bytes() == (here / "b2.json").read_bytes()
        one, two = (specc("check", "--no-cache", "--baseline", "b1.json", "-j", jobs) for jobs in (1, 2))
        assert one == two
        assert started == [2, 2]

    def test_and_the_same_is_kept(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[int]
    ) -> None:
        write_all(here)
        kept = []
        for jobs in (1, 3):
            folder = tmp_path / str(jobs)
            monkeypatch.setenv("SPECC_CACHE_DIR", str(folder))
            cold = specc("check", "-j", jobs)
            kept.append({path.relative_to(folder): path.read_bytes() for path in folder.glob("??/*")})
            assert specc("check", "-j", jobs) == cold
        assert len(kept[0]) > 10
        assert kept[0] == kept[1]
        assert started == [3, 3]  # what cannot be kept is checked again

    def test_nothing_to_check_starts_none(self, specc: Specc, here: Path, started: list[int]) -> None:
        write(here, a=FINE, b=BAD)
        first = specc("check", "-j", 2)
        assert specc("check", "-j", 2) == first
        assert started == [2]

    def test_where_processes_begin_anew(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on macOS and Windows; and they load nothing heavy."""
        write(here, a=FINE, b=BAD, blocks=BLOCK, c=CALLER)
        one = specc("check", "--no-cache", "-j", 1)
        monkeypatch.setattr(sys, "platform", "darwin")
        assert specc("check", "--no-cache", "-j", 2) == one

    def test_where_no_process_can_be_started(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: object) -> None:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        write(here, a=FINE, b=BAD)
        one = specc("check", "--no-cache", "-j", 1)
        monkeypatch.setattr(multiprocessing.context.ForkProcess, "start", refuse)
        assert specc("check", "--no-cache", "-j", 2) == one


def messages_of(
    monkeypatch: pytest.MonkeyPatch, names: list[str], jobs: int, act: Callable[[Source], None]
) -> list[str]:
    """The messages about files that could not be checked, where a worker does something else first."""
    real = FreshChecker.check

    def acting(self: FreshChecker, source: Source, budget: Budget | None) -> FileFindings:
        act(source)
        return real(self, source, budget)

    monkeypatch.setattr(FreshChecker, "check", acting)
    outcome = check(names, CheckOptions(Configuration()), jobs=jobs)
    missing = [one.name for one in outcome.unreadable]
    assert sorted([*missing, *(file.name for file in outcome.files)]) == sorted(names)
    return [one.message for one in outcome.unreadable]


@forks
class TestAWorkerThatDies:
    def test_its_file_is_named_and_the_others_are_checked(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [f"a{number:02}.cnn" for number in range(40)]
        for name in names:
            (here / name).write_text(BAD)

        def die(source: Source) -> None:
            if source.name == "a07.cnn":
                os.kill(os.getpid(), signal.SIGKILL)

        messages = messages_of(monkeypatch, names, 2, die)
        assert messages == [
            "a07.cnn was not checked: its process was killed (SIGKILL); where that was for want of memory, --jobs 1 "
            "takes the least"
        ]

    def test_all_of_them(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [f"a{number:02}.cnn" for number in range(9)]
        for name in names:
            (here / name).write_text(FINE)
        messages = messages_of(monkeypatch, names, 3, lambda source: os._exit(7))
        assert len(messages) == 9
        assert sum("its process ended with exit code 7" in message for message in messages) == 3
        assert sum("no process was left for it" in message for message in messages) == 6

    def test_the_command_fails(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, a=FINE, b=FINE)
        real = FreshChecker.check

        def dying(self: FreshChecker, source: Source, budget: Budget | None) -> FileFindings:
            if source.name == "b.cnn":
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, source, budget)

        monkeypatch.setattr(FreshChecker, "check", dying)
        result = specc("check", "--no-cache", "-j", 2)
        assert result.code == 2
        assert result.err.startswith("error: b.cnn was not checked: its process was killed (SIGKILL)")

    def test_a_mistake_of_specc_is_told_as_without_workers(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, a=FINE, b=FINE)

        def fail(source: Source) -> None:
            raise ZeroDivisionError("by nought")

        messages = messages_of(monkeypatch, ["a.cnn", "b.cnn"], 2, fail)
        assert [message[:49] for message in messages] == [
            "a.cnn: internal error: ZeroDivisionError: by noug",
            "b.cnn: internal error: ZeroDivisionError: by noug",
        ]


@forks
def test_what_many_import_is_parsed_once_by_each(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from specc.elaborate import files

    write(here, blocks=BLOCK)
    names = [f"a{number:02}.cnn" for number in range(30)]
    for name in names:
        (here / name).write_text(CALLER)
    real, log = files.parse, here / "log"

    def parse(source: Source) -> object:
        with log.open("a") as file:
            file.write(f"{source.name} {os.getpid()}\n")
        return real(source)

    monkeypatch.setattr(files, "parse", parse)
    outcome = check(names, CheckOptions(Configuration()), jobs=3)
    assert len({source for file in outcome.files for source in file.imports}) == 1
    parsed = log.read_text().splitlines()
    assert len(parsed) == len(set(parsed)) <= 3
    assert str(os.getpid()) not in log.read_text()


def test_workers_load_nothing_heavy(here: Path) -> None:
    write(here, a=FINE, b=BAD)
    program = (
        "import sys, os\n"
        "from specc.project import workers, fresh\n"
        "from specc.filesystem import DISK\n"
        "from specc.source import Source\n"
        "workers.sys = type('', (), {'platform': 'darwin'})\n"
        "real = fresh.FreshChecker.attempt\n"
        "if __name__ == '__main__':\n"
        "    tasks = {n: (Source('a.cnn', open('a.cnn').read()), None) for n in range(2)}\n"
        "    print(len(list(workers.check_all(tasks, DISK, 2))))\n"
        "else:\n"
        "    def attempt(*arguments):\n"
        "        result = real(*arguments)\n"
        "        print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
        "        return result\n"
        "    fresh.FreshChecker.attempt = attempt\n"
    )
    (here / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, check=True, env=environment, timeout=300
    )
    assert ended.stdout == "2\n"
    loaded = set(ended.stderr.split())
    assert "pydantic" in loaded
    assert loaded & {"torch", "onnx", "onnxruntime", "numpy", "click", "rich"} == set()


class TestChosen:
    """One process for a few files, several for many: by what the first of them have cost."""

    @pytest.mark.parametrize(
        ("seconds", "files", "begins"),
        [
            (0.0001, 1000, None),
            (0.01, 30, None),
            (0.01, 100, 17),
            (0.1, 5, None),
            (0.1, 7, 3),
            (1.0, 3, None),
            (1.0, 4, 2),
        ],
    )
    def test_after_how_many_files_they_begin(
        self, monkeypatch: pytest.MonkeyPatch, seconds: float, files: int, begins: int | None
    ) -> None:
        clock = [0.0]

        def work(self: FreshChecker, source: Source, budget: Budget | None) -> str:
            clock[0] += seconds
            return "done"

        handed = []

        def check_all(tasks: dict[int, workers.Task], *_: object) -> list[tuple[int, str]]:
            handed.append(len(tasks))
            return [(number, "done") for number in tasks]

        monkeypatch.setattr(FreshChecker, "attempt", work)
        monkeypatch.setattr(workers, "check_all", check_all)
        monkeypatch.setattr(checking, "processors", lambda: 2)
        monkeypatch.setattr(checking.time, "process_time", lambda: clock[0])
        lookups = {number: Lookup(Source(f"{number}.cnn", ""), None, None) for number in range(files)}
        results = dict(checking._checked(lookups, checking.DISK, None))
        assert sorted(results) == list(range(files))
        assert handed == ([] if begins is None else [files - begins])

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which are allowed")
    def test_only_as_many_as_processors_are_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3})
        assert checking.processors() == 1
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 4, 5})
        assert checking.processors() == 3

    @pytest.mark.parametrize("jobs", ["0", "-1", "two"])
    def test_what_is_no_number_of_processes(self, specc: Specc, jobs: str) -> None:
        assert specc("check", "--jobs", jobs).code == 2

    def test_watching_takes_one(self, specc: Specc) -> None:
        result = specc("check", "--watch", "--jobs", "2")
        assert (result.code, result.err) == (
            2, "error: --watch shows findings to a person who edits specs: leave out --jobs\n"
        )  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_all_of_them(here: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Whoever it reaches: the main process, here; Ctrl-C reaches them all."""
    for name in "abcd":
        (here / f"{name}.cnn").write_text("model M : [N, 3, 8, 8] { repeat 40_000 { relu } }\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SPECC_CACHE_DIR": str(tmp_path / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "specc", "check", "-j", "2"], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed_signals,  # noqa: PLW1509
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(in_session(process.pid)) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, error = process.communicate(timeout=120)
    assert process.returncode == (-9 if number is signal.SIGKILL else 128 + number)
    assert (out, error.strip()) == (b"", b"interrupted" if number is signal.SIGINT else b"")
    # Where nobody is left to end them, they find that out as soon as they have something to tell.
    while in_session(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [path for path in (tmp_path / "cache").glob("??/*") if path.suffix == ".tmp"] == []


def in_session(leader: int) -> list[int]:
    """The processes of a session that are no zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            found.append(int(folder.name))
    return found
