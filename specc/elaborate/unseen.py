"""Names that mean nothing where they stand: what may have been meant, and where there is such a label."""

from __future__ import annotations

from specc.diagnostics import Code, Safety
from specc.elaborate.drafts import Construction, SharedSteps
from specc.elaborate.errors import Invalid, in_form, invalid, short, suggestion
from specc.elaborate.inside import owners
from specc.elaborate.scopes import Definition, Scope
from specc.elaborate.values import Signal
from specc.ops import names
from specc.source import Span
from specc.syntax import ast


class Unseen:
    """Looks for names that a step does not see.

    Attributes:
        unread: blocks that are called, whose labels are not looked through yet.
    """

    def __init__(
        self,
        network: Construction,
        statements: tuple[ast.Statement, ...],
        active: list[Definition | SharedSteps],
        unread: list[Definition],
    ) -> None:
        """Begin.

        Args:
            statements: those of the model's own body.
            active: the calls around the present step, which whoever makes them keeps up to date.
            unread: the blocks that are called, of which the same is true.
        """
        self.unread = unread
        self.network = network
        self._statements = statements
        self._active = active
        self._labels: dict[int, dict[str, ast.Binder]] = {}
        self._inside: dict[str, str] = {}  # labels in blocks that are called, each with the first such block

    def unknown(
        self,
        name: str,
        span: Span,
        scope: Scope,
        step: ast.Call | ast.Merge | None = None,
        current: Signal | None = None,
    ) -> Invalid:
        """Of a name that means nothing at this place.

        Args:
            step: what it was to call; None where it stands before a point or a bracket.
        """
        # A spec without mistakes needs none of it.
        from specc.elaborate.proposals import channels_first, difference, misfit, proposed
        from specc.syntax.mistakes.translation import OWNERS

        helps = tuple(f"there is {path}" for path in owners(name, scope)[:3]) or self.label_elsewhere(name, span)
        known = scope.known() if step is None else {*names(), *scope.known()}
        if step is None and not helps and name in OWNERS:
            helps = (f"layers are called by their names alone: leave out `{name}.`",)
        if step is not None and name == "frozen" and not helps:
            helps = (in_form(span, "`frozen { … }` freezes what is in it", "write `{frozen: true, group: […]}`"),)
        similar = None if helps else suggestion(name, known, "value" if step is None else "layer")
        proposal = None if helps or step is None else proposed(step, current, scope)
        fix = None
        if step is not None and proposal is not None:
            # A slip is put right as one; a word of another tool comes with the arguments that it has there.
            rest = step.name_span.to(step.span).text[len(name) :]
            is_slip = similar is not None and similar.safety is not Safety.DISPLAY_ONLY
            if similar is None or not is_slip or proposal.text != f"{similar.names[0]}{rest}":
                helps, similar, fix = (proposal.help, *difference(name)), None, proposal.fix
        elif step is not None and (numbers := channels_first(step, current, scope)):
            helps, similar = numbers, None
        elif step is not None and similar is not None and similar.safety is not Safety.DISPLAY_ONLY:
            (word,) = similar.names
            if (said := misfit(step, word, scope)) is not None:
                helps, similar = said, similar._replace(safety=Safety.DISPLAY_ONLY)
        return invalid(
            Code.UNKNOWN_LAYER,
            f"no {'value' if step is None else 'layer'} is called {short(name)}",
            span,
            helps=helps,
            suggestion=similar,
            fix=fix,
        )

    def label_elsewhere(self, name: str, span: Span) -> tuple[str, ...]:
        """The place of a label of that name which a step at ``span`` does not see."""
        here = next((d.block.body.statements for d in reversed(self._active) if isinstance(d, Definition)), None)
        statements = here or self._statements
        labels = self._labels.get(id(statements))
        if labels is None:
            labels = self._labels[id(statements)] = {}
            for part in ast.parts(statements):
                label = getattr(part, "label", None)
                if isinstance(label, ast.Binder):
                    labels.setdefault(label.name, label)
        label = labels.get(name)
        if label is None:
            while self.unread:  # each block is looked through once, whatever is asked for
                block = self.unread.pop(0).block
                for part in ast.parts(block.body):
                    if isinstance(its := getattr(part, "label", None), ast.Binder):
                        self._inside.setdefault(its.name, block.name)
            if (owner := self._inside.get(name)) is None:
                return ()
            return (f"{name} is a label in the block {owner}: of a call `a: {owner}…` it is a.{name}",)
        line, _ = label.span.position
        if label.span.start > span.start:
            return (f"{name} is labelled further down, in line {line}: a value is used behind its label",)
        if any(block.label == name for block in self.network.open):
            return (f"{name} has a value at its end: inside of it, `_` is the value so far",)
        return (f"{name} is labelled in line {line}, in a block, group, loop or branch that this place is not in",)
