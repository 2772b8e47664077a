"""Checkpoints that are whole, whatever happens while one is written."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO


class CheckpointError(Exception):
    """A checkpoint cannot be written or gone on with; the message is for whoever started the program."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old checkpoint, and puts the new one in its place once it is on the disk.

    Lightning's own way writes to the folder for temporary files and copies from there, if that is another disk: on a
    full one the old checkpoint is lost, and half of the new one takes its place.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        part = path.with_name(f"{path.name}.part")
        whole = io.BytesIO()
        torch.save(checkpoint, whole)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(whole.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            old = f"; {path} is that of the epoch before, and whole" if path.exists() else ""
            raise CheckpointError(f"cannot write {path}: {error.strerror}{old}") from error
        finally:
            part.unlink(missing_ok=True)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = lambda storage, _: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        checkpoint = super().load_checkpoint(path, map_location, weights_only)
        if "loops" not in checkpoint:
            raise CheckpointError(f"{path} holds weights, but not the run that they are from: it cannot go on")
        return checkpoint
