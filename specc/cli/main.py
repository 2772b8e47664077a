"""``specc``. Exit codes: 0 fine; 1 findings or a failed parity; 2 wrong usage or our own error; 3 nothing to check.

The version and the help are said here; only for a command is click imported, with that command's file.
"""

from __future__ import annotations

import os
import signal
import sys
from io import TextIOWrapper

from specc.version import __version__

TYPE_CHECKING = False  # typing's own takes longer to load than the version to be said
if TYPE_CHECKING:
    from typing import NoReturn, TextIO


def run() -> NoReturn:
    """The console script and ``python -m specc``: `main` in a process of its own, which ends at once.

    Python takes every module and object apart at its end, an eighth of the time of a check; the system frees all of it
    anyway. What is registered for the end (`atexit`) is run, and whoever watches this process (a profiler, a debugger,
    a thread that still works) gets the long way.
    """
    # With `nohup` or in a shell's background it is ignored, and stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        main()
    except SystemExit as left:
        if isinstance(left.code, int) and not _is_watched():
            import atexit

            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(left.code)
        raise


def _leave(number: int, _: object) -> NoReturn:
    """Ctrl-C while nothing is done yet, or all is done: there is nothing to undo, and no import to fall through."""
    os.write(2, b"\ninterrupted\n")  # behind the terminal's ^C, as everywhere
    os._exit(128 + number)


def main() -> NoReturn:
    """Every way out is an exit code and, where it is no success, a plain message."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # They unwind like an exception, so that no temporary file is left.
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    # A stream that the caller has closed is none at all in Python; what goes there goes nowhere.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the text of a spec, a path: not every stream can say it
    try:
        text = _instant_answer(sys.argv[1:])
        if text is None:
            code = _command()
        else:
            code = 0
            sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # The disk behind our output is full, or its reader has left. Python flushes it once more at its end, and would
        # fail there with a traceback: what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        from specc.diagnostics.words import system_reason

        sys.stderr.write(f"error: cannot write the output: {system_reason(error)}\n")
        code = 2
    sys.exit(code)


def _command() -> int:
    """Run the command that the arguments name, and return its exit code."""
    import gc
    from types import SimpleNamespace

    # This process is ours: nothing in it is a plugin's business, and looking for one takes a twentieth of a check.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Even then Pydantic loads what it would look for plugins with, a tenth of a check: it finds this instead.
    sys.modules.setdefault("pydantic.plugin._loader", SimpleNamespace(get_plugins=tuple))  # type: ignore[arg-type]
    gc.disable()  # reading and checking leave nothing to collect; what runs for long turns it on again
    from specc.cli.commands import run_command

    if signal.getsignal(signal.SIGINT) is not _leave:
        return run_command()
    try:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # it unwinds: no temporary file is left
            return run_command()
        finally:
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:  # just before the command, or just behind it
        _leave(signal.SIGINT, None)


def _instant_answer(arguments: list[str]) -> str | None:
    """What ``--version`` and ``--help`` say: as click does (which ``make docs`` asks), in a third of the time."""
    if arguments == ["--version"]:
        return f"specc, version {__version__}\n"
    if arguments in (["--help"], ["-h"]) and _has_80_columns():
        with open(os.path.join(os.path.dirname(__file__), "help.txt"), encoding="utf-8") as file:
            return file.read()
    return None


def _has_80_columns() -> bool:
    """Whether click would set its help in full width. It asks `shutil`, which takes 2 ms to load."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):  # no terminal; no file either
            columns = 0
    return columns <= 0 or columns >= 80


def _is_watched() -> bool:
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12: profilers and debuggers have a number there
    if monitoring is not None and any(monitoring.get_tool(number) for number in range(6)):
        return True
    threading = sys.modules.get("threading")
    return bool(sys.getprofile() or sys.gettrace() or sys.flags.inspect or (threading and threading.active_count() > 1))


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # open until the process ends
