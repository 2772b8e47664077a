"""Steps that belong together, made one: what tools write in several nodes and the language in one word.

Each fusion looks at the last step of what it knows, and makes that one step of the whole; what nobody reads any more is
swept out. They are applied, in order, until none of them finds anything.
"""

from __future__ import annotations

from specc.importing.fusions import activations, affine, channels_last, layouts, norms, padding, tensorflow
from specc.importing.fusions.fusion import fusions_of
from specc.importing.program import Program

MOST_ROUNDS = 50


def fused(program: Program) -> None:
    """Apply all fusions, and make the language's operators of constants that are left."""
    program.sweep()
    for _ in range(MOST_ROUNDS):
        changed = False
        for step in program:
            for fusion in fusions_of(step.kind):
                if fusion(program, step):
                    changed = True
                    break
        program.sweep()
        if not changed:
            break
    affine.lowered(program)
    layouts.picked_in_runs(program)
    program.sweep()


__all__ = ["activations", "affine", "channels_last", "fused", "layouts", "norms", "padding", "tensorflow"]
