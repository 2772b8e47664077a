"""Specs, expressions, YAML, TOML and JSON at random: derived from the grammar, or somebody's text with changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from specc.diagnostics import SpecError
from specc.ops import names as layers
from specc.source import Source
from specc.syntax.tables import build, grammar_text
from specc.syntax.yaml.writer import to_yaml

ROOT = Path(__file__).parents[2]
LONGEST = 1500
"""Characters of a text that is changed: longer ones say the same more slowly."""

NAMES = (
    "x a b c n k i _ in unit act M H W N channels height width shape stride padding kernel kernel_size bias groups "
    "like frozen dim axis scale mode out_features min max sum len range zip enumerate reversed round ceil floor int "
    "macs params true false none"
).split()
NUMBERS = (
    "0 1 2 3 4 5 7 8 16 64 224 1k 2M 3G 0.0 0.1 0.5 1.5 1e-7 1e9 1e400 1_000 255 65536 2147483647 2147483648 "
    "1099511627776 18446744073709551616 99999999999999999999999999"
).split()
STRINGS = (
    '""', '"a"', '"same"', '"same_upper"', '"lib.cnn"', '"../lib.cnn"', '"/etc/passwd"', '"nearest"', '"a\\"b"',
    '"\\\\"', '"\u202e"', '"é"', '"tanh"', '"0.1"', '"{i}"', '"block{i + 1}-0"', '"{"',
)  # fmt: skip
WORDS = (
    "model block let default from import repeat for each in if else assert shared where and or not ( ) [ ] { } | -> "
    ": = , . + - * / // % ** == != <= >= < >"
).split()
COMMENTS = ("# a\n", "# specc: ignore\n", "# specc: ignore[S0505] b\n", "# specc: ignore-file[S05]\n", "# specc 1\n")
ODD = (
    "\t",
    "\r\n",
    "\r",
    "\0",
    "\x0b",
    "\x1b[31m",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\ud800",
    "é",
    "𝕏",
    "\\",
    "'",
    "`",
    "$",
    ";",
)
LIBRARY = (
    "let width = 8\nblock unit(c, act=relu) { conv(c, 3, padding=1) -> act }\nblock pair(c) { unit(c) -> unit(c) }\n"
)
"""What specs at random may import, as lib.cnn."""

_PIECE = re.compile(
    r'"[^"\n]*"|[A-Za-z_][A-Za-z_0-9]*|[0-9][0-9A-Za-z_.]*|[ \t]+|#[^\n]*|\r?\n|->|//|\*\*|[=!<>]=|.', re.DOTALL
)
_LAYERS = frozenset(layers())
_NESTS = (
    ("(", ")"),
    ("[", "]"),
    ("repeat 2 {", "}"),
    ("add { | _ | ", " }"),
    ("{", "}"),
    ("-", ""),
    ("not ", ""),
    ("a.", ""),
)


# ---- specs ------------------------------------------------------------------------------------------------------


@cache
def specs() -> tuple[str, ...]:
    """The short ones of the repository, right and wrong."""
    found = []
    for folder in ("examples", "tests"):
        for path in sorted((ROOT / folder).rglob("*.cnn")):
            text = path.read_bytes().decode("utf-8", "replace")
            if 0 < len(text) <= LONGEST:
                found.append(text)
    return tuple(found)


@cache
def yaml_specs() -> tuple[str, ...]:
    """The short ones in YAML, and those of `specs` as YAML."""
    found = []
    for pattern in ("*.yaml", "*.yml", "*.json"):
        for folder in ("examples", "tests/syntax/yaml/corpus"):
            for path in sorted((ROOT / folder).rglob(pattern)):
                text = path.read_bytes().decode("utf-8", "replace")
                if 0 < len(text) <= LONGEST:
                    found.append(text)
    for text in specs():
        try:
            found.append(to_yaml(Source("net.cnn", text)))
        except SpecError:
            continue
    return tuple(found)


def spec(random: Random) -> str:
    """One that the grammar allows, or one of `specs` with changes; one in eight is broken as bytes are."""
    text = derived(random, "start") if random.random() < 0.25 else changed(random.choice(specs()), random, specs())
    return odd(text, random) if random.random() < 0.125 else text


def changed(text: str, random: Random, others: Sequence[str]) -> str:
    """The text with pieces taken out, doubled, swapped, put in place of others, and parts of other texts."""
    pieces = _PIECE.findall(text)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3, 6))):
        _change(pieces, random, others)
    return "".join(pieces)


def _change(pieces: list[str], random: Random, others: Sequence[str]) -> None:
    at = random.randrange(len(pieces) + 1)
    end = min(len(pieces), at + random.choice((1, 1, 2, 5, 12)))
    match random.randrange(9):
        case 0:
            del pieces[at:end]
        case 1:
            pieces[at:at] = pieces[at:end]
        case 2 if pieces:
            other = random.randrange(len(pieces))
            pieces[at:end], pieces[other : other + 1] = pieces[other : other + 1], pieces[at:end]
        case 3:
            pieces[at:end] = [word(random)]
        case 4:
            # In place of one of its kind: most of what fits together otherwise still does.
            places = [i for i, piece in enumerate(pieces) if piece[:1].isalnum()]
            if places:
                place = random.choice(places)
                pieces[place] = random.choice(NUMBERS) if pieces[place][0].isdigit() else name(random)
        case 5:
            theirs = _PIECE.findall(random.choice(others))
            start = random.randrange(len(theirs) + 1)
            pieces[at:end] = theirs[start : start + random.choice((1, 4, 12, 40))]
        case 6:
            opening, closing = random.choice(_NESTS)
            times = random.choice((1, 1, 2, 3, 60, 200))
            pieces[at:end] = [opening] * times + pieces[at:end] + [closing] * times
        case 7:
            pieces.insert(at, random.choice(COMMENTS))
        case _:
            pieces[at:end] = [derived(random, random.choice(("expr", "body", "args", "shape", "_statement", "ports")))]


def nearby(text: str, random: Random) -> str:
    """The text with other numbers and layers, near those that it has: much of it fits together still."""
    pieces = _PIECE.findall(text)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        places = [i for i, piece in enumerate(pieces) if piece.isdigit() or piece in _LAYERS]
        if places:
            place = random.choice(places)
            old = pieces[place]
            near = random.choice((int(old) + 1, max(int(old) - 1, 0), 2 * int(old), 1)) if old.isdigit() else ""
            pieces[place] = str(near) or random.choice(layers())
    return "".join(pieces)


def odd(text: str, random: Random) -> str:
    """The text with signs that no spec has, or cut off."""
    at = random.randrange(len(text) + 1)
    if random.random() < 0.2:
        return text[:at]
    return text[:at] + random.choice(ODD) * random.choice((1, 1, 3)) + text[at:]


def encoded(text: str, random: Random) -> bytes:
    """As a file: in UTF-8, which some signs are not, and rarely in another encoding."""
    if random.random() < 0.01:
        return text.encode(random.choice(("utf-16", "latin-1", "utf-8-sig")), "replace")
    return text.encode("utf-8", "surrogatepass")


def word(random: Random) -> str:
    return random.choice((random.choice(WORDS), name(random), random.choice(NUMBERS), random.choice(STRINGS)))


def name(random: Random) -> str:
    return random.choice(NAMES) if random.random() < 0.5 else random.choice(layers())


# ---- from the grammar -----------------------------------------------------------------------------------------------


@cache
def _rules() -> dict[str, list[tuple[tuple[bool, str], ...]]]:
    """Of each rule its ways: symbols, each with whether it is a terminal. The shortest to write comes first."""
    rules: dict[str, list[tuple[tuple[bool, str], ...]]] = {}
    for rule in build(grammar_text()).rules:
        way = tuple((symbol.is_term, symbol.name) for symbol in rule.expansion)
        rules.setdefault(str(rule.origin.name), []).append(way)
    depth = dict.fromkeys(rules, 10**6)

    def cost(way: tuple[tuple[bool, str], ...]) -> int:
        return sum(1 if is_term else depth[symbol] for is_term, symbol in way)

    for _ in rules:
        depth = {rule: min(depth[rule], 1 + min(map(cost, ways))) for rule, ways in rules.items()}
    return {rule: sorted(ways, key=cost) for rule, ways in rules.items()}


def derived(random: Random, rule: str, most: int = 60, names: Callable[[Random], str] = name) -> str:
    """A text that the grammar derives from a rule; behind ``most`` choices each rule goes its shortest way."""
    rules, left = _rules(), most
    out: list[str] = []
    stack = [(False, rule)]
    while stack:
        is_term, symbol = stack.pop()
        if is_term:
            out.append(names(random) if symbol == "NAME" else _terminal(symbol, random))
            continue
        ways = rules[symbol]
        left -= len(ways) > 1
        # Ten levels of operators lie between an expression and a number: most of the time nothing comes between.
        short = left < 0 or random.random() < (0.8 if len(ways) == 2 else 0.3)
        stack += (ways[0] if short else random.choice(ways))[::-1]
    return " ".join(out)


_TERMINALS: dict[str, Callable[[Random], str]] = {
    "NUMBER": lambda random: random.choice(NUMBERS),
    "STRING": lambda random: random.choice(STRINGS),
    "_NL": lambda random: random.choice(("\n", "\n", "\n\n", *COMMENTS)),
    "TIMES": lambda random: random.choice(("*", "/", "//", "%")),
    "COMPARE": lambda random: random.choice(("==", "!=", "<", "<=", ">", ">=")),
    "_WHERE": lambda random: "where",
}


@cache
def _written() -> dict[str, str]:
    """The terminals that are written one way."""
    return {terminal.name: terminal.pattern.value for terminal in build(grammar_text()).terminals}


def _terminal(symbol: str, random: Random) -> str:
    return _TERMINALS[symbol](random) if symbol in _TERMINALS else _written()[symbol]


def expression(random: Random) -> str:
    """A number, mostly one that there is; from the grammar, mostly with names that have a value; or words."""
    if random.random() < 0.4:
        return number(random, random.choice((1, 2, 3)))
    if random.random() < 0.9:
        return derived(random, "expr", random.choice((8, 20, 60)), _known)
    return " ".join(word(random) for _ in range(random.randint(1, 8)))


def number(random: Random, depth: int) -> str:
    """A whole number, a list or a truth value, written as Python writes it, too."""
    if depth == 0:
        return random.choice(("0", "1", "2", "3", "7", "16", "100"))
    one, two, three = (number(random, depth - 1) for _ in range(3))
    sign = random.choice(("+", "-", "*", "//", "%"))
    order = random.choice(("==", "!=", "<", "<=", ">", ">="))
    return random.choice(
        (
            f"({one} {sign} {two})", f"({one} {sign} {two})", f"{one} {sign} {two}", f"-{one}",
            f"({one} if {two} {order} {three} else {two})", f"{random.choice(('min', 'max'))}({one}, {two}, {three})",
            f"[{one}, {two}, {three}][{random.choice(('0', '-1', '2', two))}]", f"sum([{one}, {two}])",
            f"len([{one}, {two}, {three}][{random.choice(('', '1', two))}:{random.choice(('', '2', '-1'))}])",
            f"({one} if not {two} {order} {three} and {one} {order} {two} or {two} < 3 else {three})",
        )
    )  # fmt: skip


_KNOWN = "true false none relu conv min max sum len range zip enumerate reversed round ceil floor".split()


def _known(random: Random) -> str:
    return name(random) if random.random() < 0.05 else random.choice(_KNOWN)


# ---- YAML, TOML, JSON -------------------------------------------------------------------------------------------

_YAML = (
    "- ", ": ", "? ", "|\n", ">-\n", "&a ", "*a", "<<: *a", "!!int ", "!!python/object:os.system ", "!x ",
    "%YAML 1.2\n", "---\n", "...\n", "'", '"', "{", "}", "[", "]", ", ", "#", "@", "`", "null", "~", "yes",
    "0x1F", "0o17", ".inf", "2001-01-01", "  ", "\t", "\n",
)  # fmt: skip


def yaml_spec(random: Random) -> str:
    text = changed(random.choice(yaml_specs()), random, yaml_specs())
    for _ in range(random.choice((0, 0, 1, 2))):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(_YAML) * random.choice((1, 1, 1, 100)) + text[at:]
    return odd(text, random) if random.random() < 0.125 else text


SETTINGS = (
    'root = true\ninclude = ["nets/**/*.yaml"]\nexclude = ["tests", "**/old/*"]\nselect = ["S05"]\nignore = ["S05"]\n',
    'fail-on = "warning"\nbaseline = "base.json"\n[per-file-ignores]\n"nets/*" = ["S0502", "S0506"]\n',
    '[budget]\nparams = "10 M"\nmacs = 4e9\n[budget."nets/*.cnn"]\nmemory = "3 MiB"\nat = { H = 224, W = 224 }\n',
    '[tool.specc]\nexclude = ["tests"]\nselect = []\n[tool.specc.budget]\nparams = 1000\n',
)
_PATTERNS = (
    "**/**/**/**/**/**/**/**/a", "*a" * 40 + "b", "[", "[!a", "***", "/", "./", "../x", "a\\b", "", "?" * 50, "{a,b}",
    "\x1b", "~", "$HOME",
)  # fmt: skip
_TOML = (
    "[", "]", "[[a]]", "=", "'''", '"""', "true", "false", "1e400", "0x", "inf", "nan", "1979-05-27", "{", "}", ",",
    "\n", "#", "[tool]", "[tool.specc]", "root", "include", "exclude", "select", "ignore", "fail-on", "baseline",
    "per-file-ignores", "budget", "params", "macs", "memory", "peak_memory", "at", '"10 M"', '"3 MiB"', '"-1"',
    '"1e400 G"', '"S0502"', '"S01"', '"/dev/zero"', '"."', "[" * 300, "a." * 300,
)  # fmt: skip


