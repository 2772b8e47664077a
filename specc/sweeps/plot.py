"""The variants of a sweep as a picture: two numbers of each, and the front of those that none beats."""

from __future__ import annotations

import io
from array import array
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.atomic import replace
from specc.diagnostics import MissingDependency, UsageError
from specc.diagnostics.words import visible
from specc.sweeps.pareto import Front, Objective
from specc.sweeps.variant import Variant, shown
from specc.version import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".html")
_MANY = 2_000
"""Points from which on an SVG has them as pixels: each would be an element."""
_NAMED = 12
"""Variants of the front whose names stand beside them."""
_WIDE = 20
"""Times the least number: from there on an axis goes by ratios."""
_KEPT, _OTHER, _FRONT = "#0072B2", "#BBBBBB", "#D55E00"
_WORDS = {
    "params": "parameters", "trainable_params": "trainable parameters", "macs": "MACs", "depth": "depth of the network",
    "activation_memory": "activation memory, bytes", "peak_memory": "memory at once, bytes",
    "receptive_field": "receptive field",
}  # fmt: skip


def require_format(path: Path) -> None:
    """Raises UsageError where a name says of no kind of picture; MissingDependency."""
    if path.suffix not in FORMATS:
        raise UsageError(f"--plot {path}: a picture is called .png, .svg or .html")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise MissingDependency("a plot", "matplotlib", "sweep") from None


class Plot:
    """What is drawn of variants: two numbers of each that fits, sixteen bytes.

    Args:
        front: by whose first two objectives they are drawn.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._x, self._y = front.by[:2]
        self._points = {True: (array("d"), array("d")), False: (array("d"), array("d"))}

    def add(self, variant: Variant) -> None:
        x, y = self._x.value(variant), self._y.value(variant)
        if variant.fits and x is not None and y is not None:
            xs, ys = self._points[variant.kept]
            xs.append(x)
            ys.append(y)

    def write(self, path: Path, title: str, latencies: Mapping[int, float]) -> None:
        """Draw it.

        Args:
            latencies: by the number of a variant, in milliseconds: a column of a page.

        Raises:
            UsageError: the file cannot be written.
        """
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context({"svg.hashsalt": "specc", "svg.fonttype": "none", "font.size": 9}):
            figure = Figure(figsize=(8, 5), layout="constrained")
            self._draw(figure.add_subplot(), title)
            picture = io.BytesIO()
            is_png = path.suffix == ".png"
            metadata: dict[str, Any] = {"Software": None} if is_png else {"Date": None, "Creator": None}
            figure.savefig(picture, format="png" if is_png else "svg", dpi=150, metadata=metadata)
        data = picture.getvalue()
        if path.suffix == ".html":
            data = self._page(data.decode(), title, latencies).encode()
        with replace(path) as file:
            file.write(data)

    def _draw(self, axes: Axes, title: str) -> None:
        from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

        for kept, label, colour in ((False, "left out by --where", _OTHER), (True, "fits", _KEPT)):
            xs, ys = self._points[kept]
            if xs:
                named = f"{label} ({len(xs):,})"
                axes.scatter(xs, ys, s=9, c=colour, alpha=0.6, linewidths=0, label=named, rasterized=len(xs) > _MANY)
        best = self._front.variants
        points = [(self._x.value(one), self._y.value(one)) for one in best]
        if points:
            xs_of, ys_of = zip(*points, strict=True)
            axes.plot(xs_of, ys_of, "o-", c=_FRONT, ms=4, lw=1, label=f"none beats them ({len(best):,})")
        names: dict[Any, list[str]] = {}
        for variant, point in zip(best, points, strict=True):
            names.setdefault(point, []).append(visible(variant.name))
        for point, (name, *others) in names.items() if len(names) <= _NAMED else ():
            text = f"{name}, {len(others)} more" if others else name
            # A front of what is to be small beside what is to be large rises: its line is above, and words go below.
            rises = self._x.sign != self._y.sign
            beside = {
                "xytext": (5, -2 if rises else 4),
                "textcoords": "offset points",
                "va": "top" if rises else "bottom",
            }
            axes.annotate(text, point, **beside, fontsize=7, parse_math=False)
        axes.set_xlabel(_label(self._x))
        axes.set_ylabel(_label(self._y))
        axes.set_title(visible(title), parse_math=False)
        for place, (axis, scale) in enumerate(((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale))):
            values = [value for points in self._points.values() for value in points[place]]
            if values and min(values) > 0 and max(values) > _WIDE * min(values):
                scale("log")
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_minor_formatter(NullFormatter())
            elif all(value == int(value) for value in values):
                axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(EngFormatter(sep=" "))
        axes.grid(alpha=0.2)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)

    def _page(self, svg: str, title: str, latencies: Mapping[int, float]) -> str:
        """The picture and the front as a page that needs nothing else."""
        css = files("specc.report").joinpath("page.css").read_text(encoding="utf-8").rstrip()
        best = self._front.variants
        names = [*best[0].settings] if best else []
        by = [one for one in self._front.by if one.of_network]  # parameters are there already
        head = [*names, *map(_label, by), *(["latency"] if latencies else [])]
        texts = [[*map(shown, one.settings.values()), *_texts(by, one)] for one in best]
        if latencies:
            texts = [[*row, f"{latencies[one.number]:.3g} ms"] for row, one in zip(texts, best, strict=True)]
        header = "".join(f"<th>{_safe(text)}</th>" for text in head)
        rows = "\n".join(f"<tr>{''.join(f'<td>{_safe(text)}</td>' for text in row)}</tr>" for row in texts)
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        parts = (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{_safe(title)}</title>",
            f"<style>\n{css}\nsvg {{ max-width: 100%; height: auto; background: #fff; }}\n</style>",
            "</head>\n<body>\n<main>",
            f"<h1>{_safe(title)}</h1>",
            svg[svg.index("<svg") :],
            f'<section>\n<h2>None beats them</h2>\n<div class="scroll"><table>\n<thead><tr>{header}</tr></thead>',
            f"<tbody>\n{rows}\n</tbody>\n</table></div>\n</section>",
            f"<footer>specc {_safe(__version__)}</footer>\n</main>\n</body>\n</html>\n",
        )
        return "\n".join(parts)


def _texts(by: Sequence[Objective], variant: Variant) -> list[str]:
    values = [objective.value(variant) for objective in by]
    return ["" if value is None else f"{value:,}" for value in values]


def _label(objective: Objective) -> str:
    return _WORDS[objective.name] if objective.of_network else objective.name


def _safe(text: str) -> str:
    return escape(visible(text))
