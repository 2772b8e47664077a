"""Permutations and reshapes that undo each other, or that together are one operator."""

from __future__ import annotations

from specc.importing.fusions.fusion import fusion
from specc.importing.picking import MOST_RUNS, runs
from specc.importing.program import Program, Step


@fusion("Rows", "Samples")
def rows(program: Program, step: Step) -> bool:
    """The rows of all samples, which the program has in their own shape all along."""
    program.pass_on(step, step.inputs[0])
    return True


@fusion("permute")
def permuted_twice(program: Program, step: Step) -> bool:
    before = program.maker(step.inputs[0], "permute")
    if before is None:
        return False
    order = tuple(before["dims"][axis] for axis in step["dims"])
    if order == tuple(range(len(order))):
        program.pass_on(step, before.inputs[0])
        return True
    return program.readers(before.value) == 1 and program.become(step, "permute", *before.inputs, dims=order)


@fusion("reshape", "flatten")
def moved_channels(program: Program, step: Step) -> bool:
    """reshape -> permute -> reshape: channels shuffled, or places moved into channels and back."""
    turn = program.inner(step.inputs[0], "permute")
    split = program.inner(turn.inputs[0], "reshape") if turn is not None else None
    if turn is None or split is None:
        return False
    x = split.inputs[0]
    kind, dims, parts = program.types[x], turn["dims"], split.type.shape
    rank = kind.rank
    if step.type == kind and dims == (0, 2, 1, *range(3, rank + 1)) and parts[3:] == kind.shape[2:]:
        return program.become(step, "channelshuffle", x, groups=parts[1])
    if rank != 4 or len(parts) != 6:
        return False
    if dims == (0, 1, 3, 5, 2, 4) and parts[3] == parts[5] and parts[1] == kind.shape[1]:
        return program.become(step, "pixelunshuffle", x, downscale_factor=parts[3])
    if dims == (0, 3, 5, 1, 2, 4) and parts[3] == parts[5] and parts[1] == kind.shape[1]:
        return program.become(step, "spacetodepth", x, blocksize=parts[3])
    if dims == (0, 1, 4, 2, 5, 3) and parts[2] == parts[3]:
        return program.become(step, "pixelshuffle", x, upscale_factor=parts[2])
    if dims == (0, 3, 4, 1, 5, 2) and parts[1] == parts[2]:
        return program.become(step, "depthtospace", x, blocksize=parts[1])
    return False


@fusion("flatten", "reshape")
def reshaped_twice(program: Program, step: Step) -> bool:
    """The first of two in a row goes: the second says the whole shape."""
    before = program.inner(step.inputs[0], "reshape", "flatten")
    if before is None or len(before.inputs) != 1 or len(step.inputs) != 1:
        return False
    x = before.inputs[0]
    if program.types[x] == step.type:
        program.pass_on(step, x)
        return True
    if step.type.rank == 2 and program.types[x].rank > 2:
        return program.become(step, "flatten", x)
    return step.kind == "reshape" and program.become(step, "reshape", x, shape=step["shape"])


@fusion("add", "mul", "maximum", "minimum")
def one_after_the_other(program: Program, step: Step) -> bool:
    """A merge of what a merge gives, whose order is that of one with all arms."""
    first = program.inner(step.inputs[0], step.kind)
    return first is not None and program.become(step, step.kind, *first.inputs, *step.inputs[1:])


@fusion("Gather")
def ordered_channels(program: Program, step: Step) -> bool:
    """Channels in another order: shuffled by groups, or those of SpaceToDepth as PyTorch has them."""
    x = step.inputs[0]
    kind, places = program.types[x], step["places"]
    if step["axis"] != 1 or len(step["shape"]) != 1 or sorted(places) != list(range(len(places))):
        return False
    before = program.inner(x, "spacetodepth")
    if before is not None and before["mode"] == "DCR":
        r = before["blocksize"]
        channels = len(places) // (r * r)
        if places == tuple(s * channels + c for c in range(channels) for s in range(r * r)):
            return program.become(step, "pixelunshuffle", *before.inputs, downscale_factor=r)
    groups = next((place for place, channel in enumerate(places) if channel == 1), 0)
    if groups > 0 and len(places) % groups == 0 and len(places) == kind.shape[1]:
        each = len(places) // groups
        if places == tuple(group * each + place for place in range(each) for group in range(groups)):
            return program.become(step, "channelshuffle", x, groups=groups)
    return False


def picked_in_runs(program: Program) -> None:
    """Slices end to end, of what is left of elements that are picked."""
    for step in program:
        if step.kind != "Gather" or len(step["shape"]) != 1:
            continue
        x, axis, parts = step.inputs[0], step["axis"], runs(step["places"])
        if len(parts) > MOST_RUNS:
            continue  # refused, with what is said of it there
        dim = {} if axis == 1 else {"dim": axis}
        slices = [program.before(step, "slice", x, start=start, stop=stop, **dim) for start, stop in parts]
        program.become(step, "concat", *slices, **dim)
