"""All targets, by name."""

from __future__ import annotations

from tests.fuzz import language, networks, projects
from tests.fuzz.target import Target

TARGETS: dict[str, type[Target]] = {
    target.name: target for target in (*language.TARGETS, *projects.TARGETS, *networks.TARGETS)
}
