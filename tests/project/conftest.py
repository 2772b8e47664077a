"""The command, as the tests of the command line run it, in a folder of its own."""

from __future__ import annotations

from tests.cli.conftest import here, specc

__all__ = ["here", "specc"]
