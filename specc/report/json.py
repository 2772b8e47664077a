"""For programs: all that is known of a check, a comparison or a proof, as JSON with a version.

findings.schema.json and proof.schema.json, beside this file, are the schemas for a check and for a proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import dumps, loads
from math import isfinite
from typing import TYPE_CHECKING, Any

from specc.diagnostics import BudgetExceeded, BudgetUnsized, Diagnostic, ImportFault, Label, Severity
from specc.diagnostics.words import encodable
from specc.project.outcome import Outcome, fingerprint
from specc.report.snippets import Style
from specc.source import Span
from specc.version import __version__

# A check that the cache answers loads no pydantic: what compares and proves is imported where it is called.
if TYPE_CHECKING:
    from specc.compare import Difference
    from specc.compare.difference import Comparison, FailOn, FileDifference
    from specc.compare.wiring import Member, StepChange
    from specc.report.proof_wording import ProofSubject
    from specc.verify.result import Parity

VERSION = 1
"""It grows where a field goes or changes its meaning. New fields may come at any time."""

_FACTS = {ImportFault: "import", BudgetExceeded: "budget", BudgetUnsized: "budget_sizes"}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dumped(value: object, style: Style) -> str:
    """JSON text, the keys in their order."""
    raw = dumps(value, indent=2, ensure_ascii=False)
    # What UTF-8 does not have becomes \\udc80, with two backslashes: strict readers refuse it as an escape of JSON.
    encoded = encodable(_LONE_SURROGATE.sub(r"\\\g<0>", raw))
    if not encoded.replace("\n", "").isprintable():
        # JSON itself has escapes for some control characters only; terminals obey others, and letters run backwards.
        encoded = "".join(sign if sign == "\n" or sign.isprintable() else dumps(sign)[1:-1] for sign in encoded)
    return encoded if style.unicode else dumps(loads(encoded), indent=2)


def position(span: Span, offset: int) -> dict[str, int]:
    """Line and column of an offset in the text that the span is of, counted from 1."""
    line, column = span.source.position(offset)
    return {"line": line, "column": column}


def _location(span: Span) -> dict[str, Any]:
    return {"path": span.source.name, "start": position(span, span.start), "end": position(span, span.end)}


# ---- a check ----------------------------------------------------------------------------------------


def outcome_json(outcome: Outcome, style: Style) -> str:
    """Everything: the files, the findings, the blocks that no model calls, what could not be read."""
    seen: dict[str, int] = {}
    value = {
        "version": VERSION,
        "specc": __version__,
        # Errors are those that are shown: of a file that is wrong the baseline may hold them back.
        "summary": {
            "files": len(outcome.files),
            "models": sum(file.models for file in outcome.files),
            "wrong": outcome.wrong_files,
            **_severities(outcome.findings),
            "fixable": outcome.fixable,
            "unsafe": outcome.unsafe,
            "silenced": outcome.silenced,
            "held": outcome.baselined,
            "unreadable": len(outcome.unreadable),
        },
        "files": [
            {
                "path": file.name,
                "models": file.models,
                "library": file.is_library,
                **_severities(file.findings),
                "silenced": file.silenced,
                "held": len(file.baselined),
            }
            for file in outcome.files
        ],
        "findings": [_finding(finding, fingerprint(finding, seen)) for finding in outcome.findings],
        "uncalled": [{"path": block.path, "line": block.line, "name": block.name} for block in outcome.uncalled],
        "unreadable": [{"path": path.name, "message": path.message} for path in outcome.unreadable],
    }
    return dumped(value, style)


def _severities(findings: tuple[Diagnostic, ...]) -> dict[str, int]:
    return {f"{severity}s": sum(finding.severity is severity for finding in findings) for severity in Severity}


def _finding(finding: Diagnostic, mark: str) -> dict[str, Any]:
    suggestion, fix, fact = finding.suggestion, finding.fix, finding.fact
    edits = [{**_location(edit.span), "text": edit.text} for edit in fix.edits] if fix else []
    sizes = {"given": dict(fact.given), "possible": dict(fact.possible)} if isinstance(fact, BudgetUnsized) else {}

    def text(label: Label) -> dict[str, Any]:
        return {"text": label.text, **_location(label.span)}

    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        **_location(finding.primary.span),
        "labels": [
            {"role": "primary", **text(finding.primary)},
            *({"role": "secondary", **text(label)} for label in finding.secondary),
        ],
        "trace": list(map(text, finding.trace)),
        "notes": list(finding.notes),
        "helps": list(finding.advice),
        "suggestion": suggestion
        and {"word": suggestion.word, "names": list(suggestion.names), "safety": suggestion.safety},
        "where": str(finding.where) if finding.where else None,
        "fix": fix and {"safety": fix.safety, "edits": edits},
        "fact": fact and {"kind": _FACTS[type(fact)], **fact._asdict(), **sizes},
        "fingerprint": mark,
    }


def remarks(finding: Diagnostic) -> Iterator[str]:
    """The lines below the headline in formats without source: the primary label, notes and helps."""
    if finding.primary.text:
        yield finding.primary.text
    for kind, texts in (("note", finding.notes), ("help", finding.advice)):
        for text in texts:
            yield from f"{kind}: {text}".split("\n")


# ---- a comparison -----------------------------------------------------------------------------------


def comparison_json(comparison: Comparison, style: Style, fail_on: FailOn | None) -> str:
    """All that is known; ``fail_on`` makes no difference."""
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
                "wrong_before": list(map(_headline, file.wrong_before)),
                "wrong_after": list(map(_headline, file.wrong_after)),
                "models": [
                    {
                        "before": model.before,
                        "after": model.after,
                        "changed": model.changed,
                        "breaking": {section: model.fails(section) for section in model.sections},
                        **(difference(model.difference) if model.difference else {}),
                    }
                    for model in file.models
                ],
            }
            for file in comparison.files
        ],
    }
    return dumped(value, style)


def _headline(finding: Diagnostic) -> dict[str, Any]:
    span = finding.primary.span
    place = {"path": span.source.name, **position(span, span.start)}
    return {"code": finding.code, "message": finding.message, **place}


def difference(of: Difference | FileDifference) -> dict[str, Any]:
    """All that is known of two models, but for their names."""
    from specc.compare import Difference
    from specc.report.sections import reasons, sections

    verdicts = {section.name: section.verdict for section in sections(of)}
    if isinstance(of, Difference):
        return _networks(of, verdicts)
    interface = [change._asdict() for change in of.interface.changes]
    value: dict[str, Any] = {"interface": {"verdict": verdicts["interface"], "changes": interface}}
    if of.networks is not None:
        value |= _networks(of.networks, verdicts)
    if of.numbers is not None:
        tensors = [
            # JSON has no infinity.
            {**tensor._asdict(), "largest": tensor.largest if isfinite(tensor.largest) else None}
            for tensor in of.numbers.tensors
        ]
        counts = {"compared": of.numbers.compared, "left_out": of.numbers.left_out}
        value["numbers"] = {"verdict": verdicts["numbers"], **counts, "changed": tensors}
    if "file" in of.sections:
        changes = [change._asdict() for change in of.file.changes]
        value["file"] = {"verdict": verdicts["file"], "changes": changes}
    value["unread"] = [{"name": unread.name, "reasons": reasons(unread)} for unread in of.unread]
    return value


def _networks(of: Difference, verdicts: dict[str, str]) -> dict[str, Any]:
    """The four sections of two networks."""
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
    from specc.elaborate.values import display
    from specc.report.notation import step

    return {
        "before": changed.before.name,
        "after": changed.after.name,
        "layer_before": step(changed.before),
        "layer_after": step(changed.after),
        "attributes": [
            {"name": a.name, "before": display(a.before), "after": display(a.after)} for a in changed.attributes
        ],
        "inputs_before": list(changed.before.inputs) if changed.inputs else None,
        "inputs_after": list(changed.after.inputs) if changed.inputs else None,
        "tensors_before": changed.sharing and changed.sharing[0],
        "tensors_after": changed.sharing and changed.sharing[1],
    }


def _member(member: Member) -> dict[str, Any]:
    from specc.ir.graph import Region
    from specc.report.notation import step

    nodes = member.nodes if isinstance(member, Region) else (member,)
    return {"name": member.name, "steps": [{"name": node.name, "layer": step(node)} for node in nodes]}


# ---- a proof ----------------------------------------------------------------------------------------


def proof_json(parity: Parity, subject: ProofSubject, style: Style, everything: bool) -> str:
    """All that is known; ``everything`` makes no difference."""
    from specc.report.proof_wording import full_reason, verdict

    first, tolerance = parity.first_divergence, parity.tolerance
    value = {
        "version": VERSION,
        "specc": __version__,
        "model": subject.model,
        "onnx": subject.file,
        "files": [file._asdict() for file in subject.files],
        "weights": subject.weights,
        "claimed": subject.claimed,
        "passed": parity.passed,
        "verdict": verdict(parity, subject),
        "proof": parity.level,
        "provider": parity.provider,
        "tolerance": tolerance and {"atol": _number(tolerance.atol), "rtol": _number(tolerance.rtol)},
        "first_divergence": first and first.name,
        "steps": [
            {
                "name": row.name,
                "steps": list(row.steps),
                "layer": row.layer,
                "path": row.span.source.name,
                "start": position(row.span, row.span.start),
                "end": position(row.span, row.span.end),
                "rule": row.rule,
                "why": row.why,
                "passed": row.passed,
                "reason": row.reason,
                "runs": row.runs,
                "error_onnx": _number(row.error_onnx),
                "error_torch": _number(row.error_torch),
                "case": row.case,
                "batch": row.batch,
                "optimised": row.optimised,
                "nodes": list(row.nodes),
                "like": row.like or None,
                "in_part": row.in_part,
            }
            for row in parity.steps
        ],
        "checks": [
            {
                "case": check.case,
                "passed": check.passed,
                "reason": "\n".join(full_reason(check)),
                "batch": check.batch,
                "optimised": check.optimised,
                "output": check.output,
                "error_onnx": _number(check.error_onnx),
                "error_torch": _number(check.error_torch),
                "bound": _number(check.bound),
            }
            for check in parity.rows
        ],
        "tensors": [{"path": t.path, "status": t.status, "detail": t.detail} for t in parity.tensors],
        "assignment": [{"node": node, "provider": provider} for node, provider in parity.assignment],
        "tf32": parity.tf32,
        "settings": [{"name": name, "value": value} for name, value in parity.settings],
        "renamed": [{"file": theirs, "spec": ours} for theirs, ours in parity.renamed],
        "notes": list(parity.notes),
    }
    return dumped(value, style)


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity and no NaN: they are texts."""
    if value is None:
        return None
    return float(value) if isfinite(value) else str(value).replace("inf", "infinity")