def settings(random: Random) -> str:
    text = random.choice(SETTINGS)
    pieces = _PIECE.findall(text)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        if random.random() < 0.6:
            at = random.randrange(len(pieces) + 1)
            own = random.choice((*_TOML, json.dumps(random.choice(_PATTERNS)), random.choice(NUMBERS)))
            pieces[at : at + random.choice((0, 1, 1, 3))] = [own]
        else:
            _change(pieces, random, SETTINGS)
    text = "".join(pieces)
    return odd(text, random) if random.random() < 0.1 else text


_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2, 0.5, 1e308, 2**63, 10**30, "", "x", "\x1b[31m", "\u202e", "\ud800", "../../etc/passwd",
    "S0505", "0" * 64, [], {}, [[]], {"": 0}, float("nan"), float("inf"),
)  # fmt: skip


def changed_json(text: str, random: Random) -> str:
    """With values in place of others, keys left out, doubled and renamed; rarely no JSON any more."""
    value = json.loads(text)
    for _ in range(random.choice((1, 1, 2, 4))):
        value = _changed_value(value, random)
    written = json.dumps(value)
    if random.random() < 0.2:
        at = random.randrange(len(written) + 1)
        new = random.choice(("[" * 2000, "{", '"', ",", "NaN", "-", "1" * 6000, "1e999", "\0", "\\ud800"))
        written = written[:at] + new + written[at + random.choice((0, 1)) :]
    return written


