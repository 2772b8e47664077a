"""``specc check --watch``, as a process of its own beside the files that change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from tests.signals import heed_signals

ROOT = Path(__file__).parents[2]
FINE = "model M : [N, 3, 8, 8] { relu }\n"
BAD = "model M : [N, 3, 8, 8] { rellu6 }\n"
OTHER = "model M : [N, 3, 8, 8] { selluu }\n"
FLOOR = "model M : [N, 3, 33, 33] {\n  maxpool(2)\n}\n"
BLOCK = "block pair() { conv(8, 3) }\n"
CALLER = 'from "../lib/blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pair() }\n'
PATIENCE = 300
"""Seconds until a test gives up; nothing takes as long where all is well."""
MOST_OUTCOMES = 20
"""Of one change, seen in parts."""


class Watch:
    """A running ``specc check --watch``."""

    def __init__(self, folder: Path, *arguments: str, program: str | None = None) -> None:
        command = ["-c", program, *arguments] if program else ["-m", "specc", "check", "--watch", *arguments]
        self.process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_signals,  # noqa: PLW1509 - it takes no lock
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        return self._lines.get(timeout=PATIENCE)

    def told(self) -> str:
        """What is printed until it watches again."""
        lines: list[str] = []
        while not lines or not lines[-1].startswith("watching"):
            try:
                lines.append(self.line())
            except Empty:
                pytest.fail(f"nothing more came after {''.join(lines)!r}")
        return "".join(lines)

    def until(self, words: str) -> str:
        """The first outcome with these words: an editor's change may be seen half done before."""
        for _ in range(MOST_OUTCOMES):
            if words in (told := self.told()):
                return told
        pytest.fail(f"it was told {MOST_OUTCOMES} times, and never {words!r}; at last {told!r}")

    def is_quiet(self, seconds: float) -> bool:
        try:
            self._lines.get(timeout=seconds)
        except Empty:
            return True
        return False

    def ended(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "nets").mkdir()
    (folder / "lib").mkdir()
    return folder


@pytest.fixture
def start(here: Path) -> Iterator[type[Watch]]:
    started: list[Watch] = []

    class Started(Watch):
        def __init__(self, *arguments: str, folder: Path = here, program: str | None = None) -> None:
            super().__init__(folder, *arguments, program=program)
            started.append(self)

    yield Started  # type: ignore[misc]
    for watch in started:
        watch.process.kill()
        watch.process.wait()
        assert watch.process.stdout is not None
        watch.process.stdout.close()


def replaced(path: Path, text: str) -> None:
    """As many editors save: a new file takes the place of the old one."""
    beside = path.with_name(f"{path.name}~")
    beside.write_text(text)
    beside.rename(path)


def test_a_spec_that_is_edited(here: Path, start: type[Watch]) -> None:
    spec = here / "nets" / "a.cnn"
    spec.write_text(FINE)
    watch = start()
    assert "1 file, 1 model: all fit together" in watch.told()
    spec.write_text(BAD)
    assert "nets/a.cnn:1:26" in watch.until("1 error")
    replaced(spec, FINE)
    watch.until("all fit together")
    replaced(spec, OTHER)
    watch.until("selluu")
    spec.unlink()
    watch.until("nothing to check")
    spec.write_text(FINE)
    watch.until("all fit together")


def test_a_named_file(here: Path, start: type[Watch]) -> None:
    """It is told of when it is not there, and seen when it comes, whatever it is called."""
    watch = start("nets/spec.txt")
    assert "error: nets/spec.txt: there is no such file" in watch.told()
    (here / "nets" / "spec.txt").write_text(BAD)
    watch.until("nets/spec.txt:1:26")


def test_a_new_folder(here: Path, start: type[Watch]) -> None:
    watch = start()
    assert "nothing to check" in watch.told()
    (here / "new" / "deep").mkdir(parents=True)
    (here / "new" / "deep" / "a.cnn").write_text(BAD)
    watch.until("new/deep/a.cnn:1:26")
    (here / "new" / "deep" / "a.cnn").write_text(FINE)
    watch.until("all fit together")


def test_an_import_in_another_folder(here: Path, start: type[Watch]) -> None:
    (here / "nets" / "a.cnn").write_text(CALLER)
    watch = start("nets")
    assert "error[S0006]: lib/blocks.cnn: there is no such file" in watch.told()
    blocks = here / "lib" / "blocks.cnn"
    blocks.write_text(BLOCK)
    watch.until("all fit together")
    replaced(blocks, BLOCK.replace("3", "9"))
    watch.until("S0104")
    replaced(blocks, BLOCK)
    watch.until("all fit together")


