"""What is claimed for all sizes holds at each; what is refused fails at one, or says what cannot be known.

Random specs over symbolic sizes, without care for whether they fit, against the same text with numbers in the place
of the symbols: with numbers nothing is symbolic, and every claim is plain arithmetic that other tests hold against
PyTorch. The conditions of ``where`` read the same in Python, which says here which sizes are allowed.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from types import CodeType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from specc.diagnostics import Diagnostic, SpecError
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse

EXAMPLES = 80
LARGEST = 40
relaxed: dict[str, Any] = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

REASONS = (
    "holds for some sizes and not for others",
    "not proven",
    "takes a fixed number of",
    "divides a fixed number of",
    "is not a multiple of",
    "is not the same whole factor times",
    "takes numbers, no symbolic sizes",
    "has to be known as a number",
)
"""What a message says where the refusal is of not knowing, and no size need fail."""


@cache
def code_of(clause: str) -> CodeType:
    return compile(clause, "a clause", "eval")


def holds(clause: str, sizes: dict[str, int]) -> bool:
    return bool(eval(code_of(clause), {"__builtins__": {}}, sizes))


class Claim(NamedTuple):
    """A spec over symbols, and the conditions that it sets them."""

    axes: tuple[str, ...]
    steps: str
    clauses: tuple[str, ...]

    @property
    def text(self) -> str:
        where = f" where {', '.join(self.clauses)}" if self.clauses else ""
        return f"model M : [N, 2, {', '.join(self.axes)}]{where} {{\n{self.steps}\n}}\n"

    def fixed(self, sizes: dict[str, int]) -> str:
        """The same with numbers."""
        return re.sub(r"\b[HW]\b", lambda found: str(sizes[found[0]]), self._replace(clauses=()).text)

    def allowed(self) -> Iterator[dict[str, int]]:
        """Every small size that the conditions allow: both axes densely where they are small, then thinly."""
        values = range(1, LARGEST) if len(self.axes) == 1 else [*range(1, 10), 12, 15, 16, 17, 22, 24, 31, 32, 33]
        for sizes in product(values, repeat=len(self.axes)):
            named = dict(zip(self.axes, sizes, strict=True))
            if all(holds(clause, named) for clause in self.clauses):
                yield named


def graph(text: str) -> Graph:
    (checked,) = check_file(parse(Source("claim.cnn", text)))
    return checked.graph


@cache
def refusal(text: str) -> tuple[Diagnostic, ...]:
    """Once for each text: half of the random ones, at their sizes, have been there before."""
    try:
        graph(text)
    except SpecError as error:
        return error.diagnostics
    return ()


@st.composite
def windows(draw: Any) -> str:
    """Steps that change a size."""
    k, s, p = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 1))
    p = min(p, k // 2)
    return draw(
        st.sampled_from(
            (
                f"conv(2, {k}, stride={s}, padding={p})",
                f"conv(2, {k}, dilation=2, padding={p})",
                f"maxpool({k}, stride={s}, padding={p})",
                f"maxpool({k + 1}, stride={s}, padding={p}, ceil_mode=true)",
                f"avgpool({k}, stride={s}, padding={p})",
                f"convtranspose(2, {k}, stride={s})",
                f"upsample(scale_factor={s + 1})",
                f"pad({p})",
                f"slice({p}, -{s}, dim=2)",
                f"slice(0, {k}, dim=2)",
                "globalavgpool",
                "relu",
                "maxpool(2)",
                "conv(2, 3, stride=2, padding=1)",
                "upsample(scale_factor=2)",
            )
        )
    )


@st.composite
def steps(draw: Any, depth: int = 1) -> str:
    chain = " -> ".join(draw(st.lists(windows(), min_size=1, max_size=3)))
    if not depth:
        return chain
    inner = draw(steps(depth - 1))
    size = draw(st.sampled_from(["H", "H // 2", "(H + 1) // 2", "2 * (H // 2)", "H - 2", "H // 2 // 2"]))
    return draw(
        st.sampled_from(
            (
                chain,
                f"{chain}\nadd {{ | {inner} | _ }}",
                f"add {{ | {inner} | {chain} }}",
                f"down: maxpool(2)\n{inner}\nadd {{ | _ | down }}",
                f"maxpool(2) -> upsample(scale_factor=2)\nadd {{ | _ | in }}\n{chain}",
                f"concat {{ | {inner} | {chain} }} -> conv(2, 1)",
                f"concat(2) {{ | {inner} | {chain} }}",
                f"repeat 3 {{ {chain} }}",
                f"{chain}\nslice(0, 1, dim=1) -> slice(0, 1, dim=-1) -> flatten -> linear(3)",
                f"maxpool(2)\nlet s = _.shape[2]\n{inner}\nif s > 3 {{ relu }}",
                f"conv(2, 3, stride=2, padding=1)\n_ -> slice(0, {size}, dim=2)",
                f"mul {{ | _ | globalavgpool }} -> {chain}",
            )
        )
    )


@st.composite
def claims(draw: Any) -> Claim:
    axes = draw(st.sampled_from([("H",), ("H", "W")]))
    text = draw(st.lists(steps(), min_size=1, max_size=2))
    clauses: dict[str, None] = {}
    for axis in axes:
        m, a = draw(st.sampled_from([2, 3, 4, 8])), draw(st.integers(1, 20))
        forms = [f"{axis} % {m} == 0", f"{axis} % {m} == 1", f"{axis} >= {a}", f"{axis} >= 8", f"{axis} <= {a + 12}"]
        clauses |= dict.fromkeys(draw(st.lists(st.sampled_from(forms), max_size=2, unique=True)))
    if len(axes) == 2 and draw(st.integers(0, 4)) == 0:
        clauses["H == W"] = None
    return Claim(axes, "\n".join(text), tuple(clauses))


seen: Counter[str] = Counter()
"""How many were accepted, and how many refused for what, since a test began: one whose generator draws only one kind is
none."""


def test_what_is_claimed_for_all_sizes() -> None:
    seen.clear()
    _is_so_for_all_sizes()
    assert min(seen["accepted"], seen["a size"]) >= EXAMPLES // 10, seen
    assert seen["a reason"] >= 1


@settings(max_examples=EXAMPLES, **relaxed)
@given(claims())
def _is_so_for_all_sizes(claim: Claim) -> None:
    findings = refusal(claim.text)
    sizes = list(claim.allowed())
    if any("contradict" in finding.message for finding in findings):
        assert not sizes
        seen["contradiction"] += 1
    elif not findings:
        seen["accepted"] += 1
        _holds(claim, sizes)
    else:
        _fails(claim, sizes, findings)


def _holds(claim: Claim, sizes: list[dict[str, int]]) -> None:
    general = graph(claim.text)
    for some in sizes[:: max(1, len(sizes) // 12)]:
        special = graph(claim.fixed(some))
        at = general.at({symbol.name: some[symbol.name] for symbol in general.symbols})
        assert [node.type.sample for node in at.nodes] == [node.type.sample for node in special.nodes], some
        assert [node.type.at(some).sample for node in general.nodes] == [n.type.sample for n in special.nodes], some
        assert [port.type.sample for port, _ in at.outputs] == [port.type.sample for port, _ in special.outputs]


def _fails(claim: Claim, sizes: list[dict[str, int]], findings: tuple[Diagnostic, ...]) -> None:
    if any(reason in finding.message for finding in findings for reason in REASONS):
        seen["a reason"] += 1
        return
    seen["a size"] += 1
    assert any(refusal(claim.fixed(some)) for some in sizes), "refused, and with numbers right at every size"


def test_advice_helps() -> None:
    """The condition that a message names does away with what it complains of, and leaves sizes over."""
    seen.clear()
    _is_helped()
    assert seen["advice"] >= EXAMPLES // 10


@settings(max_examples=EXAMPLES, **relaxed)
@given(claims())
def _is_helped(claim: Claim) -> None:
    for _ in range(12):
        advised = [finding for finding in refusal(claim.text) if finding.where]
        if not advised:
            return
        seen["advice"] += 1
        assert advised[0].where is not None
        claim = claim._replace(clauses=(*claim.clauses, *map(str, advised[0].where.clauses)))
        again = refusal(claim.text)
        assert not any("contradict" in finding.message for finding in again), claim.text
        assert advised[0].message not in [finding.message for finding in again], claim.text
    pytest.fail("there is no end of advice")


@st.composite
def refusals(draw: Any) -> Claim:
    """Steps that need something of their sizes, behind others that change them; one on a line."""
    axes = draw(st.sampled_from([("H",), ("H", "W")]))
    size = draw(st.sampled_from(["H", "H // 2", "2 * (H // 2)", "H + 1", "2 * H", "4"]))
    before = draw(st.lists(windows(), max_size=2))
    merge = draw(st.sampled_from(["add", "mul", "concat", "concat(2)"]))
    last = draw(
        st.sampled_from(
            (
                "instancenorm",
                "groupnorm(1)",
                "groupnorm(2)",
                "pixelunshuffle(2)" if len(axes) == 2 else "relu",
                'pad(3, mode="reflect")',
                'conv(2, 3, padding=2, padding_mode="circular")',
                "convtranspose(2, 2, stride=2, padding=2)",
                "reshape(-1, 4, -1)",
                f"slice(0, {size}, dim=2)",
                "slice(1, -3, dim=2)",
                f"upsample(size={size})",
                f"upsample(size=[{size}, {axes[-1]}])" if len(axes) == 2 else "globalavgpool -> upsample(size=H)",
                f"pad([0, {size}])",
                f"if {size} > 6 {{ relu }}\nrelu",
                f"{merge} {{ | _ | in }}",
                f"{merge} {{ | maxpool(2) -> upsample(scale_factor=2) | _ }}",
                f"{merge} {{ | {draw(windows())} | _ }}",
                draw(windows()),
            )
        )
    )
    clauses = draw(
        st.lists(st.sampled_from([f"{axis} {ask}" for axis in axes for ask in ASKED]), max_size=2, unique=True)
    )
    text = "\n".join([*before, last])
    return Claim(axes, text.replace(" -> ", "\n-> ").replace(" | ", "\n| "), tuple(clauses))


ASKED = ("% 2 == 0", "% 4 == 1", ">= 2", ">= 7", "<= 9")


def test_only_where_is_true_of_every_size() -> None:
    """Where the condition holds, numbers are not refused at that place; where it does not, the spec is."""
    seen.clear()
    _is_only_where()
    assert seen["only where"] >= EXAMPLES // 2


@settings(max_examples=3 * EXAMPLES, **relaxed)
@given(refusals())
def _is_only_where(claim: Claim) -> None:
    said = [finding for finding in refusal(claim.text) if " only where " in finding.message]
    for finding in said:
        seen["only where"] += 1
        condition = finding.message.partition(" only where ")[2].partition(":")[0]
        for sizes in itertools.islice(claim.allowed(), 0, None, 1 if len(claim.axes) == 1 else 3):
            wrong = {other.primary.span.position[0] for other in refusal(claim.fixed(sizes))}
            meets = all(holds(clause, sizes) for clause in condition.split(", "))
            here = finding.primary.span.position[0] in wrong
            assert not here if meets else wrong, f"{finding.message}: not so at {sizes}"
