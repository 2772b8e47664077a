"""From the syntax tree to the checked graph: names, arguments, shapes, claims.

A tree goes in (`specc.syntax.ast`), and a `Graph` comes out whose every step fits, or a `SpecError` with every
independent mistake. Nothing is read but the files that the spec imports, nothing is written. Start at `phases`, which
has the phases in their order; `walk` is the longest of them, `scopes` and `values` are what it works with.
"""

from specc.elaborate.files import Imports
from specc.elaborate.phases import (
    Checked,
    Sketch,
    Template,
    check_file,
    choose,
    constant,
    elaborate,
    fitting,
    require_parameters,
    sketches,
)

__all__ = [
    "Checked",
    "Imports",
    "Sketch",
    "Template",
    "check_file",
    "choose",
    "constant",
    "elaborate",
    "fitting",
    "require_parameters",
    "sketches",
]
