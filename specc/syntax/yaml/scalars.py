"""Single values by the core schema of YAML 1.2 (its section 10.3.2), and as the language writes them."""

from __future__ import annotations

import re

from specc.syntax.literals import LARGEST_INTEGER

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUTHS = {text: word for word in ("true", "false") for text in (word, word.capitalize(), word.upper())}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)")
_REAL = re.compile(r"([-+]?)(\.[0-9]+|[0-9]+(?:\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NoNumber(ValueError):
    """YAML's infinity, or what is no number: the language has neither."""


class TooLarge(ValueError):
    """A whole number beyond 2^63 - 1."""


def written(text: str) -> str | None:
    """What a plain scalar stands for, in the language: a number, `true`, `false` or `none`; None where it is a text.

    Raises:
        NoNumber, TooLarge: it is a number that the language does not have.
    """
    if text in NULLS:
        return "none"
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _DECIMAL.fullmatch(text):
        return text.removeprefix("+")
    if _BASED.fullmatch(text):
        return _based(text)
    if _NO_NUMBER.fullmatch(text):
        raise NoNumber(text)
    real = _REAL.fullmatch(text)
    return _real(*real.groups("")) if real else None


def _based(text: str) -> str:
    value = int(text[2:], 8 if text[1] == "o" else 16)
    if value > LARGEST_INTEGER:
        raise TooLarge(text)
    return str(value)


def _real(sign: str, digits: str, exponent: str) -> str:
    """A number of the language begins and ends with a digit."""
    whole, point, part = digits.partition(".")
    return f"{sign.removeprefix('+')}{whole or '0'}{point}{(part or '0') if point else ''}{exponent}"