def test_settings(here: Path, start: type[Watch]) -> None:
    """Broken ones are told of, and watching goes on; they may come, change and go, above the present folder, too."""
    (here / "nets" / "a.cnn").write_text(FLOOR)
    (here / "nets" / "deep").mkdir()
    (here / "nets" / "a.cnn").rename(here / "nets" / "deep" / "a.cnn")
    watch = start(folder=here / "nets" / "deep")
    assert "S0505" in watch.told()
    settings = here / "specc.toml"
    settings.write_text("ignore = ['S0505'")
    watch.until("error: ../../specc.toml is not TOML")
    replaced(settings, "ignore = ['S0505']")
    assert "S0505" not in watch.until("all fit together")
    settings.write_text("exclud = []")
    watch.until("did you mean exclude")
    settings.unlink()
    watch.until("S0505")


def test_settings_of_a_package(here: Path, start: type[Watch]) -> None:
    """They come, are broken, and go, in a folder below the present one."""
    (here / "nets" / "a.cnn").write_text(FLOOR)
    watch = start()
    assert "S0505" in watch.told()
    settings = here / "nets" / "specc.toml"
    settings.write_text("exclud = []")
    watch.until("error: nets/specc.toml: there is no setting exclud")
    replaced(settings, "ignore = ['S0505']")
    assert "S0505" not in watch.until("all fit together")
    settings.unlink()
    watch.until("S0505")


def test_what_comes_beside_the_project_is_nothing_to_it(here: Path, start: type[Watch]) -> None:
    """A folder that is made next to the one that is searched, as other programs do all the time."""
    (here / "nets" / "a.cnn").write_text(FINE)
    watch = start()
    assert "all fit together" in watch.told()
    (here.parent / "another").mkdir()
    assert watch.is_quiet(1)


def test_settings_that_are_broken_at_the_start(here: Path, start: type[Watch]) -> None:
    (here / "nets" / "a.cnn").write_text(FINE)
    (here / "ci").mkdir()
    (here / "ci" / "my.toml").write_text("exclud = []")
    watch = start("--config", "ci/my.toml")
    assert "did you mean exclude" in watch.told()
    (here / "ci" / "my.toml").write_text("")
    watch.until("all fit together")


def test_a_baseline(here: Path, start: type[Watch]) -> None:
    (here / "nets" / "a.cnn").write_text(BAD)
    watch = start("--baseline", "lib/base.json")
    assert "there is no baseline lib/base.json" in watch.told()
    subprocess.run(
        [sys.executable, "-m", "specc", "check", "--write-baseline", "lib/base.json"],
        cwd=here,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    watch.until("1 finding silenced")


def test_other_files_are_left_alone(here: Path, start: type[Watch]) -> None:
    (here / "nets" / "a.cnn").write_text(FINE)
    (here / ".hidden").mkdir()
    watch = start()
    watch.told()
    (here / ".hidden" / "a.cnn").write_text(BAD)
    (here / "nets" / "notes.txt").write_text("x")
    (here / "nets" / ".a.cnn.swp").write_text("x")
    (here / "nets" / "a.cnn~").write_text("x")
    assert watch.is_quiet(0.5)


@pytest.mark.parametrize("when", ["while it is checked", "before it is told", "before it is read"])
def test_a_change_during_a_check_is_not_lost(here: Path, start: type[Watch], when: str) -> None:
    """The spec is changed by the very process, at the worst times, and the change seen for all that."""
    (here / "nets" / "a.cnn").write_text(FINE)
    place = {
        "while it is checked": "specc.project.fresh.FreshChecker.check",
        "before it is told": "specc.report.formats.outcome_text",
        "before it is read": "specc.project.discovery.discovered",
    }[when]
    program = (
        "import sys, importlib, pathlib\n"
        "from specc.cli.main import main\n"
        f"*path, name = {place!r}.split('.')\n"
        "owner = path.pop() if path[-1][0].isupper() else None\n"
        "module = importlib.import_module('.'.join(path))\n"
        "owner = getattr(module, owner) if owner else module\n"
        "real = getattr(owner, name)\n"
        "def changing(*a, **k):\n"
        "    setattr(owner, name, real)\n"
        "    found = real(*a, **k)\n"
        f"    pathlib.Path('nets/a.cnn').write_text({BAD!r})\n"
        "    return found\n"
        "setattr(owner, name, changing)\n"
        "sys.argv = ['specc', 'check', '--watch']\n"
        "main()\n"
    )
    watch = start(program=program)
    watch.until("nets/a.cnn:1:26")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["int", "term", "hup"]
)
def test_signals_end_it(here: Path, start: type[Watch], number: int, code: int) -> None:
    (here / "nets" / "a.cnn").write_text(FINE)
    watch = start()
    watch.told()
    assert watch.ended(number) == code


def test_where_nothing_can_be_watched(here: Path, start: type[Watch]) -> None:
    program = (
        "import sys, watchfiles\n"
        "from specc.cli.main import main\n"
        "def watch(*a, **k):\n"
        "    raise OSError(28, 'OS file watch limit reached.')\n"
        "    yield\n"
        "watchfiles.watch = watch\n"
        "sys.argv = ['specc', 'check', '--watch']\n"
        "main()\n"
    )
    watch = start(program=program)
    assert watch.process.wait(PATIENCE) == 2
    assert watch.line().startswith("error: cannot watch ")
