"""``python -m specc``: the same as the command."""

from specc.cli.main import run

run()
