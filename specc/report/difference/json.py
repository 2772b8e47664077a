"""A comparison for programs, as JSON with a version."""

from __future__ import annotations

from typing import Any

from specc.compare import SECTIONS, Difference
from specc.compare.specs import Comparison
from specc.compare.wiring import Member, StepChange
from specc.diagnostics import Diagnostic
from specc.elaborate.values import display
from specc.ir.graph import Region
from specc.report.difference.sections import sections
from specc.report.formats.json import dumped
from specc.report.notation import step
from specc.report.snippets import Style
from specc.version import __version__

VERSION = 1
"""It grows where a field goes or changes its meaning. New fields may come at any time."""


def json(comparison: Comparison, *, unicode: bool = True) -> str:
    """All that is known."""
    value = {
        "version": VERSION,
        "specc": __version__,
        "against": comparison.against,
        "same": comparison.same,
        "files": [
            {
                "before": file.before,
                "after": file.after,
                "changed": file.changed,
                "moved": file.moved,
                "note": file.note or None,
                "incomparable": file.incomparable,
                "broken": file.is_broken,
                "wrong_before": [_finding(finding) for finding in file.wrong_before],
                "wrong_after": [_finding(finding) for finding in file.wrong_after],
                "models": [
                    {
                        "before": model.before,
                        "after": model.after,
                        "changed": model.changed,
                        "breaking": {section: model.fails(section) for section in SECTIONS},
                        **(difference(model.difference) if model.difference else {}),
                    }
                    for model in file.models
                ],
            }
            for file in comparison.files
        ],
    }
    return dumped(value, Style(unicode=unicode))


def _finding(finding: Diagnostic) -> dict[str, Any]:
    span = finding.primary.span
    line, column = span.position
    return {
        "code": finding.code, "message": finding.message, "path": span.source.name, "line": line, "column": column,
    }  # fmt: skip


def difference(of: Difference) -> dict[str, Any]:
    """All that is known of two models, but for their names."""
    verdicts = {section.name: section.verdict for section in sections(of)}
    interface, weights, graph, cost = of.interface, of.weights, of.graph, of.cost
    return {
        "interface": {"verdict": verdicts["interface"], "changes": [change._asdict() for change in interface.changes]},
        "weights": {
            "verdict": verdicts["weights"],
            "loads": weights.loads,
            "kept": {"tensors": weights.kept, "elements": weights.kept_elements},
            **{
                name: [
                    {**t._asdict(), "elements_before": t.elements_before, "elements_after": t.elements_after}
                    for t in getattr(weights, name)
                ]
                for name in ("renamed", "resized", "added", "lost", "misplaced")
            },
            "renamed_is_guessed": weights.guessed,
            "misplaced_is_guessed": weights.guessed,
            "order_fits": weights.order_fits,
            "frozen": list(weights.frozen),
            "trainable": list(weights.trainable),
        },
        "graph": {
            "verdict": verdicts["graph"],
            "same": graph.proven_same,
            "changed": [_step_change(changed) for changed in graph.changed_steps],
            "added": [_member(member) for member in graph.added],
            "removed": [_member(member) for member in graph.removed],
            "outputs": [output._asdict() for output in graph.outputs],
            "renamed": [{"before": old, "after": new} for old, new in graph.renamed],
        },
        "cost": {
            "verdict": verdicts["cost"],
            "at_before": dict(cost.sizes_before),
            "at_after": dict(cost.sizes_after),
            "comparable": cost.comparable,
            "numbers": [{**number._asdict(), "grew": number.grew} for number in cost.numbers],
        },
    }


def _step_change(changed: StepChange) -> dict[str, Any]:
    return {
        "before": changed.before.name,
        "after": changed.after.name,
        "layer_before": step(changed.before.op),
        "layer_after": step(changed.after.op),
        "attributes": [
            {"name": a.name, "before": display(a.before), "after": display(a.after)} for a in changed.attributes
        ],
        "inputs_before": list(changed.before.inputs) if changed.inputs else None,
        "inputs_after": list(changed.after.inputs) if changed.inputs else None,
        "tensors_before": changed.sharing and changed.sharing[0],
        "tensors_after": changed.sharing and changed.sharing[1],
    }


def _member(member: Member) -> dict[str, Any]:
    nodes = member.nodes if isinstance(member, Region) else (member,)
    return {"name": member.name, "steps": [{"name": node.name, "layer": step(node.op)} for node in nodes]}
