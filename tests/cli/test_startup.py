"""What a process of specc loads before it answers, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from specc.cli.commands import help_text
from specc.ops.families import FAMILIES

ROOT = Path(__file__).parents[2]
LENET = str(ROOT / "examples" / "lenet.cnn")
INSTANT = {"specc", "specc.cli", "specc.cli.main", "specc.version"}
"""All of specc that its version and its help need."""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def loaded(*arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import atexit, sys\n"
        "before = set(sys.modules)\n"
        "atexit.register(lambda: print(*set(sys.modules) - before, file=sys.stderr))\n"
        f"sys.argv = ['specc', *{list(arguments)!r}]\n"
        "from specc.cli.main import main\n"
        "main()\n"
    )
    return set(python("-c", program, PYTHONPATH=str(ROOT)).stderr.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--version", "--help", "-h"])
def test_version_and_help_load_next_to_nothing(option: str) -> None:
    modules = loaded(option)
    assert {module for module in modules if module.startswith("specc")} == INSTANT
    # What importing any of them would take is more than the rest of such a run.
    assert not modules & {"click", "typing", "re", "dataclasses", "inspect", "shutil", "pathlib"}


def test_the_help_is_that_of_click() -> None:
    assert (ROOT / "specc" / "cli" / "help.txt").read_text(encoding="utf-8") == help_text(), "make docs writes it"


COLUMNS = (None, "0", "wide", "80", "200", "79", "60")
OPTIONS = ("--help", "--version")


@pytest.fixture(scope="module")
def by_click() -> dict[tuple[str, str | None], str]:
    """What click answers, in one process that has no terminal."""
    program = (
        "import json, os\n"
        "from contextlib import redirect_stdout, suppress\n"
        "from io import StringIO\n"
        "from specc.cli.commands import cli\n"
        "os.environ.pop('COLUMNS', None)\n"
        "answers = []\n"
        f"for columns in {COLUMNS!r}:\n"
        f"    for option in {OPTIONS!r}:\n"
        "        if columns is not None: os.environ['COLUMNS'] = columns\n"
        "        with redirect_stdout(StringIO()) as said, suppress(SystemExit):\n"
        "            cli([option], prog_name='specc')\n"
        "        answers.append(said.getvalue())\n"
        "print(json.dumps(answers))\n"
    )
    asked = [(option, columns) for columns in COLUMNS for option in OPTIONS]
    return dict(zip(asked, json.loads(python("-c", program).stdout), strict=True))


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("option", OPTIONS)
def test_the_instant_answer_is_that_of_click(
    option: str, columns: str | None, by_click: dict[tuple[str, str | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option that is no command's: click answers it where it comes second, and at once where it comes alone."""
    monkeypatch.delenv("COLUMNS", raising=False)
    ours = python("-m", "specc", option, **({} if columns is None else {"COLUMNS": columns}))
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, by_click[option, columns], "")
    assert ours.stdout


def test_the_end_comes_after_what_is_registered_for_it() -> None:
    program = (
        "import atexit, sys, weakref\n"
        "class Kept: pass\n"
        "kept = Kept()\n"
        "weakref.finalize(kept, print, 'finalized')\n"
        "atexit.register(print, 'registered')\n"
        "sys.argv = ['specc', 'check', 'none.cnn', '--format', 'concise']\n"
        "from specc.cli.main import run\n"
        "run()\n"
    )
    ended = python("-c", program)
    assert ended.returncode == 2
    assert ended.stdout.splitlines()[-2:] == ["registered", "finalized"]
    assert "none.cnn" in ended.stderr


def test_a_thread_is_waited_for() -> None:
    program = (
        "import sys, threading\n"
        "wait = threading.Event()\n"
        "def work():\n    wait.wait(0.2); print('worked')\n"
        "threading.Thread(target=work).start()\n"
        "sys.argv = ['specc', '--version']\n"
        "from specc.cli.main import run\n"
        "run()\n"
    )
    assert python("-c", program).stdout.splitlines()[-1] == "worked"


def test_a_profiler_gets_its_say() -> None:
    ended = python("-m", "cProfile", "-m", "specc", "--version")
    assert "specc, version" in ended.stdout
    assert "function calls" in ended.stdout


@pytest.mark.parametrize("begin", ["from specc.cli.main import run; run()", "import specc.__main__"])
def test_exit_codes_are_those_of_main(begin: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.cnn"
    bad.write_text("model M : [N, 3] { cf(3) }")
    for arguments, code in ((["--version"], 0), (["check", str(bad)], 1), (["check", "--unknown"], 2)):
        program = f"import sys; sys.argv = ['specc', *{arguments!r}]; {begin}"
        ended = python("-c", program)
        assert ended.returncode == code
        assert ended.stdout or ended.stderr


def test_a_check_loads_no_more_than_it_uses() -> None:
    modules = loaded("check", "--no-cache", LENET)
    packages = {module.partition(".")[0] for module in modules}
    installed = packages & packages_distributions().keys()
    pydantics = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
    assert installed - {"specc"} == {"click", *pydantics}
    # Modules of Python that take a few milliseconds each, and are for other commands, for errors, or for workers.
    assert not packages & {"argparse", "asyncio", "email", "logging", "multiprocessing", "shutil", "subprocess", "xml"}
    assert not modules & {"specc.api", "specc.options", "specc.project.workers"}
    assert len([module for module in modules if module.startswith("specc")]) <= 100


def test_a_check_loads_the_families_that_its_spec_names() -> None:
    modules = {module.removeprefix("specc.ops.") for module in loaded("check", "--no-cache", LENET)}
    # A convolution pads as pad does.
    assert modules & set(FAMILIES.values()) == {"activation", "conv", "linear", "pad", "pool", "reshape"}
