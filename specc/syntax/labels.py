"""The labels of steps as text: which words are the language's own, and what stands before a colon."""

from __future__ import annotations

import re
from functools import lru_cache

WORDS = frozenset("and assert block default else for from if import in let model not or repeat shared where".split())
"""The words of the language. None can be a name; before a colon all but `else` are labels."""

OWNERS = frozenset("nn F self torch keras layers tf jnp flax nnx np".split())
"""What Python has in front of a layer's name, and a point between; here layers are called by their names alone."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABEL = re.compile(r'(?:[^\s./:"\\{}]|\{[^{}"\\]+\})+')
"""What can be a label, formulas included, but for characters that nobody sees; `specc.elaborate.naming` says why."""
WHOLE = re.compile(r"0|[1-9][0-9]*")


@lru_cache(maxsize=1024)
def is_name(label: str) -> bool:
    """Whether an expression or a step can say it: whether it may stand for a value."""
    return NAME.fullmatch(label) is not None and label not in WORDS


def needs_quotes(label: str) -> bool:
    """Whether it is a label only in quotes. `else:` without them looks like the end of Python's `if`."""
    return label == "else" or not (NAME.fullmatch(label) or WHOLE.fullmatch(label))
