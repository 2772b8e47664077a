"""The one style of specs: from the tree back to text.

These stay as in the old text: the spelling of numbers, arrow or newline between steps, an empty line between
statements, and comments. All else is a function of the tree, so a spec that went through YAML comes back as the same
text.
"""

from specc.syntax.format.formatter import annotated, formatted

__all__ = ["annotated", "formatted"]
