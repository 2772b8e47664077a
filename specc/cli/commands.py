"""The commands by name, and what becomes of an error that ends one.

Only click is imported here; the files of the commands import what they need when a command runs.
"""

from __future__ import annotations

import errno
import os
import signal
from importlib import import_module
from io import StringIO

import click

from specc.cli.command import FINDINGS, USAGE, say, say_error
from specc.diagnostics import OptionError, ParityError, SpecError, UsageError
from specc.diagnostics.words import is_out_of_memory
from specc.version import __version__

_COMMANDS = (
    "check",
    "fmt",
    "show",
    "sweep",
    "draw",
    "explain",
    "diff",
    "compile",
    "verify",
    "inspect",
    "embed",
    "convert",
    "import",
    "schema",
    "server",
    "doctor",
)
_QUERIES = ("show", "explain", "inspect", "embed", "schema", "doctor")
"""The commands of `specc.cli.queries`; each other one has a module of its own."""

_MODULES = {"import": "importing"}
"""Of a command that Python has as a keyword, the name of its module."""


class _Commands(click.Group):
    """The commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = ("queries", cmd_name) if cmd_name in _QUERIES else (_MODULES.get(cmd_name, cmd_name), "command")
        command: click.Command = getattr(import_module(f"specc.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specc")
def cli() -> None:
    """A compiler for convolutional networks: proves that a spec fits together, writes PyTorch and ONNX."""


def help_text() -> str:
    """The help as click sets it in full width."""
    return cli.make_context("specc", [], resilient_parsing=True, terminal_width=78).get_help() + "\n"


def run_command() -> int:
    """Run the command that the arguments of this process name, and return its exit code.

    Raises:
        OSError: standard output cannot be written.
    """
    try:
        os.getcwd()
    except OSError:  # deleted, or closed to us; Python, PyTorch and git ask for it at any time, and fail in many ways
        say("error: the folder that this runs in is gone, or closed to you: go to another one (cd)")
        return USAGE
    try:
        code = cli.main(standalone_mode=False, prog_name="specc")
    except SystemExit as left:
        # click leaves so where nobody reads the output any more; a signal's handler leaves with its own code.
        return 128 + signal.SIGPIPE if left.code == 1 else int(left.code or 0)
    except KeyboardInterrupt:
        say("interrupted")
        return 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EPIPE):
            raise
        return _report_error(error)
    return code if isinstance(code, int) else 0


def _report_error(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    match error:
        case SpecError():
            from specc.cli.output import print_findings

            print_findings(error.diagnostics, err=True)
            return FINDINGS
        case ParityError():
            say_error(error.lines)
            return FINDINGS
        case UsageError():
            say_error((error.typed,) if isinstance(error, OptionError) else error.lines)
            return USAGE
        case _ if is_out_of_memory(error):
            say("error: this takes more memory than there is")
            return USAGE
        case click.Abort():
            say("interrupted")
            return 128 + signal.SIGINT
        case click.ClickException():
            shown = StringIO()
            error.show(shown)
            usage, mark, _ = shown.getvalue().partition("Error: ")
            click.echo(usage, nl=False, err=True)
            say(f"{mark}{error.format_message()}")  # with what was typed, which may come from the name of a file
            return error.exit_code
    # Our own mistake: a report needs where it happened.
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    say(f"internal error: {type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})")
    say("This is a mistake in specc, not in your spec: please report it, with the spec.")
    if os.environ.get("SPECC_TRACEBACK"):
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    else:
        say("SPECC_TRACEBACK=1 in the environment shows where it happened.")
    return USAGE


if __name__ == "__main__":
    print(help_text(), end="")  # noqa: T201 - `make docs` puts it into help.txt