def _changed_value(value: Any, random: Random) -> Any:
    """One place of it is another, as likely deep inside as at the top."""
    if random.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return random.choice(_VALUES)
    if isinstance(value, list):
        at, copy = random.randrange(len(value)), list(value)
        match random.randrange(8):
            case 0:
                del copy[at]
            case 1:
                copy *= random.choice((2, 20))
            case _:
                copy[at] = _changed_value(copy[at], random)
        return copy
    key = random.choice(list(value))
    match random.randrange(10):
        case 0:
            return {name: inner for name, inner in value.items() if name != key}
        case 1:
            return {**value, random.choice(("x", "", "\x1b", key + "s")): value[key]}
        case _:
            return {**value, key: _changed_value(value[key], random)}


def lengthened(random: Random) -> str:
    """A spec in which one thing comes over and over: blanks, lines, a sign, a word or what stands around a comma."""
    text = spec(random)
    pieces = list(_PIECE.finditer(text))
    if not pieces:
        return text
    piece = random.choice(pieces)
    unit = random.choice((" ", "\n", piece[0], f"{piece[0]} ", f"{piece[0]}, ", "# a\n", f"({piece[0]})"))
    return text[: piece.start()] + unit * (random.choice((200, 2000)) // len(unit)) + text[piece.end() :]
