"""The results of a sweep as an Arrow table, and as a Parquet file that is written row group by row group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.atomic import replace
from specc.diagnostics import MissingDependency, UsageError
from specc.sweeps.axes import Axis
from specc.sweeps.results import row
from specc.sweeps.variant import Question, Variant, shown

if TYPE_CHECKING:
    import pyarrow

_ROWS = 10_000
"""Of a row group: as many as are in memory at once."""


def arrow_table(axes: Sequence[Axis], question: Question, variants: Iterable[Variant]) -> pyarrow.Table:
    """Variants with the columns of `specc.sweeps.results.row`.

    Raises:
        MissingDependency: pyarrow is not installed.
        UsageError: a number that no 64 bits hold.
    """
    schema = _schema(axes, question)
    return _arrow().Table.from_batches(list(_batches(axes, variants, schema)), schema)


@contextmanager
def parquet_file(path: Path, axes: Sequence[Axis], question: Question) -> Iterator[Parquet]:
    """A Parquet file that is there as a whole when the body has ended, or not at all.

    Raises:
        MissingDependency, UsageError: as `arrow_table`; it cannot be written.
    """
    schema = _schema(axes, question)
    from pyarrow import parquet

    with replace(path) as file, parquet.ParquetWriter(file, schema) as writer:
        rows = Parquet(axes, schema, writer)
        yield rows
        rows.flush()


def add_latencies(path: Path, medians: Mapping[int, float]) -> None:
    """Give a Parquet file of variants a column ``latency``, in milliseconds; null where none was measured."""
    from pyarrow import parquet

    pa = _arrow()
    field = pa.field("latency", pa.float64())
    with (
        replace(path) as output,
        parquet.ParquetFile(path) as file,
        parquet.ParquetWriter(output, file.schema_arrow.append(field)) as writer,
    ):
        for place in range(file.num_row_groups):
            rows = file.read_row_group(place)
            column = [medians.get(number) for number in rows.column("variant").to_pylist()]
            writer.write_table(rows.append_column(field, pa.array(column, field.type)))


class Parquet:
    """Rows on their way to a Parquet file."""

    def __init__(self, axes: Sequence[Axis], schema: Any, writer: Any) -> None:
        self._axes = axes
        self._schema = schema
        self._writer = writer
        self._rows: list[Variant] = []

    def add(self, variant: Variant) -> None:
        self._rows.append(variant)
        if len(self._rows) == _ROWS:
            self.flush()

    def flush(self) -> None:
        for batch in _batches(self._axes, self._rows, self._schema):
            self._writer.write_batch(batch)
        self._rows.clear()


def _arrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise MissingDependency("an Arrow table or a Parquet file", "pyarrow", "sweep") from None
    return pyarrow


def _batches(axes: Sequence[Axis], variants: Iterable[Variant], schema: Any) -> Iterator[Any]:
    pa = _arrow()
    texts = {axis.name for axis in axes if _type(axis) == pa.string()}
    upcoming = iter(variants)
    while some := list(islice(upcoming, _ROWS)):
        rows = []
        for variant in some:
            rows.append(table := row(variant))
            for name in texts & table["settings"].keys():
                value = table["settings"][name]
                table["settings"][name] = None if value is None else shown(value)
        try:
            yield pa.RecordBatch.from_pylist(rows, schema)
        except (OverflowError, pa.ArrowInvalid) as error:
            numbers = f"variants {some[0].number:,} to {some[-1].number:,}"
            message = f"among {numbers} is a number beyond 64 bits, which JSON has and Arrow has not: {error}"
            raise UsageError(message) from None


def _schema(axes: Sequence[Axis], question: Question) -> Any:
    pa = _arrow()
    whole, text = pa.int64(), pa.string()
    limits = question.budget.limits if question.budget else ()
    reasons = pa.struct([("code", text), ("message", text), ("place", text)])
    return pa.schema(
        [
            ("variant", whole),
            ("settings", pa.struct([(axis.name, _type(axis)) for axis in axes])),
            ("fits", pa.bool_()),
            ("kept", pa.bool_()),
            *((name, whole) for name in ("params", "trainable_params", "macs", "activation_memory", "peak_memory")),
            ("receptive_field", pa.list_(whole)),
            ("depth", whole),
            # Parquet has no structures without a field.
            *([("margins", pa.struct([(limit.number, whole) for limit in limits]))] if limits else []),
            ("reasons", pa.list_(reasons)),
        ]
    )


def _type(axis: Axis) -> Any:
    """Of a column: values of several kinds, layers and lists are texts, as a table shows them."""
    pa = _arrow()
    kinds = axis.kinds - {type(None)}
    for kind, type_ in ((int, pa.int64()), (bool, pa.bool_())):
        if kinds == {kind}:
            return type_
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()
