"""A network as a picture: boxes and arrows that a person would put in a paper or a pull request.

`picture` says what is drawn, `layout` where (Graphviz), and `svg` or `mermaid` write it. Nothing but the layout needs
Graphviz, and nothing but PNG a font.
"""

from specc.drawing.drawn import draw
from specc.drawing.picture import Picture, picture

__all__ = ["Picture", "draw", "picture"]
