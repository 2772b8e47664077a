"""From text to tree: reading a spec file and parsing it. Everything here knows syntax and no meaning."""

from specc.source import is_yaml
from specc.syntax.front import SUFFIXES, parse
from specc.syntax.reader import read, read_stdin

__all__ = ["SUFFIXES", "is_yaml", "parse", "read", "read_stdin"]
