"""Similar names for an unknown one, and whether one of them may replace it without a question.

A slip of the keyboard is a letter missing, doubled or wrong, two neighbours swapped, or a letter of the other case. It
is put right only where it is the slip of one known name. What people write on purpose never is, however similar:
a word of another tool (`vocabulary`), a name that differs in a number (``down2`` and ``down1``), the contrary
(``minpool``), or a name made of a known one (``deconv``). So a safe slip leaves numbers, capitals and the first and
last letters of words alone, short words (``sub`` and ``sum`` are one letter apart) whole, and of words that are not
long takes for a wrong letter only one that lies beside the right one on the keyboard (``step`` is no ``stop``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from specc.diagnostics.finding import Safety, Suggestion
from specc.diagnostics.vocabulary import CONTRARY, FOREIGN, TERMS, Kind, counterpart, is_foreign
from specc.diagnostics.words import listed

MOST_SHOWN = 3
_LONGEST = 100
"""Letters of a name that are compared: nobody misspells more."""
_SHORTEST_WORD, _LONG_WORD = 4, 6
"""Letters from which a word is long enough to be distinct from others but for a slip; and but for a wrong vowel."""
_CLOSE = 0.75
"""difflib's ratio from which a name is worth showing: ``inner`` and ``linear`` have 0.73."""
_SHARE = 0.5
"""That of a word in one that goes on or ends as it does: ``pool`` has 0.73 of ``maxpool``."""
_MOST_COMPARED = 100
"""Names that difflib, which takes 10 µs for each, compares with one word."""
_LARGEST_SCOPE = 500
"""Names among which what is merely similar is looked for: of more, no person has written the file."""
_MOST_INDEXED = 20_000
"""Names in the index, which outlives a file: beyond them it begins anew."""
_MOST_SEARCHES = 256
"""Words whose comparisons are remembered."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[A-Za-z]+")


def suggest(word: str, known: Iterable[str], kind: Kind = "name") -> Suggestion | None:
    """The names in ``known`` that are similar to ``word``, an unknown name of some kind; None where none is."""
    names = frozenset(known)
    if (term := counterpart(word, TERMS[kind], names)) is not None:
        return Suggestion(word, term.names, note=term.note) if term.names or term.note else None
    search = _searches.get(word)
    if search is None:
        if len(_searches) >= _MOST_SEARCHES:
            _searches.clear()
        search = _searches[word] = _WordSearch(word)
    suggestion = search.among(names)
    if suggestion and suggestion.safety is Safety.SAFE and not names.issuperset(_foreign_slips(word)):
        return suggestion._replace(safety=Safety.UNSAFE)
    return suggestion


@lru_cache(maxsize=_MOST_SEARCHES)
def _foreign_slips(word: str) -> tuple[str, ...]:
    """The words of other tools of which ``word`` may be a slip, too."""
    slips = ((term, slip(word, term)) for term in FOREIGN)
    return tuple(term for term, safety in slips if safety is Safety.SAFE or (safety and len(term) >= _LONG_WORD))


def advice(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """``did you mean select?``; where nothing is spelt alike ``otherwise``, and without that all that there is."""
    if suggestion := suggest(word, known):
        return suggestion.text
    return f"there are {', '.join(sorted(known))}" if otherwise is None else otherwise


class _WordSearch:
    """The comparisons of one word with names: each name is compared once, in however many scopes it is looked up."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._seen: frozenset[str] = frozenset()
        self._slips: dict[str, Safety] = {}
        self._close: dict[str, float] = {}
        self._numbered: set[str] = set()

    def among(self, names: frozenset[str]) -> Suggestion | None:
        """The names that are similar to the word: the one of which it is a slip, else the closest, or the numbered."""
        if unseen := names - self._seen:
            self._compare(unseen)
        slips = [name for name in self._slips if name in names]
        close = sorted((name for name in self._close if name in names), key=lambda name: (-self._close[name], name))
        if len(slips) == 1 and self._close.get(slips[0]) == 1.0:
            return Suggestion(self._word, (slips[0],), self._slips[slips[0]])
        if close:
            return Suggestion(self._word, tuple(close[:MOST_SHOWN]))
        numbered = sorted(name for name in self._numbered if name in names)[:MOST_SHOWN]
        are = "is" if len(numbered) == 1 else "are"
        return Suggestion(self._word, (*numbered,), note=f"there {are} {listed(numbered)}") if numbered else None

    def _compare(self, names: frozenset[str]) -> None:
        self._seen |= names
        candidates, numbered = _index.candidates(self._word, names)
        slips = {name: safety for name in candidates if (safety := slip(self._word, name)) is not None}
        self._slips |= slips
        shown = {name for name, safety in slips.items() if safety is not Safety.DISPLAY_ONLY}
        shares = dict.fromkeys(shown, 1.0)
        self._numbered |= numbered - shown  # down2 and down1
        if len(names) <= _LARGEST_SCOPE:
            shares.update(_similar(self._word[:_LONGEST].lower(), names - shown - numbered))
        self._close |= {name: share for name, share in shares.items() if not _is_contrary(self._word, name)}


