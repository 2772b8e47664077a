"""A sweep from end to end: what is asked for, checked before it starts; then its variants, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.diagnostics import OptionError, SpecError, UsageError
from specc.elaborate import Checked, Imports, Template, choose, require_parameters
from specc.project.check import processors
from specc.project.settings import Configuration
from specc.project.workers import Lost, Work, results
from specc.report.reasons import FindingSummary
from specc.source import Source
from specc.sweeps.axes import Axis, axes_of
from specc.sweeps.conditions import condition, names, require_decision, require_names
from specc.sweeps.grid import MOST, Sample, VariantGrid, read_grid
from specc.sweeps.variant import WHEN, Question, Variant, VariantChecker, plain
from specc.syntax import parse, read
from specc.version import __version__

if TYPE_CHECKING:
    import pyarrow

    from specc.api import Model
    from specc.sweeps.grid import Settings

FEW = 32
"""Variants that one process checks before it asks others: a worker takes the time of three to start."""
_BATCH = 8
"""Variants that a worker is given at once."""

_Task = list[tuple[int, "Settings"]]


class Sweep:
    """The variants of a model: iterating checks them, and gives each as a `Variant`, in the order of the grid.

    Attributes:
        model: the name of the model.
        question: what is asked of each variant.
        grid: which variants there are.
        sources: the spec, and what it imports, as they were read.
    """

    def __init__(
        self,
        source: Source,
        model: str | None,
        grid: VariantGrid,
        question: Question,
        jobs: int | None = None,
        scheduler: str | None = None,
        how: str = "model=",
    ) -> None:
        """
        Args:
            jobs: how many processes check; as many as there are processors if left out.
            scheduler: the address of a Dask cluster that checks instead.
            how: as of `specc.elaborate.choose`.

        Raises:
            SpecError: no variant could fit, whatever its parameters.
            UsageError: no such model or parameter; a size that the contract does not have; jobs of a cluster.
        """
        if jobs is not None and scheduler is not None:
            raise OptionError(
                "jobs", "is how many processes of this machine check, and a scheduler has a cluster do it"
            )
        imports = Imports()
        file = parse(source)
        definition = choose(file, model, how)
        require_parameters(definition, [axis.name for axis in grid.axes])
        self._file = file
        self._template = Template(file, definition, imports)
        if self._template.findings:
            raise SpecError(self._template.findings)
        self.model = definition.name
        self.sources: tuple[Source, ...] = (source, *imports.read.values())
        self.grid = grid
        self.question = question
        self._jobs = jobs or processors()
        self._scheduler = scheduler
        if not grid.axes:
            has = ", ".join(param.name for param in definition.params) or "no parameter"
            raise UsageError(
                f"nothing to sweep: --set NAME=VALUES says which variants there are; {self.model} has {has}"
            )
        first = next(grid.variants(self._template))
        if question.where is not None:
            require_names(question.where, self._template, first)
        self.symbols: tuple[str, ...] = ()
        """The symbolic sizes that the first variant which fits asks for; none where none of the first few does."""
        if (found := self._first_network()) is None:
            return  # the variants say why
        settings, network = found
        self.symbols = tuple(symbol.name for symbol in network.graph.symbols)
        if question.at and {*self.symbols} != question.at.keys():
            network.at(question.at)  # which says what is missing, or too much
        if question.where is not None:
            with suppress(UsageError):  # this variant alone may not allow the sizes
                sized = network.at(question.at) if question.at else network
                require_decision(question.where, names(self._template, settings), sized)

    def _first_network(self) -> tuple[Settings, Checked] | None:
        """The first variant that fits, and its network; None where none of the first few does."""
        for settings in islice(self.grid.variants(self._template), FEW):
            with suppress(SpecError):
                return settings, self._template.elaborate(settings)
        return None

    @property
    def most(self) -> int:
        """How many variants there are at most: conditions may leave some out."""
        return self.grid.most

    def __iter__(self) -> Iterator[Variant]:
        return self.variants()

    def variants(self, begin: int = 0) -> Generator[Variant, None, None]:
        """The variants from one number on."""
        upcoming = islice(enumerate(self.grid.variants(self._template)), begin, None)
        checker = VariantChecker(self._template, self.question)
        few = self.most if self._jobs == 1 and self._scheduler is None else FEW
        for number, settings in islice(upcoming, few):
            yield checker.check(number, settings)
        following = next(upcoming, None)
        if following is not None or self._scheduler is not None:  # a cluster that is not there is told in any case
            rest = iter(()) if following is None else chain([following], upcoming)
            yield from self._by_workers(rest, checker)

    def _by_workers(self, upcoming: Iterator[tuple[int, Settings]], checker: VariantChecker) -> Iterator[Variant]:
        given: dict[int, _Task] = {}

        def tasks(size: int) -> Iterator[tuple[int, _Task]]:
            number = 0
            while batch := list(islice(upcoming, size)):
                given[number] = batch
                yield number, batch
                number += 1

        outcomes: Generator[tuple[int, list[Variant] | Lost], None, None]
        if self._scheduler is None:
            work: Work[_Task, Any] = Work(partial(_Batches, self._template, self.question), _as_it_is)
            outcomes = results(tasks(_BATCH), work, self._jobs)
        else:
            from specc.sweeps import cluster

            outcomes = cluster.results(self._scheduler, tasks(cluster.BATCH), self._template, self.question)
        done: dict[int, list[Variant]] = {}
        next_number = 0
        with closing(outcomes) as found:
            for number, result in found:
                batch = given.pop(number)
                # What a process had that was killed is checked here: nothing is lost, and nothing comes twice.
                done[number] = [checker.check(*one) for one in batch] if isinstance(result, Lost) else result
                while next_number in done:
                    yield from done.pop(next_number)
                    next_number += 1

    def candidate(self, number: int, settings: Settings) -> tuple[Variant, Model | None]:
        """A variant of settings that may stand in no grid, checked; and its model, where it is kept."""
        if not self.grid.meets(settings, self._template):
            values = {name: plain(value) for name, value in settings.items()}
            met = " and ".join(condition.text for condition in self.grid.conditions)
            return Variant(number, values, None, {}, (FindingSummary(WHEN, f"does not meet {met}", ""),), False), None
        variant = VariantChecker(self._template, self.question).check(number, settings)
        return variant, self._model(settings) if variant.kept else None

    def _model(self, settings: Settings) -> Model:
        from specc.api import Model

        name = self.sources[0].name
        spec = None if name == "<stdin>" else Path(name).absolute()
        return Model(self._template.elaborate(settings), file=self._file, spec=spec, arguments=settings)

    def models(self, numbers: Collection[int]) -> Iterator[tuple[int, Model]]:
        """The variants of these numbers, which fit, as models; in order."""
        left = set(numbers)
        for number, settings in enumerate(self.grid.variants(self._template)):
            if not left:
                return
            if number in left:
                left.remove(number)
                yield number, self._model(settings)

    def to_arrow(self) -> pyarrow.Table:
        """All variants, checked, as a table with the fields of ``variants.jsonl``.

        Raises:
            MissingDependency: pyarrow is not installed.
        """
        from specc.sweeps.arrow import arrow_table

        return arrow_table(self.grid.axes, self.question, self)

    def description(self) -> dict[str, Any]:
        """What the results depend on, for a file beside them: two sweeps of one description have the same results."""
        sample, question = self.grid.sample, self.question
        texts = "".join(f"{len(source.text)} {source.text}" for source in self.sources)
        return {
            "specc": __version__,
            "spec": self.sources[0].name,
            "sha256": hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest(),
            "model": self.model,
            "set": {axis.name: axis.written for axis in self.grid.axes},
            "when": [one.text for one in self.grid.conditions],
            "sample": sample and sample._asdict(),
            "at": dict(question.at),
            "where": question.where and question.where.text,
            "budget": question.budget and {limit.number: limit.most for limit in question.budget.limits},
        }

    def changed(self) -> str | None:
        """The path of a file that is not any more what it was when it was read."""
        for source in self.sources:
            try:
                if source.name != "<stdin>" and read(source.name).text != source.text:
                    return source.name
            except (UsageError, SpecError):
                return source.name
        return None


class _Batches:
    """Checks variants in a worker."""

    def __init__(self, template: Template, question: Question) -> None:
        self._checker = VariantChecker(template, question)

    def __call__(self, task: _Task) -> list[Variant]:
        return [self._checker.check(number, settings) for number, settings in task]


def _as_it_is() -> Any:
    return lambda message: message


def sweep(
    spec: str | Path,
    grid: Mapping[str, Any] | str | Path,
    /,
    *,
    model: str | None = None,
    when: str | Sequence[str] = (),
    where: str | None = None,
    at: Mapping[str, int] | None = None,
    random: int | None = None,
    latin: int | None = None,
    seed: int | None = None,
    limit: int = MOST,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> Sweep:
    """Check many variants of a model. What it gives is iterated over: typed results (`Variant`), in order.

    Args:
        spec: the path of a spec.
        grid: by parameter a list of values, a ``range``, or a text such as ``"16,32"``, ``"2..6"``, ``"16..256:x2"``;
            or the path of a YAML or TOML file with ``set`` and ``when``. Texts in a list are read as the language
            writes values: ``["relu", "gelu"]`` are layers.
        model: which model of the file.
        when: conditions on parameters: other combinations are no variants.
        where: a condition on networks, as an assert has it: the others are not ``kept``.
        at: values of the contract's symbolic sizes.
        random, latin: draw so many variants, at random or as a Latin hypercube.
        seed: of the draws; 0 if left out.
        limit: how many variants there may be.
        jobs: how many processes; as many as there are processors if left out.
        scheduler: the address of a Dask cluster whose workers check instead: ``tcp://host:8786``.

    Raises:
        SpecError: the spec is wrong whatever its parameters are; a condition cannot be read.
        UsageError: no such file, model or parameter; more variants than the limit; no variant.
    """
    conditions = [when] if isinstance(when, str) else list(when)
    if isinstance(grid, Mapping):
        axes = axes_of(grid)
    else:
        described = read_grid(str(grid))
        axes = axes_of(described.values, f"{grid}: ")
        conditions = [*described.when, *conditions]
    path = str(spec)
    return Sweep(
        read(path),
        model,
        grid_of(axes, conditions, random, latin, seed, limit),
        Question(dict(at or {}), None if where is None else condition(where, "--where"), budget_of(path)),
        jobs,
        scheduler,
    )


def grid_of(
    axes: Mapping[str, Axis],
    when: Sequence[str],
    random: int | None,
    latin: int | None,
    seed: int | None,
    limit: int,
) -> VariantGrid:
    """Raises UsageError where options contradict each other; as `VariantGrid` does."""
    if random is not None and latin is not None:
        raise OptionError(
            "random", "draws variants at random, and latin as a Latin hypercube: leave out one of the two"
        )
    number = random if latin is None else latin
    if number is None and seed is not None:
        raise OptionError("seed", "is where draws begin, and nothing is drawn: say how many, random or latin")
    if number is not None and number < 1:
        raise UsageError(f"at least one variant is drawn, not {number}")
    sample = None if number is None else Sample(number, latin is not None, seed or 0)
    return VariantGrid([*axes.values()], [condition(text, "--when") for text in when], sample, limit)


def budget_of(spec: str, files: Configuration | None = None) -> Any:
    """What the settings of a spec let a network cost."""
    return (files or Configuration()).of(spec).budget(spec)
