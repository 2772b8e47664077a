"""What the tests of the YAML form are about: the specs of the repository, and trees without places."""

from pathlib import Path
from typing import Any

from specc.diagnostics import SpecError
from specc.source import Source, Span
from specc.syntax import parse, read

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.cnn.yaml"))


def specs() -> list[Path]:
    """Every spec in the language that parses: the examples, the networks and the corpora."""
    found = [path for folder in ("examples", "tests") for path in sorted((ROOT / folder).rglob("*.cnn"))]
    return [path for path in found if _parses(path)]


def without_places(part: Any) -> Any:
    """A tree with the names of its nodes and all they hold, but where they stand."""
    if isinstance(part, Span | Source):
        return None
    if isinstance(part, tuple):
        return (type(part).__name__, *map(without_places, part))
    return part


def _parses(path: Path) -> bool:
    try:
        parse(read(path))
    except SpecError:
        return False
    return True
