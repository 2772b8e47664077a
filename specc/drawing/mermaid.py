"""A picture as a Mermaid flowchart in Markdown, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator

from specc.drawing.picture import PORT, Box, Frame, Picture


def markdown(picture: Picture) -> str:
    """A heading and the flowchart below it."""
    names = {box.name: f"b{i}" for i, box in enumerate(picture.boxes)}
    frames: list[str] = []
    lines = ["flowchart TD", *_members(picture, picture.members, names, frames, "  ")]
    for arrow in picture.arrows:
        line = f"-. {_quoted('sizes')} .->" if arrow.measures else f"-- {_quoted(str(arrow.type))} -->"
        lines.append(f"  {names[arrow.source]} {line} {names[arrow.target]}")
    return "\n".join([f"`{picture.title}`", "", "```mermaid", *lines, "```", ""])


def _members(
    picture: Picture,
    members: tuple[Box | Frame, ...],
    names: dict[str, str],
    frames: list[str],
    indent: str,
) -> Iterator[str]:
    for member in members:
        if isinstance(member, Box):
            mark = (picture.marks or {}).get(member.name)
            text = _quoted("\n".join([*(row.shown for row in member.rows), *(mark.lines if mark else ())]))
            shape = f"([{text}])" if member.rows[0].kind == PORT else f"[{text}]"
            yield f"{indent}{names[member.name]}{shape}"
        else:
            frames.append(member.name)
            yield f"{indent}subgraph f{len(frames)}[{_quoted(member.shown)}]"
            yield from _members(picture, member.members, names, frames, f"{indent}  ")
            yield f"{indent}end"


def _quoted(text: str) -> str:
    """As Mermaid takes it: its own entities begin with a ``#``."""
    special = {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": "<br>"}
    return '"' + "".join(special.get(character, character) for character in text) + '"'
