"""From the syntax tree to the checked graph: names, arguments, shapes, claims."""

from specc.elaborate.model import Checked, check_file, choose, constant, elaborate

__all__ = ["Checked", "check_file", "choose", "constant", "elaborate"]
