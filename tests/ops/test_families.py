"""Operators are found by name, each file loaded when one of its names is first asked for."""

import subprocess
import sys

import pytest

from specc import ops
from specc.ops import families as table
from specc.ops.__main__ import source
from specc.ops.families import FAMILIES
from specc.ops.registry import families, find, register


def test_the_table_is_that_of_the_operators() -> None:
    assert families() == FAMILIES, "make docs writes it"
    with open(table.__file__, encoding="utf-8") as file:
        assert file.read() == source()


def test_every_name_is_found() -> None:
    names = [name for op in ops.operators() for name in (op.kind, *op.aliases)]
    assert sorted(names) == [*ops.names()]
    for op in ops.operators():
        assert {find(name) for name in (op.kind, *op.aliases)} == {op}
    assert find("unheard") is None


def test_each_name_is_found_first() -> None:
    """In a process of its own, where nothing is loaded before: no family counts on another."""
    program = (
        "import sys\n"
        "from specc.ops import find\n"
        "from specc.ops.families import FAMILIES\n"
        "first = {family: name for name, family in reversed(FAMILIES.items())}\n"
        "for family, name in first.items():\n"
        "    for module in [module for module in sys.modules if module.startswith('specc.ops')]:\n"
        "        del sys.modules[module]\n"
        "    from specc.ops import find\n"
        "    assert 'specc.ops.' + family not in sys.modules\n"
        "    assert find(name).kind, name\n"
        "    assert 'specc.ops.' + family in sys.modules\n"
        "print(len(first))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(ended.stdout) == len(set(FAMILIES.values()))


def test_a_name_is_claimed_once() -> None:
    conv = find("conv")
    assert conv is not None
    with pytest.raises(ValueError, match="'conv' is claimed by Conv and Conv"):
        register(conv)
