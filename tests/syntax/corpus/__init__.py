"""Specs that parse, and specs that do not, each of these with the text of its diagnostics beside it."""

from pathlib import Path


def specs(kind: str) -> list[Path]:
    """The specs of "accepted" or "refused". An empty corpus would pass every test: AssertionError."""
    found = sorted(Path(__file__).parent.joinpath(kind).glob("*.cnn"))
    assert found
    return found
