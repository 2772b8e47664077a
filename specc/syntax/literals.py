"""What numbers and strings stand for, and what can be the label of a step."""

from __future__ import annotations

import re
from math import isfinite

from specc.syntax.tokens import is_word

LARGEST_INTEGER = 2**63 - 1
_DIGITS = len(str(LARGEST_INTEGER))
_SCALES = {"k": 3, "M": 6, "G": 9}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_ESCAPE = re.compile(r"\\(.)")

LABEL = re.compile(r'(?:[^\s./:"\\{}]|\{[^{}"\\]+\})+')
"""What can be a label, formulas included, but for characters that nobody sees; `specc.elaborate.naming` says why."""
WHOLE = re.compile(r"0|[1-9][0-9]*")
"""The numbers that are labels as they stand."""
OWNERS = frozenset("nn F self torch keras layers tf jnp flax nnx np".split())
"""What Python has in front of a layer's name, and a point between; here layers are called by their names alone."""


class OutOfRange(ValueError):
    """A number that no size and no float64 can hold; the message is for the user."""


def number(text: str) -> int | float:
    """The value of a number literal: ``61_706``, ``4.1G``, ``0.5``, ``1e-3``.

    It is whole where it was written without point and exponent, or where a suffix makes it so.
    No digit is lost on the way: whole numbers are exact, others are the nearest float64.
    """
    if text.isdecimal() and len(text) < _DIGITS:
        return int(text)
    digits = text.replace("_", "")
    scale = _SCALES.get(digits[-1], 0)
    if scale:
        digits = digits[:-1]
    whole, _, part = digits.partition(".")
    is_real = "e" in digits.lower() or len(part.rstrip("0")) > scale or (part != "" and not scale)
    if is_real:
        return _real(digits if not scale else f"{digits}e{scale}")
    return _integer((whole + part[:scale].ljust(scale, "0")).lstrip("0") or "0")


def string(text: str) -> tuple[str, tuple[int, ...]]:
    """The value of a string literal, quotes included, and where in it an unknown escape stands."""
    unknown = tuple(found.start() for found in _ESCAPE.finditer(text) if found[1] not in _ESCAPES)
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), text[1:-1]), unknown


def needs_quotes(label: str) -> bool:
    """Whether it is a label only in quotes. `else:` without them looks like the end of Python's `if`."""
    return label == "else" or not (is_word(label) or WHOLE.fullmatch(label))


def _integer(digits: str) -> int:
    # Python itself refuses to convert more than 4300 digits.
    if len(digits) > _DIGITS or int(digits) > LARGEST_INTEGER:
        raise OutOfRange(f"whole numbers go up to 2^63 - 1 = {LARGEST_INTEGER:,}")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise OutOfRange("numbers go up to about 1.8e308")
    if value == 0 and set(re.split("[eE]", digits)[0]) - set("0."):
        raise OutOfRange("a number this small cannot be told from 0: they go down to about 5e-324")
    return value
