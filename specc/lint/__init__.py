"""Lints: what is most likely not meant in a spec that fits together. Each has its reason on its page.

A lint asks operators for traits and never for their names (`specc.ir.op`), and says nothing that is not exactly so.
Start at `lint`; `lints` says what a lint is, `occurrences` makes findings of what they say of single steps.
"""

from __future__ import annotations

from functools import cache

from specc.diagnostics import Diagnostic
from specc.elaborate import Checked
from specc.ir.op import Op, Weightless
from specc.lint import activations, classifiers, norms, sliding
from specc.lint.definitions import unused_definitions
from specc.lint.lints import Lint, Match, Network
from specc.syntax import ast

__all__ = ["LINTS", "lint"]

LINTS: tuple[Lint, ...] = (*activations.LINTS, *norms.LINTS, *sliding.LINTS, *classifiers.LINTS)


def lint(file: ast.File, checked: tuple[Checked, ...]) -> list[Diagnostic]:
    """What is to be said of a file that checks, as warnings, in the order of the text.

    Args:
        checked: its models, as `specc.elaborate.check_file` gives them.
    """
    networks = [Network(one) for one in checked]
    findings = list(unused_definitions(file))
    if matches := _matches(networks):
        from specc.lint.occurrences import Occurrence, findings_of  # most files have none: their check is quicker

        findings += findings_of(file, networks, [Occurrence(*match) for match in matches])
    return sorted(findings, key=lambda finding: finding.sort_key)


def _matches(networks: list[Network]) -> list[tuple[Lint, Network, Match]]:
    matches = []
    for network in networks:
        for node in network.graph.nodes:
            for one in _lints_of(type(node.op)):
                match = one.look(node, network)
                if match is not None and not (match.removable and len(network.nodes) == 1):  # a model needs a step
                    matches.append((one, network, match))
    return matches


@cache  # one entry for each operator; most steps are passed over by it
def _lints_of(operator: type[Op]) -> tuple[Lint, ...]:
    defaults = {one: {getattr(base, one.trait) for base in (Op, Weightless)} for one in LINTS}
    return tuple(one for one in LINTS if getattr(operator, one.trait) not in defaults[one])
