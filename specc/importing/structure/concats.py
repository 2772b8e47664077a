"""A concat of what an earlier one has and one more value, as DenseNets have them, goes on from that earlier one."""

from __future__ import annotations

from dataclasses import replace

from specc.importing.network import ImportedNetwork, ImportedStep


def nested(network: ImportedNetwork) -> ImportedNetwork:
    """The network in which each concat takes an earlier one along the same axis for the values that they begin with.

    ``concat(a, b, c)`` behind ``concat(a, b)`` is ``concat(concat(a, b), c)``: the same numbers, moved twice, and a
    body that is the same each time, which a loop can have. Such a step stands where its neighbours do: its name is
    left out.
    """
    made: dict[tuple[object, ...], str] = {}
    steps = [_nested(step, made) if step.operator == "concat" else step for step in network.steps]
    return replace(network, steps=tuple(steps))


def _nested(step: ImportedStep, made: dict[tuple[object, ...], str]) -> ImportedStep:
    """Args: made: the concats so far, by their axis and what they take."""
    axis, values = step.arguments.get("dim", 1), step.inputs
    longest = next((n for n in range(len(values) - 1, 1, -1) if (axis, *values[:n]) in made), None)
    made.setdefault((axis, *values), step.outputs[0])
    if longest is None:
        return step
    return replace(step, name="", inputs=(made[axis, *values[:longest]], *values[longest:]))
