"""`specc explain`: the arithmetic behind one step."""

from __future__ import annotations

from math import prod

from specc.analyses import Costs, StepCost
from specc.diagnostics import UsageError
from specc.elaborate.trouble import did_you_mean
from specc.ir.op import Parameter
from specc.ir.types import times
from specc.report.text import count, field, memory


def explain(costs: Costs, name: str) -> str:
    """The numbers of step ``name`` and the formulas they come from.

    Raises:
        UsageError: no such step.
    """
    steps = {step.node.name: step for step in costs.steps}
    if name not in steps:
        near = did_you_mean(name, steps) or (f"they are {', '.join(steps)}",)
        raise UsageError(f"{costs.graph.name} has no step called {name}; {near[0]}")
    return "\n".join(_lines(steps[name]))


def _lines(step: StepCost) -> list[str]:
    node = step.node
    line, column = node.span.position
    lines = [f"{node.name}: {node.span.text}", f"  at {node.span.source.name}:{line}:{column}", ""]
    lines += [f"  takes   {name} {kind}" for name, kind in zip(node.inputs, node.input_types, strict=True)]
    lines += [f"  gives   {node.type}", ""]
    lines += [f"  {line}" for line in node.op.arithmetic(*node.input_types)]
    lines += [f"  {_parameter(parameter)}" for parameter in node.parameters]
    lines += [
        f"  parameters: {count(step.params)}"
        + ("" if step.params == step.trainable_params else f", of them trainable {count(step.trainable_params)}"),
        f"  MACs: {count(step.macs)} a sample",
        f"  memory: {' * '.join(map(str, node.type.sample))} * 4 bytes = {memory(step.activation_memory)} a sample",
        f"  sees: {field(step.receptive_field)} of the input",
    ]
    return lines


def _parameter(parameter: Parameter) -> str:
    kind = "running statistic" if parameter.buffer else "parameter" if parameter.trainable else "frozen parameter"
    size = count(prod(parameter.shape))
    if len(parameter.shape) > 1:
        size = f"{times(parameter.shape)} = {size}"
    return f"{parameter.name or 'its factor'}: {size} ({kind})"
