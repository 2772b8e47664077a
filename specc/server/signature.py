"""The call around a place of a text, however little of it is written, and what it takes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from specc.elaborate.values import display
from specc.ops import find
from specc.ops.fields import expected
from specc.report.operators import meaning
from specc.server.bindings import Bindings
from specc.server.declared import Applicable
from specc.source import Source
from specc.syntax import ast
from specc.syntax.tokens import COMMA, NAME, NEWLINE, UNKNOWN, Token, scan
from specc.syntax.trivia import comments

_MOST = 4096
"""Characters before a place in which the bracket around it is looked for."""

_NAMED = re.compile(r"\w*[ \t]*=(?!=)")


class OpenCall(NamedTuple):
    """A call that has begun, and what of it stands before a place.

    Attributes:
        start: where its name begins.
        given: the names of the arguments that stand there; None for one by position.
        named: the name of the argument that the place is in; None where it has none yet.
        is_direct: no other bracket is open behind its own: what is written is an argument, and no entry of a list.
    """

    name: str
    start: int
    given: tuple[str | None, ...] = ()
    named: str | None = None
    is_direct: bool = True


def open_call(source: Source, at: int) -> OpenCall | None:
    """The innermost call whose parentheses are open at an offset; none within a comment."""
    text = source.text
    ahead = _NAMED.match(text, at)  # in the name of an argument, or before it
    at = ahead.end() if ahead else at
    begin = text.rfind("\n", 0, max(0, at - _MOST)) + 1
    brackets: list[tuple[OpenCall, list[Token]]] = []
    before, earlier, is_in_text = Token("", "", begin), Token("", "", begin), False
    for kind, start, end in scan(text[:at] + "\n", begin):
        token = Token(kind, text[start:end], start)
        if kind == NEWLINE:
            is_in_text = is_in_text and end <= at
            if end > at and "#" in token.text.rpartition("\n")[2]:
                return None
        elif kind == UNKNOWN and token.text == '"':  # it has no end yet: what stands behind it is in it
            is_in_text = True
        elif is_in_text:
            continue
        elif kind in ("_LPAR", "_LSQB"):
            is_call = kind == "_LPAR" and before.kind == NAME and earlier.text not in ("block", "model", "default")
            brackets.append((OpenCall(before.text if is_call else "", before.start), []))
        elif kind in ("_RPAR", "_RSQB"):
            del brackets[-1:]
        elif kind in ("_LBRACE", "_RBRACE"):  # neither stands between parentheses
            brackets.clear()
        elif brackets:
            brackets[-1][1].append(token)
        if kind != NEWLINE:
            before, earlier = token, before
    calls = [(call, tokens) for call, tokens in brackets if call.name]
    if not calls:
        return None
    call, tokens = calls[-1]
    return _with_arguments(call._replace(is_direct=call is brackets[-1][0]), tokens)


def _with_arguments(call: OpenCall, tokens: list[Token]) -> OpenCall:
    names: list[str | None] = [None]
    for before, token in pairwise((Token(COMMA, "", call.start), *tokens)):
        if token.kind == COMMA:
            names.append(None)
        elif token.kind == "EQUAL" and before.kind == NAME:
            names[-1] = before.text
    return call._replace(given=tuple(names[:-1]), named=names[-1])


class SignatureArgument(NamedTuple):
    """An argument of a call.

    Attributes:
        text: as the signature has it: ``stride = 1``.
        takes: the values that it may have; empty where nothing says so.
    """

    name: str
    text: str
    takes: str


class CallSignature(NamedTuple):
    """What a call takes.

    Attributes:
        says: what it does.
        active: the argument that is being written, by its number; None: there is no such one.
    """

    name: str
    arguments: tuple[SignatureArgument, ...]
    says: str
    active: int | None

    @property
    def text(self) -> str:
        return f"{self.name}({', '.join(one.text for one in self.arguments)})"


def signature_at(source: Source, at: int, path: str, bindings: Bindings | None) -> CallSignature | None:
    """That of the call around an offset: of a block that the file gives or imports, or of a layer.

    Args:
        bindings: of what can be parsed of the file; None: nothing can.
    """
    call = open_call(source, at)
    if call is None:
        return None
    block = bindings.applicable(path, call.name, call.start) if bindings else None
    file = bindings.files[path] if bindings else None
    if block is not None and block.part.block is not None:
        return _of_block(call, block, block.part.block, file)
    return _of_layer(call, file)


def _of_layer(call: OpenCall, file: ast.File | None) -> CallSignature | None:
    kind = find(call.name)
    if kind is None:
        return None
    defaults = _defaults(file, call.start, {kind.kind, *kind.aliases})
    arguments = []
    for name, field in kind.model_fields.items():
        default = defaults.get(name) or ("" if field.is_required() else display(field.default))
        arguments.append(SignatureArgument(name, f"{name} = {default}" if default else name, expected(field)))
    active = _active(call, arguments)
    if kind.variadic and call.named is None:
        active = list(kind.model_fields).index(kind.variadic)  # it may be written as several arguments
    return CallSignature(call.name, tuple(arguments), meaning(kind), active)


def _of_block(call: OpenCall, called: Applicable, block: ast.BlockDefinition, file: ast.File | None) -> CallSignature:
    defaults = _defaults(file, call.start, {call.name})
    arguments = []
    for param in block.params[called.given :]:
        default = defaults.get(param.name) or (param.default.span.text if param.default is not None else "")
        arguments.append(SignatureArgument(param.name, f"{param.name} = {default}" if default else param.name, ""))
    return CallSignature(call.name, tuple(arguments), comment_above(block), _active(call, arguments))


def _active(call: OpenCall, arguments: list[SignatureArgument]) -> int | None:
    names = [one.name for one in arguments]
    if call.named is not None:
        return names.index(call.named) if call.named in names else None
    place = len(call.given)
    return place if place < len(names) and set(call.given) <= {None} else None


def _defaults(file: ast.File | None, before: int, names: set[str]) -> dict[str, str]:
    """What the ``default``s above a place give to calls of that name."""
    return {
        argument.name: argument.value.span.text
        for item in (file.items if file else ())
        if isinstance(item, ast.Default) and item.name in names and item.span.start < before
        for argument in item.arguments
        if argument.name is not None
    }


def comment_above(block: ast.BlockDefinition) -> str:
    """The comment that ends on the line before a block."""
    source = block.span.source
    alone = {source.position(one.start)[0]: one.text for one in comments(source) if one.alone}
    last = first = source.position(block.span.start)[0]
    while first - 1 in alone:
        first -= 1
    return "\n".join(alone[line].lstrip("# ") for line in range(first, last))
