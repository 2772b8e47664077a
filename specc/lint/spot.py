"""What a rule is, and what it says of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.lint.network import Network


class Spot(NamedTuple):
    """A finding at one step of one model.

    Attributes:
        node: the step that is pointed at.
        argument: the attribute that is pointed at, where it is written.
        literal: it follows from the numbers in the step's own call; with a name among these, it is a knob that
            somebody else may turn, and nothing is said.
        positional: how many numbers are given by their place for it to be about the call as it is written.
        removable: the step gives what it takes, so leaving it out changes no value.
    """

    node: Node
    message: str
    label: str = ""
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    argument: str = ""
    literal: bool = False
    positional: int = 0
    removable: bool = False


class Rule(NamedTuple):
    """One lint.

    Attributes:
        code: what it is called.
        kinds: the operators whose steps it looks at.
        look: says what is to be said of a step, or None.
        everywhere: it is about the text of the step, so it must hold wherever that text comes to stand: a block
            that is called in several ways is right if one of them needs it so. The others are about the network
            that the model makes of it, and one place is enough.
    """

    code: Code
    kinds: tuple[str, ...]
    look: Callable[[Node, Network], Spot | None]
    everywhere: bool
