"""The YAML form of a spec: the same tree and the same messages, at the places of the YAML."""

from specc.syntax.yaml.nodes import comments
from specc.syntax.yaml.reader import parse, transcribed

__all__ = ["comments", "parse", "transcribed"]
