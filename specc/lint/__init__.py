"""Lints: what is most likely a mistake in a spec that fits together. Each has its reason on its page.

A lint asks operators for traits and never for their names (`specc.ir.op`), and says nothing that is not exactly so.
Start at `lint`; `lints` says what a lint is, `occurrences` makes findings of what they say of single steps.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from specc.diagnostics import Diagnostic
from specc.elaborate import Checked
from specc.ir.graph import Graph
from specc.ir.op import Op, Weightless
from specc.lint import activations, classifiers, inputs, norms, sliding
from specc.lint.definitions import unused_definitions
from specc.lint.lints import Lint, Match, Network
from specc.syntax import ast

if TYPE_CHECKING:
    from specc.elaborate.model_cache import ModelCache

__all__ = ["LINTS", "lint"]

LINTS: tuple[Lint, ...] = (
    *activations.LINTS,
    *norms.LINTS,
    *sliding.LINTS,
    *classifiers.LINTS,
    *inputs.LINTS,
)


def lint(file: ast.File, checked: tuple[Checked, ...], cache: ModelCache | None = None) -> list[Diagnostic]:
    """The warnings about a file that checks, in the order of the text.

    Args:
        checked: its models, as `specc.elaborate.check_file` gives them.
        cache: knows models of which no lint has anything to say, and is told which these are.
    """
    networks = [Network(model) for model in checked]
    quiet = cache.quiet if cache else set[Graph]()
    matches: list[tuple[Lint, Network, Match]] = []
    for network in networks:
        found = [] if network.graph in quiet else _matches(network)
        matches += found
        if not found:
            quiet.add(network.graph)
    findings = list(unused_definitions(file))
    if any(port.type.rank == 3 or port.type.shape[-1] in (1, 3) for model in checked for port in model.graph.inputs):
        findings += inputs.image_inputs(file, checked)
    if matches:
        from specc.lint.occurrences import Occurrence, findings_of  # most files have none: their check is quicker

        findings += findings_of(file, networks, [Occurrence(*match) for match in matches])
    return sorted(findings, key=lambda finding: finding.sort_key)


def _matches(network: Network) -> list[tuple[Lint, Network, Match]]:
    return [
        (lint, network, match)
        for node in network.graph.nodes
        for lint in _lints_of(type(node.op))
        if (match := lint.look(node, network)) is not None
        and not (match.removable and len(network.nodes) == 1)  # a model needs a step
    ]


@functools.cache  # one entry for each operator; most steps are passed over by it
def _lints_of(operator: type[Op]) -> tuple[Lint, ...]:
    defaults = {lint: {getattr(base, lint.trait) for base in (Op, Weightless)} for lint in LINTS}
    return tuple(
        lint
        for lint in LINTS
        if getattr(operator, lint.trait) not in defaults[lint]
        and all(getattr(operator, trait) is getattr(Op, trait) for trait in lint.unless)
    )
