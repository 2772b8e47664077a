"""Trains a network of a spec, and compiles what came out to ONNX.

    python examples/train/train.py                                       scikit-learn's digits, in half a minute
    python examples/train/train.py --data shapes                         birds and planes that the program draws
    python examples/train/train.py --data ~/mnist --epochs 12            MNIST's four files, in minutes
    python examples/train/train.py --resume build/train/last.ckpt ...    goes on where it was stopped
    python examples/train/train.py --devices 2                           on two GPUs, or by two processes

Each epoch ends with a checkpoint, last.ckpt. At the end the ONNX file and its sidecar stand beside it, proven equal to
PyTorch, and what both make of the test images is printed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import lightning
import numpy as np
import onnxruntime
import torch
from checkpoints import CheckpointError, WholeCheckpoints
from classifier import Batches, Classifier
from data import Bytes, Data, DataError, digits, idx_folder, shapes
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from numpy.typing import NDArray
from torch import nn

import specc

HERE = Path(__file__).parent
INTERRUPTED, TERMINATED = 130, 143
"""The exit codes of a program that Ctrl-C or SIGTERM has ended."""
REFUSALS = (
    specc.SpecError,
    specc.UsageError,
    specc.ParityError,
    DataError,
    CheckpointError,
    FloatingPointError,
    OSError,
    MisconfigurationException,
    ModuleNotFoundError,
)
"""What says in its message all that whoever started the program needs."""


class Options(argparse.Namespace):
    data: str
    spec: Path
    out: Path
    resume: Path | None
    epochs: int
    batch: int
    lr: float
    seed: int
    accelerator: str
    devices: int
    nodes: int


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments, Options())
    try:
        run(options)
    except REFUSALS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before training, or behind it
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Trains a network of a spec, and compiles what came out to ONNX.")
    made.add_argument("--data", default="digits", help="digits, shapes, or a folder with MNIST's four files")
    made.add_argument("--spec", type=Path, help="lenet.cnn if left out, with shapes birds.cnn")
    made.add_argument("--out", type=Path, default=Path("build/train"), help="folder for what is written")
    made.add_argument("--resume", type=Path, metavar="CKPT", help="a checkpoint of the same run")
    made.add_argument("--epochs", type=positive, default=10)
    made.add_argument("--batch", type=positive, default=64, help="images in a batch of each process")
    made.add_argument("--lr", type=above_zero, default=2e-3, help="learning rate of the first epoch; falls by a cosine")
    made.add_argument("--seed", type=whole, default=1)
    made.add_argument("--accelerator", choices=("auto", "cpu", "gpu", "cuda", "mps", "tpu"), default="auto")
    made.add_argument("--devices", type=positive, default=1, help="GPUs, or processes, of each machine")
    made.add_argument("--nodes", type=positive, default=1, help="machines")
    return made


def whole(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not 0, 1, 2 and so on, below {2**32:,}")
    return int(text)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1, 2, 3 and so on")
    return int(text)


def above_zero(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) < float("inf"):
            return number
    raise argparse.ArgumentTypeError(f"{text} is no number above 0")


def run(options: Options) -> None:
    spec = options.spec or HERE / ("birds.cnn" if options.data == "shapes" else "lenet.cnn")
    model = specc.load(spec)
    data = read(options.data, model)
    if (processes := options.devices * options.nodes) > len(data.train):
        raise DataError(f"{processes:,} processes would share {len(data.train):,} images")
    checkpoint = options.out / "last.ckpt"
    if options.resume:
        model.weights(file=options.resume)  # those of another network are refused here, tensor by tensor
    if checkpoint.exists() and not (options.resume and checkpoint.samefile(options.resume)):
        raise CheckpointError(
            f"{checkpoint} is of an earlier run: --resume {checkpoint} goes on with it, another --out keeps both"
        )
    try_to_write(options.out)
    settings = {name: getattr(options, name) for name in ("epochs", "batch", "lr", "seed")}
    settings["images"] = len(data.train)
    classifier = Classifier(model.to_torch(seed=options.seed), settings)
    trainer = fit(classifier, Batches(data.train, options.batch, options.seed), options, checkpoint)
    if trainer.is_global_zero:
        last = checkpoint if checkpoint.exists() else options.resume  # of a run that was at its end already
        assert last is not None
        deliver(model, classifier.network, data, last, options.out / f"{spec.stem}.onnx")


def try_to_write(folder: Path) -> None:
    """Raises CheckpointError now, and not when the first epoch is over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise CheckpointError(f"cannot write into {folder}: {error.strerror}") from error


