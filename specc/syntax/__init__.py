"""From text to tree: reading a spec file and parsing it. Everything here knows syntax and no meaning."""

from specc.syntax.parser import parse
from specc.syntax.reader import read, read_stdin

__all__ = ["parse", "read", "read_stdin"]
