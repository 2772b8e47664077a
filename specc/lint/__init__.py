"""Lints: what is most likely not meant in a spec that fits together. Each rule has its reason on its page."""

from __future__ import annotations

from specc.diagnostics import Diagnostic
from specc.elaborate import Checked
from specc.lint.definitions import unused_definitions
from specc.lint.network import Network
from specc.lint.rules import BY_KIND
from specc.lint.spot import Rule, Spot
from specc.syntax import ast

__all__ = ["lint"]


def lint(file: ast.File, checked: tuple[Checked, ...]) -> list[Diagnostic]:
    """What is to be said of a file that checks, as warnings, in the order of the text.

    Args:
        checked: its models, as `specc.elaborate.check_file` gives them.
    """
    networks = [Network(one) for one in checked]
    findings = list(unused_definitions(file))
    if spots := _spots(networks):
        from specc.lint.gather import gathered  # most files have nothing to gather, and a check of them is quicker

        findings += gathered(file, networks, spots)
    return sorted(findings, key=lambda finding: finding.sort_key)


def _spots(networks: list[Network]) -> list[tuple[Rule, Network, Spot]]:
    """What the rules say of every step. Most steps are of kinds that no rule looks at, or are passed over at once."""
    spots = []
    rules_of = BY_KIND.get
    for network in networks:
        for node in network.graph.nodes:
            for rule in rules_of(node.op.kind, ()):
                spot = rule.look(node, network)
                if spot is not None and not (spot.removable and len(network.nodes) == 1):  # a model needs a step
                    spots.append((rule, network, spot))
    return spots
