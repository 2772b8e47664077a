"""How often each code was found."""

from __future__ import annotations

from collections import Counter

from specc.project.outcome import Outcome
from specc.report.codes import meanings


def statistics(outcome: Outcome) -> str:
    """A line for each code, the most frequent first: how often, the code, what it means. Nothing without findings."""
    numbers = Counter(finding.code for finding in outcome.findings)
    width = max((len(f"{count:,}") for count in numbers.values()), default=0)
    known = meanings()
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"{count:>{width},}  {code}  {known[code]}" for code, count in ranked)
