"""What the codes mean."""

import pytest

from specc.diagnostics import Code, SpecError, UsageError
from specc.elaborate import check_file
from specc.report import codes
from specc.source import Source
from specc.syntax import parse


@pytest.mark.parametrize("code", list(Code), ids=str)
def test_the_example_of_a_code_earns_that_code_and_no_other(code: Code) -> None:
    text = codes._ENTRIES[code].example
    if text is None:
        assert code is Code.UNREADABLE, "an example is a text that can be read"
        return
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("example.cnn", text)))
    assert [finding.code for finding in caught.value.diagnostics] == [code]
    shown = codes.meaning(code)
    assert shown is not None
    assert shown.startswith(f"{code}: {codes.meanings()[code]}\n\nerror[{code}]: ")
    assert all(len(line) <= 160 for line in shown.splitlines())


def test_what_is_no_code() -> None:
    assert codes.meaning("conv1") is None
    assert codes.meaning("s0104") == codes.meaning("S0104")
    with pytest.raises(UsageError, match="there is no code S9999; they go from S0001 to S0601"):
        codes.meaning("S9999")