class _Index:
    """Names by what is left of them without one letter, and without digits.

    Two names that are one slip apart have such a part in common (or one is the other's), so that of thousands of names
    only those few are compared with a word.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._parts: dict[str, list[str]] = {}
        self._letters: dict[str, list[str]] = {}

    def candidates(self, word: str, names: frozenset[str]) -> tuple[set[str], set[str]]:
        """Of ``names``, those that may be one slip from ``word``, and those that differ from it in digits alone."""
        if len(self._names) > _MOST_INDEXED:
            for table in (self._names, self._parts, self._letters):
                table.clear()
        for name in names - self._names:
            for part in _parts(name):
                self._parts.setdefault(part, []).append(name)
            self._letters.setdefault(_letters(name), []).append(name)
        self._names |= names
        slipped = {name for part in _parts(word) for name in self._parts.get(part, ()) if name in names}
        return slipped, {name for name in self._letters.get(_letters(word), ()) if name in names}


def _parts(name: str) -> set[str]:
    name = name[:_LONGEST].lower()
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}


def _letters(name: str) -> str:
    return _DIGITS.sub("", name.lower())


_index = _Index()
_searches: dict[str, _WordSearch] = {}
"""By word: a file with the same mistake a thousand times asks for the same names, and those it has added since."""


def slip(word: str, name: str) -> Safety | None:
    """Whether ``word`` is ``name`` but for a slip, and may be put right; None where more than one letter differs.

    For display only it is where it may as well be no slip: it says that another slip is not the only one.
    """
    if word == name or abs(len(word) - len(name)) > 1:
        return None
    if word.lower() == name.lower():
        return Safety.DISPLAY_ONLY if len(word) == 1 else Safety.SAFE
    at = next(
        (i for i, (one, other) in enumerate(zip(word, name, strict=False)) if one != other), min(len(word), len(name))
    )
    if len(word) > len(name):
        if word[at + 1 :] != name[at:]:
            return None
        changed, is_plain = word[at], _is_doubled(word, at)
    elif len(word) < len(name):
        if word[at:] != name[at + 1 :]:
            return None
        changed, is_plain = name[at], _is_doubled(name, at) or _is_inside(name, at)
    elif word[at + 1 :] == name[at + 1 :]:
        changed = word[at] + name[at]
        is_vowel = len(_word_at(name, at)) >= _LONG_WORD and set(changed) <= set("aeiouy")
        is_plain = _is_inside(name, at) and (is_vowel or _are_neighbours(*changed))
    elif word[at : at + 2] == name[at : at + 2][::-1] and word[at + 2 :] == name[at + 2 :]:
        changed, is_plain = name[at : at + 2], name[at - 1 : at].isalpha()
    else:
        return None
    if changed != "_" and not (changed.isascii() and changed.isalpha()):
        return Safety.DISPLAY_ONLY
    if len(_word_at(name, at)) < _SHORTEST_WORD or len(word) < _SHORTEST_WORD:  # conv_a and conv_b
        return Safety.DISPLAY_ONLY
    return Safety.SAFE if is_plain and changed.islower() and not is_foreign(word) else Safety.UNSAFE


def _word_at(name: str, at: int) -> str:
    """The letters around a place of a name, as far as they go; those before it where it is an end."""
    return next((part[0] for part in _WORD.finditer(name) if part.start() <= at <= part.end()), "")


def _is_doubled(name: str, at: int) -> bool:
    """Whether a letter is the one before it again, and no prefix of its word: that of ``cconv`` is one."""
    return name[at - 2 : at].isalpha() and name[at - 1] == name[at]


def _is_inside(name: str, at: int) -> bool:
    """Whether a letter is neither the first nor the last of its word."""
    return name[at - 1 : at].isalpha() and name[at + 1 : at + 2].isalpha()


def _are_neighbours(one: str, other: str) -> bool:
    """Whether two letters lie side by side on a keyboard (QWERTY; a row is shifted by half a key)."""
    places = [(row, line.find(letter)) for letter in (one, other) for row, line in enumerate(_ROWS) if letter in line]
    if len(places) != 2:
        return False
    (row, column), (below, shifted) = sorted(places)
    return abs(column - shifted) == 1 if row == below else below == row + 1 and column - shifted in (0, 1)


def _is_contrary(word: str, name: str) -> bool:
    """Whether one says the contrary of the other, or is a longer word made of it: ``deconv``, ``no_bias``."""
    word, name = word.lower(), name.lower()
    if len(word) > len(name) + 1 and (word.endswith(name) or word.startswith(name)):
        return True
    return any(
        one in word and other in name and word.replace(one, other) == name.replace(one, other)
        for pair in CONTRARY
        for one, other in (pair, pair[::-1])
    )


def _similar(word: str, names: Iterable[str]) -> Iterable[tuple[str, float]]:
    """The names that are spelt much like the word, or go on or end as it does."""
    from difflib import SequenceMatcher

    for name in names:
        if len(word) > 2 and (name.startswith(word) or name.endswith(word)):
            share = 2 * len(word) / (len(word) + len(name))
            if share >= _SHARE or name.startswith(f"{word}_"):
                yield name, share
    if len(word) < _SHORTEST_WORD:  # fcc is fc, esp eps, and cnv conv, but no env
        same = (name for name in names if set(name.lower()) == set(word) and abs(len(name) - len(word)) < 2)
        yield from ((name, _CLOSE) for name in same)
        names = {name for name in names if len(word) > 1 and name[:1].lower() == word[0]}
    matcher = SequenceMatcher(b=word)
    beside = sorted(names, key=lambda name: (name[:1].lower() != word[:1], abs(len(name) - len(word)), name))
    for name in beside[:_MOST_COMPARED]:
        matcher.set_seq1(name.lower())
        if (
            matcher.real_quick_ratio() >= _CLOSE
            and matcher.quick_ratio() >= _CLOSE
            and (ratio := matcher.ratio()) >= _CLOSE
        ):
            yield name, ratio
