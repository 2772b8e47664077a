"""A check in a terminal, as a picture that moves: what the commands print today, in SVG and CSS alone.

    python -m docs.site.terminal > docs/pictures/check.svg

It loops. Whoever has asked their system for less motion, or looks at it with what knows no animation, sees the last
frame, where all stands. The colours are those that specc has on a terminal; the ground follows the system's theme.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
NAME = "net.cnn"
SPEC = """\
model Net : [N, 1, 32, 32] -> [N, 10] {
  conv(6, 5) -> relu -> maxpool(2)
  fc(120) -> relu
  fc(10)
}
"""
COMMANDS = ("specc check net.cnn", "specc check net.cnn --fix --unsafe-fixes")

COLUMNS, CELL, LINE = 76, 8.4, 20  # of a font of 14 px, whose letters are 0.6 of that wide
LEFT, TOP, BAR, GAP = 20, 30, 36, 10
KEY, BEFORE, AFTER, READ, END = 0.05, 0.6, 0.3, 4.0, 6.0
"""Seconds: a key, until the first of a command, until it has answered, to read the answer, and the last one."""

CLASSES = {"1": "bold", "2": "dim"} | {
    str(31 + number): name for number, name in enumerate(("red", "green", "yellow", "blue", "magenta", "cyan"))
}
"""Of the codes that specc writes, the class of what follows."""

STYLE = """\
text {
  font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace;
  white-space: pre;
}
.frame { fill: #ffffff; stroke: #d0d7de }
.bar { fill: #f2f4f7 }
.ground { fill: #ffffff }
text, .cursor { fill: #24292f }
.title, .dim, .prompt { fill: #656d76 }
.title { text-anchor: middle }
.bold { font-weight: bold }
.red { fill: #cf222e } .green { fill: #116329 } .yellow { fill: #7d4e00 }
.blue { fill: #0550ae } .magenta { fill: #8250df } .cyan { fill: #1b7c83 }
.typing { opacity: 0 }
@media (prefers-color-scheme: dark) {
  .frame { fill: #0d1117; stroke: #3d444d }
  .bar { fill: #1c222b }
  .ground { fill: #0d1117 }
  text, .cursor { fill: #e6edf3 }
  .title, .dim, .prompt { fill: #9198a1 }
  .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 }
  .blue { fill: #79c0ff } .magenta { fill: #d2a8ff } .cyan { fill: #56d4dd }
}
"""


@dataclass(frozen=True)
class Scene:
    """A command and the lines it prints, with the terminal's codes for colours."""

    command: str
    printed: list[str]


def scenes() -> list[Scene]:
    """The spec, and each command, run in turn in a folder that has the spec alone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    for name in ("NO_COLOR", "GITHUB_ACTIONS"):
        environment.pop(name, None)
    found = [Scene(f"cat {NAME}", SPEC.splitlines())]
    with TemporaryDirectory() as folder:
        Path(folder, NAME).write_text(SPEC, encoding="utf-8")
        for command in COMMANDS:
            call = [sys.executable, "-m", *command.split()]
            done = subprocess.run(
                call, cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            found.append(Scene(command, done.stdout.decode("utf-8").splitlines()))
    return found


def spans(line: str) -> Iterator[tuple[str, str]]:
    """The parts of a line, each with its classes."""
    classes: list[str] = []
    for code, text in re.findall(r"\x1b\[(\d+)m|([^\x1b]+)", line):
        if text:
            yield text, " ".join(classes)
        elif code == "0":
            classes = []
        else:
            classes.append(CLASSES[code])


def row(parts: list[tuple[str, str]], y: int) -> str:
    """A line of text; its length is given, so that columns stand below each other in every font."""
    length = sum(len(text) for text, _ in parts)
    if not length:
        return ""
    inner = "".join(
        f'<tspan class="{classes}">{escape(text)}</tspan>' if classes else f"<tspan>{escape(text)}</tspan>"
        for text, classes in parts
    )
    return f'<text x="{LEFT}" y="{y}" textLength="{length * CELL:g}" xml:space="preserve">{inner}</text>'


def svg(shown: list[Scene]) -> str:
    """The picture."""
    total = sum(BEFORE + KEY * len(scene.command) + AFTER + READ for scene in shown) - READ + END
    rules, body = [], []
    start, y = 0.0, BAR + TOP - 4

    def at(second: float) -> str:
        return f"{100 * second / total:.2f}%"

    def appears(name: str, second: float) -> None:
        rules.append(f"@keyframes {name} {{ 0% {{ opacity: 0 }} {at(second)} {{ opacity: 1 }} }}")
        rules.append(f".{name} {{ animation: {name} {total:g}s step-end infinite }}")

    for number, scene in enumerate(shown, start=1):
        typed, prompt = len(scene.command), 2
        first = start + BEFORE
        last = first + KEY * typed
        answered = last + AFTER
        appears(f"prompt{number}", start)
        body += [f'<g class="prompt{number}">', row([("$ ", "prompt"), (scene.command, "")], y)]
        keys = f"0%, {at(first)} {{ transform: none; animation-timing-function: steps({typed}) }} "
        keys += f"{at(last)}, 100% {{ transform: translateX({typed * CELL:g}px) }}"
        x, right = LEFT + prompt * CELL, COLUMNS * CELL
        rules += [
            f"@keyframes typing{number} {{ 0% {{ opacity: 1 }} {at(answered)} {{ opacity: 0 }} }}",
            f"@keyframes keys{number} {{ {keys} }}",
            f".typing{number} {{ animation: typing{number} {total:g}s step-end infinite }}",
            f".keys{number} {{ animation: keys{number} {total:g}s infinite }}",
        ]
        body += [
            f'<g class="typing typing{number}"><g class="keys{number}">',
            f'<rect class="ground" x="{x:g}" y="{y - 15}" width="{right:g}" height="{LINE}"/>',
            f'<rect class="cursor" x="{x:g}" y="{y - 13}" width="{CELL}" height="17"/>',
            "</g></g></g>",
        ]
        y += LINE
        appears(f"answer{number}", answered)
        body.append(f'<g class="answer{number}">')
        for line in scene.printed:
            body.append(row(list(spans(line)), y))
            y += LINE
        body.append("</g>")
        y += GAP if scene is not shown[-1] else 0
        start = answered + READ

    width, height = round(2 * LEFT + COLUMNS * CELL), y
    described = escape("; ".join(re.sub(r"\x1b\[\d+m", "", f"{scene.command}: {scene.printed[-1]}") for scene in shown))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{described}</title>",
            f"<style>\n{STYLE}" + "\n".join(rules),
            "@media (prefers-reduced-motion: reduce) { g { animation: none !important } }\n</style>",
            f'<clipPath id="window"><rect width="{width}" height="{height}" rx="10"/></clipPath>',
            '<g clip-path="url(#window)">',
            f'<rect class="ground" width="{width}" height="{height}"/>',
            f'<rect class="bar" width="{width}" height="{BAR}"/>',
            *(
                f'<circle cx="{18 + 18 * number}" cy="{BAR // 2}" r="5.5" fill="{colour}"/>'
                for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            f'<text class="title" x="{width / 2:g}" y="{BAR // 2 + 5}">{NAME}</text>',
            *filter(None, body),
            "</g>",
            f'<rect class="frame" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10" style="fill: none"/>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(svg(scenes()))
