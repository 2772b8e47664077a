"""The YAML form of a spec: the same tree and the same messages, at the places of the YAML.

`nodes` reads YAML with its places, `translator` writes it out in the language, the one parser reads that, and `loader`,
where to start, brings the parser's places back into the YAML. `writer` goes the other way.
"""

from specc.syntax.yaml.loader import language_text, parse
from specc.syntax.yaml.nodes import comments

__all__ = ["comments", "language_text", "parse"]