def read(name: str, model: specc.Model) -> Data:
    """Raises DataError where the data are not what the model takes and tells apart."""
    if len(model.graph.inputs) != 1 or len(model.graph.outputs) != 1:
        raise DataError(f"{model.name} takes or gives several values; here it is one image, and a score for each class")
    (image,), ((scores, _),) = model.graph.inputs, model.graph.outputs
    match name:
        case "digits":
            data = digits()
        case "shapes":
            data = shapes()
        case _:
            data = idx_folder(Path(name).expanduser())
    images = data.train.pixels.shape[1:]
    if (image.dtype, image.type.sample, scores.type.sample) != ("uint8", images, (len(data.labels),)):
        sizes = ", ".join(map(str, images))
        raise DataError(
            f"{model.name} is {image.declaration} -> {scores.declaration}, and these images need "
            f"uint8 [N, {sizes}] -> [N, {len(data.labels)}]"
        )
    return data


class Terminated(KeyboardInterrupt):
    """SIGTERM has ended the run, as Ctrl-C does."""


class TerminatedBySignal(lightning.Callback):
    """In place of Lightning's own handler: with that, several processes wait for each other, and never end."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        def terminate(*_: object) -> None:
            raise Terminated

        signal.signal(signal.SIGTERM, terminate)  # Lightning puts back what was before


def fit(classifier: Classifier, batches: Batches, options: Options, checkpoint: Path) -> lightning.Trainer:
    """Train, or go on. Ctrl-C and SIGTERM end the program; the checkpoint is that of the last whole epoch."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")  # the images are in memory
    warnings.filterwarnings("ignore", ".*exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated.*")  # Lightning 2.6 asks as of an older torch
    saving = ModelCheckpoint(
        checkpoint.parent, checkpoint.stem, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = lightning.Trainer(
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        max_epochs=options.epochs,
        callbacks=[saving, TerminatedBySignal()],
        plugins=[WholeCheckpoints()],
        use_distributed_sampler=False,  # Batches has one
        deterministic="warn",
        logger=False,
        enable_model_summary=False,  # specc show says more
        num_sanity_val_steps=0,
    )
    try:
        trainer.fit(classifier, batches, ckpt_path=options.resume)
    except SystemExit as stop:  # what Lightning makes of both
        if trainer.is_global_zero:
            on = f"--resume {checkpoint} goes on with it" if checkpoint.exists() else "no epoch was whole"
            print(f"stopped in epoch {trainer.current_epoch + 1} of {options.epochs}: {on}", file=sys.stderr)
        raise SystemExit(TERMINATED if isinstance(stop.__context__, Terminated) else INTERRUPTED) from None
    return trainer


def deliver(model: specc.Model, network: nn.Module, data: Data, checkpoint: Path, onnx: Path) -> None:
    """Compile the checkpoint, and set what its ONNX file answers beside what the trained network does."""
    weights = model.weights(file=checkpoint)
    model.to_onnx(onnx, weights=weights, labels=data.labels)  # raises ParityError where it is not equal to PyTorch
    print(f"{onnx}: proven equal to PyTorch")
    tests = data.test
    theirs, ours = answers_of_torch(network, tests.pixels), answers_of_onnx(onnx, tests.pixels)
    shares = [
        f"{name} {(answers == tests.classes).mean():.2%}" for name, answers in (("PyTorch", theirs), ("ONNX", ours))
    ]
    same = int((theirs == ours).sum())
    print(f"accuracy on {len(tests):,} test images: {', '.join(shares)}; {same:,} answers are the same")


def answers_of_torch(network: nn.Module, pixels: Bytes) -> NDArray[np.int64]:
    network.eval()
    with torch.inference_mode():
        return np.concatenate([network(torch.from_numpy(part)).argmax(1).numpy() for part in portions(pixels)])


def answers_of_onnx(path: Path, pixels: Bytes) -> NDArray[np.int64]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: part})[0].argmax(1) for part in portions(pixels)])


def portions(pixels: Bytes) -> list[Bytes]:
    return [pixels[start : start + 1000] for start in range(0, len(pixels), 1000)]


if __name__ == "__main__":
    sys.exit(main())
