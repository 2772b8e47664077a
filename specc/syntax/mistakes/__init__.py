"""What is said of a text that the grammar refuses; imported only where there is one.

The parser knows the token that does not fit and the kinds that would (`unexpected`). Rules recognise the mistake this
most likely is, of the order of a spec (`structure`) or a habit of another language (`habits`); `explanation` asks them,
the more special ones first.
"""

from specc.syntax.mistakes.explanation import explain
from specc.syntax.mistakes.habits import step_for_sum

__all__ = ["explain", "step_for_sum"]
