"""The compiler from end to end: load a spec, ask it, write it, prove it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from specc.analyses import Costs
from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate import Checked, Imports, choose, elaborate
from specc.elaborate.values import literal
from specc.filesystem import DISK, FileSystem, Memory
from specc.ir.graph import Graph
from specc.ir.symbols import Symbol
from specc.ir.targets import DEFAULT_OPSET
from specc.options import (
    QUICK,
    ProofOptions,
    WeightOptions,
    model_arguments,
    onnx_options,
    proof_of_output,
    require_suffix,
)
from specc.syntax import ast, parse, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from specc.onnxfile import OnnxFile
    from specc.options import Labels, WeightSource
    from specc.verify.result import Parity, Progress, Tolerance
    from specc.weights import Weights


def load(path: str | Path, /, *, model: str | None = None, **params: Any) -> Model:
    """Read and check one model of a spec file.

    Args:
        path: a `.cnn` file.
        model: which model of the file; not needed where it holds one.
        **params: values of the model's parameters, as ``--set`` gives them; lists may be nested.

    Raises:
        SpecError: the spec is wrong; ``error.diagnostics`` holds every independent mistake.
        UsageError: no such file, model or parameter.
    """
    # Absolute: the program may go to another folder before it asks for what the settings of the spec say.
    with _shown_in_tracebacks():
        return _loaded(parse(read(path)), DISK, Path(path).absolute(), model, params)


def loads(
    text: str,
    /,
    *,
    name: str = "net.cnn",
    files: Mapping[str, str] | None = None,
    model: str | None = None,
    **params: Any,
) -> Model:
    """Check one model of a spec that is a text. Nothing is read from the disk, for an editor or a browser.

    What takes a path (`Model.to_onnx`, `Model.save_weights`, a file of weights) uses the disk as ever; all else that a
    model can do needs none.

    Args:
        name: the path of the spec, which findings show and imports start from; .yaml, .yml or .json make it YAML.
        files: the other files that there are, by path: what is imported, and ``specc.toml`` with its settings.
        model: as in `load`.
        **params: as in `load`.

    Raises:
        SpecError: the spec is wrong, or imports what is not among ``files``.
        UsageError: no such model or parameter; a path that climbs or is absolute.
    """
    memory = Memory({**(files or {}), name: text})
    with _shown_in_tracebacks():
        return _loaded(parse(read(name, memory)), memory, Path(memory.absolute(name)), model, params)


@contextmanager
def _shown_in_tracebacks() -> Iterator[None]:
    """Findings with their lines and helps below the traceback: in a notebook nobody would see them else."""
    try:
        yield
    except SpecError as error:
        from specc.report.snippets import render

        error.add_note("\n" + render(error.diagnostics))
        raise


def from_torch(
    module: nn.Module,
    inputs: Any,
    path: str | Path | None = None,
    *,
    verify: bool = True,
    proof: str | None = None,
) -> Model:
    """The network of a PyTorch module as a spec, proven to compute the same; parameters keep the module's names.

    The module is traced by ``torch.export`` as it runs in eval mode, and is as it was afterwards.

    Args:
        inputs: tensors as examples, whose batch stays open; or shapes, in which names stay open:
            ``"[N, 3, 224, 224]"``, ``("N", 3, "H", "W")``; of several inputs a list.
        path: where the spec goes, a `.cnn` file, with the weights beside it as safetensors. None: nothing is written;
            ``weights=module`` then gives the model the module's numbers.
        verify: False: without proof.
        proof: "quick" (if left out) or "full".

    Raises:
        ParityError: the spec's network is not the module's; nothing was written.
        MissingDependency: torch is not installed.
        UsageError: something in the module cannot be said: every call at fault by name and module.
    """
    from specc.importing.from_torch.delivery import import_module
    from specc.report.proof_wording import failed_module

    run = proof_of_output(verify, "cpu", proof, None)
    if path is None:
        return loads(import_module(module, inputs, None, run, failed_module).spec.text)
    require_suffix(path, "cnn")
    spec = Path(path)
    import_module(module, inputs, (spec, spec.with_suffix(".safetensors")), run, failed_module)
    return load(spec)


def _loaded(file: ast.File, files: FileSystem, spec: Path, model: str | None, params: Mapping[str, Any]) -> Model:
    arguments = model_arguments(params)
    checked = elaborate(file, choose(file, model), arguments, Imports(files))
    return Model(checked, file=file, spec=spec, arguments=arguments, files=files)


class Model:
    """A checked network. Costs are of one sample; sizes in elements, memory in bytes of float32."""

    def __init__(
        self,
        checked: Checked,
        *,
        file: ast.File | None = None,
        spec: Path | None = None,
        arguments: Mapping[str, Any] | None = None,
        files: FileSystem = DISK,
    ) -> None:
        """
        Args:
            file: the file that it is a model of.
            spec: the absolute path of its file, from whose folder its settings are found; None: it has none.
            arguments: the parameters that were given a value.
            files: where its file is.
        """
        self._checked = checked
        self._file = file
        self._spec = spec
        self._arguments = arguments or {}
        self._files = files

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def graph(self) -> Graph:
        """The typed steps, in topological order."""
        return self._checked.graph

    @property
    def costs(self) -> Costs:
        """The numbers of every step."""
        return self._checked.costs

    @property
    def params(self) -> int:
        """Elements of all parameters; running statistics are no parameters."""
        return self.costs.params

    @property
    def trainable_params(self) -> int:
        """Elements of the parameters that are not frozen."""
        return self.costs.trainable_params

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample. Raises UsageError where they depend on symbolic sizes; see `at`."""
        return self._sized("macs", self.costs.macs)

    @property
    def activation_memory(self) -> int:
        """Bytes of the results of all steps for one sample. Raises as `macs` does."""
        return self._sized("activation_memory", self.costs.activation_memory)

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Input elements that an element of the output depends on, per spatial axis of the input.

        None where no window describes it. Raises as `macs` does.
        """
        self._sized("receptive_field", None if self.symbols else 0)
        return self.costs.receptive_field

    def _sized(self, what: str, number: int | None) -> int:
        if number is not None:
            return number
        sizes = ", ".join(f"{symbol.name}=…" for symbol in self.symbols)
        raise UsageError(f"{what} of {self.name} depends on its sizes: ask for model.at({sizes}).{what}")

    @property
    def depth(self) -> int:
        """Convolutional and fully connected layers on the longest path."""
        return self.costs.depth

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbolic sizes of its inputs (but for the batch), each with the values that the contract allows."""
        return self.graph.symbols

    def at(self, **sizes: int) -> Model:
        """The network at given sizes: the same steps and weights, every cost a number.

        Args:
            **sizes: a value for every symbolic size of the contract: ``H=224, W=224``.

        Raises:
            UsageError: a size is missing, is none of the contract, or is not allowed by it.
        """
        checked = self._checked.at(sizes)
        return Model(checked, file=self._file, spec=self._spec, arguments=self._arguments, files=self._files)

    def __repr__(self) -> str:
        from specc.report.notation import interface

        return f"<specc model {self.name} : {interface(self.graph)}, {self.params:,} parameters>"

    def summary(self) -> str:
        """The table of `specc show`, as plain text."""
        from specc.report.costs import summary

        return summary(self.costs)

    def lint(self) -> tuple[Diagnostic, ...]:
        """What `specc check` warns of in the model and its file, whatever comments and settings ignore of it."""
        from specc.lint import lint

        return () if self._file is None else tuple(lint(self._file, (self._checked,)))

    def _written_arguments(self) -> dict[str, str]:
        """The parameters that were given a value, as the language writes them."""
        return {name: literal(value) for name, value in self._arguments.items()}

    def draw(
        self,
        path: str | Path,
        *,
        depth: int = 1,
        theme: Literal["auto", "light", "dark"] | None = None,
        field: str | None = None,
    ) -> None:
        """Draw the network: .svg and .png by Graphviz, .md as a Mermaid flowchart.

        Args:
            depth: how deep blocks are opened: at 1 each outermost one is a box.
            theme: the colours of .svg and .png; "auto" if left out: the reader's own, light in .png.
            field: a place of a step, ``"conv2[6, 6]"``, or ``"conv2"`` for its middle: what it sees of every value is
                marked.

        Raises:
            UsageError: another name; too many boxes; no font for a .png; the file cannot be written; no such place, or
                symbolic sizes with ``field`` (see `at`).
            MissingDependency: Graphviz or the renderer is not installed.
        """
        from specc.drawing import draw

        draw(self.graph, Path(path), depth=depth, theme=theme, field=field)

    def matrix(
        self, step: str, *, seed: int | None = None, weights: WeightSource | None = None, match: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A linear step as ``W @ x + b``, for the elements ``x`` of a sample in row-major order.

        Args:
            step: its path, as in ``specc explain``.
            seed, weights, match: as in `to_torch`.

        Returns:
            W, of shape (elements of the result, elements of the input), and b, one number for each row, which
            is 0 where the step has no bias.

        Raises:
            UsageError: there is no such step, or it is not linear; its sizes are symbolic (see `at`); W is too large;
                the weights do not fit.
        """
        from specc.report.matrices import matrix_of, require_dense
        from specc.weights.dense import dense

        matrix = matrix_of(self.graph, step)
        require_dense(matrix)
        return dense(matrix, self._read(WeightOptions(seed, weights, match)))

    def torch_source(self) -> str:
        """A PyTorch module of its own, as Python source that does not need specc."""
        from specc.backends.torch import torch_source

        return torch_source(self.graph, self._written_arguments())

    def to_torch(
        self, *, seed: int | None = None, weights: WeightSource | None = None, match: str | None = None
    ) -> nn.Module:
        """The live module of exactly `torch_source`, in eval mode.

        Where the contract says uint8 it takes bytes, and casts them to the type of its weights.

        Args:
            seed: the weights are drawn from it, as PyTorch initialises each layer; 0 if left out.
            weights: where to take them from instead: the path of a file (safetensors, .npz or a PyTorch state
                dict); a state dict in memory, of tensors or of NumPy arrays; a module, whose state dict it is; or what
                `weights` has made of one. What is in memory is copied as it is now. A prefix before every name
                (``module.``, ``net.``) is left out where all fits without it, with a warning that says so.
            match: how the tensors are found: by "name" (if left out), or by "order" and shape.

        Raises:
            MissingDependency: torch is not installed.
            UsageError: the weights do not fit.
        """
        from specc.backends.torch import torch_module

        source = self._read(WeightOptions(seed, weights, match))
        return torch_module(self.graph, source, self._written_arguments())

    def to_onnx(
        self,
        path: str | Path,
        *,
        seed: int | None = None,
        weights: WeightSource | None = None,
        match: str | None = None,
        opset: int = DEFAULT_OPSET,
        runs_on: str | Sequence[str] = (),
        functions: bool = False,
        verify: bool = True,
        proof: str | None = None,
        provider: str = "cpu",
        sidecar: bool = True,
        labels: Labels | None = None,
        progress: Progress | None = None,
        save_weights: str | Path | None = None,
    ) -> Parity | None:
        """Write the model as ONNX, weights inside, and prove it equal to PyTorch.

        Above protobuf's 2 GB the weights go to a file beside it, named after their content.
        Beside ``lenet.onnx`` comes ``lenet.specc.json``, which says what an application must know.
        Both are replaced only when the whole is written and proven.

        Args:
            seed, weights, match: as in `to_torch`.
            opset: 18 to 23.
            runs_on: the runtimes that the file must run on, "onnxruntime>=1.16" or several such: every release
                of them that specc is tested with. A proof in another one is noted.
            functions: keep the spec's blocks as ONNX local functions, instead of one flat graph.
            verify: False writes without proof.
            proof: "quick" (if left out) or "full": how much the proof runs, as docs/proof.md says.
            provider: "cpu" or "cuda": where the proof runs.
            sidecar: False leaves out the file beside it.
            labels: what each channel of the output stands for, for the sidecar; of several outputs a mapping by name,
                ``{"scores": ["cat", "dog"]}``.
            progress: as in `verify`.
            save_weights: write the weights as safetensors here too; put in place with the model, or not at all.

        Returns:
            The proof, or None without one.

        Raises:
            ParityError: the proof failed; ``path`` is as it was.
            MissingDependency, UsageError: torch, onnxruntime or CUDA is missing; ``path`` cannot be written; the
                labels do not fit; ``runs_on`` asks for what is not tested, or does not read such a file.
        """
        from specc.bundle.delivery import Delivery, deliver_onnx
        from specc.project.settings import Configuration
        from specc.report.proof_wording import failed

        options = onnx_options(opset=opset, runs_on=runs_on, functions=functions, sidecar=sidecar, labels=labels)
        run = proof_of_output(verify, provider, proof, progress)
        require_suffix(path, "onnx")
        source = self._read(WeightOptions(seed, weights, match))
        budget = None
        if sidecar and self._spec is not None:  # what its own settings allow; the program's folder has no say
            spec = str(self._spec)
            budget = Configuration(files=self._files).of(spec).budget(spec)
        arguments = self._written_arguments()
        saved = None if save_weights is None else Path(save_weights)
        return deliver_onnx(Delivery(self._checked, source, Path(path), options, run, arguments, budget, failed, saved))

    def verify(
        self,
        onnx: str | Path | OnnxFile | None = None,
        *,
        seed: int | None = None,
        weights: WeightSource | None = None,
        match: str | None = None,
        proof: str | None = None,
        provider: str = "cpu",
        tf32: bool = False,
        opset: int | None = None,
        tolerance: Tolerance | None = None,
        rename: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Parity:
        """Prove an ONNX model equal to PyTorch, step by step and as a whole.

        Args:
            onnx: the file to judge; None: the one that `to_onnx` would write.
            seed, weights, match: what its weights must be, as in `to_torch`. None: the file's own (or those of
                seed 0).
            proof: "quick" (if left out) or "full".
            provider: "cpu" or "cuda".
            tf32: let CUDA round the factors of products to TF32, and allow for it.
            tolerance: what judges, in place of the bounds that the arithmetic sets.
            rename: what inputs and outputs of the file are called in the spec: ``{"input.1": "image"}``. Needed where
                their places and shapes do not say it.
            progress: called with what is being done, how much of the whole is done, and how much there is, in
                milliseconds of a usual machine; 0 of 0 before that is known.

        Raises:
            ParityError: the weights in the file do not fit the spec.
            MissingDependency, UsageError: torch, onnxruntime or CUDA is missing; the file is unreadable.
        """
        from specc.onnxfile import OnnxFile, weights_of
        from specc.verify.parity import verify, verify_emitted

        run = ProofOptions(provider, tf32, tolerance, rename or {}, progress, proof or QUICK)
        options = WeightOptions(seed, weights, match)
        if onnx is None:
            if rename:
                command = "specc verify SPEC FILE.onnx --rename NAME=NAME"
                raise UsageError(f"rename is for a file from elsewhere, as in {command}")
            source = self._read(options)
            return verify_emitted(self.graph, source, opset=opset or DEFAULT_OPSET, **run.run())
        if opset is not None:
            raise UsageError("opset says how a model is written, and this one is written already")
        file = onnx if isinstance(onnx, OnnxFile) else OnnxFile(Path(onnx))
        source = weights_of(file, self.graph) if options.is_empty else self._read(options)
        return verify(self.graph, file, source, rename=run.rename, **run.run())

    def _read(self, options: WeightOptions) -> Weights:
        """The weights; what should be known of how they were found is a warning of the caller's line."""
        from specc.weights import LoadedWeights

        source = options.read(self.graph.state)
        if isinstance(source, LoadedWeights) and source is not options.weights:
            for said in source.said:
                warnings.warn(said, stacklevel=3)
        return source

    def weights(
        self, *, seed: int | None = None, file: WeightSource | None = None, match: str | None = None
    ) -> Weights:
        """The numbers of the model: from ``seed`` (0 if nothing is given), or from a file or a state dict.

        Args:
            seed: 0 to 2^63 - 1.
            file: safetensors, .npz or a PyTorch state dict, the content tells which; or a state dict or module in
                memory. The result's ``notes`` say what should be known of how its tensors were found.
            match: "name" (if left out), or "order": the file's tensors are the model's in the order of the
                state dict, and every shape agrees.

        Raises:
            UsageError: it does not hold exactly the model's tensors; all differences are listed.
            MissingDependency: it is a PyTorch file, and torch is not installed.
        """
        return WeightOptions(seed, file, match).read(self.graph.state)

    def save_weights(
        self,
        path: str | Path,
        *,
        seed: int | None = None,
        weights: WeightSource | None = None,
        match: str | None = None,
    ) -> None:
        """Write the weights as safetensors, under the names of the PyTorch module's state dict.

        Args:
            seed, weights, match: as in `to_torch`.
        """
        from specc.bundle.delivery import deliver_weights

        source = self._read(WeightOptions(seed, weights, match))
        deliver_weights(Path(path), self.graph.state, source)
