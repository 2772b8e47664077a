"""``specc``. Exit codes: 0 fine; 1 findings or a failed parity; 2 wrong usage or our own error; 3 nothing to check.

Only click is imported here; the files of the commands import what they need when a command runs, so that help is
instant.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import traceback
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NoReturn, TextIO, cast

import click

from specc.cli.command import FINDINGS, USAGE
from specc.diagnostics import OptionError, ParityError, SpecError, UsageError
from specc.diagnostics.words import system_reason
from specc.version import __version__

_COMMANDS = ("check", "fmt", "show", "explain", "diff", "compile", "verify", "inspect", "convert", "schema", "doctor")
_QUERIES = ("show", "explain", "inspect", "schema", "doctor")
"""The commands of `specc.cli.queries`; each other one has a module of its own."""


class _Commands(click.Group):
    """The commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = ("queries", cmd_name) if cmd_name in _QUERIES else (cmd_name, "command")
        command: click.Command = getattr(import_module(f"specc.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specc")
def cli() -> None:
    """A compiler for convolutional networks: proves that a spec fits together, writes PyTorch and ONNX."""


def main() -> NoReturn:
    """The console script. Every way out is an exit code and, where it is no success, a plain message."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # They unwind like an exception, so that no temporary file is left.
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    # This process is ours: nothing in it is a plugin's business, and looking for one takes a twentieth of a check.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Even then Pydantic loads what it would look for plugins with, a tenth of a check: it finds this instead.
    sys.modules.setdefault("pydantic.plugin._loader", cast(ModuleType, SimpleNamespace(get_plugins=tuple)))
    # A stream that the caller has closed is none at all in Python; what goes there goes nowhere.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the text of a spec, a path: not every stream can say it
    gc.disable()  # reading and checking leave nothing to collect; what runs for long turns it on again
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as error:
        # The disk behind our output is full, or its reader has left. Python flushes it once more at its end, and would
        # fail there with a traceback: what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _report_error(UsageError(f"cannot write the output: {system_reason(error)}"))
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False, prog_name="specc")
    except SystemExit as left:
        # click leaves so where nobody reads the output any more; a signal's handler leaves with its own code.
        return 128 + signal.SIGPIPE if left.code == 1 else int(left.code or 0)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EPIPE):
            raise
        return _report_error(error)
    return code if isinstance(code, int) else 0


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # open until the process ends


def _report_error(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    match error:
        case SpecError():
            from specc.cli.output import print_findings

            print_findings(error.diagnostics, err=True)
            return FINDINGS
        case ParityError():
            click.echo(f"error: {error}", err=True)
            return FINDINGS
        case UsageError():
            click.echo(f"error: {error.typed if isinstance(error, OptionError) else error}", err=True)
            return USAGE
        case MemoryError():
            click.echo("error: this takes more memory than there is; --no-verify leaves out the proof", err=True)
            return USAGE
        case click.Abort():
            click.echo("interrupted", err=True)
            return 128 + signal.SIGINT
        case click.ClickException():
            error.show()
            return error.exit_code
    # Our own mistake: a report needs where it happened.
    last = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(f"internal error: {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})", err=True)
    click.echo("This is a mistake in specc, not in your spec: please report it, with the spec.", err=True)
    if os.environ.get("SPECC_TRACEBACK"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("SPECC_TRACEBACK=1 in the environment shows where it happened.", err=True)
    return USAGE
