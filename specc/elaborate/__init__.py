"""From the syntax tree to the checked graph: names, arguments, shapes, claims."""

from specc.elaborate.files import Imports
from specc.elaborate.phases import Checked, check_file, choose, constant, elaborate

__all__ = ["Checked", "Imports", "check_file", "choose", "constant", "elaborate"]
