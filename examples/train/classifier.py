"""What Lightning trains: a network of specc's with a loss and an optimiser, and images in batches."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from checkpoints import CheckpointError
from data import Images
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

Batch = tuple[Tensor, ...]
VALIDATION = 10
"""One in so many of the images for training is kept for watching how training goes."""


class Classifier(lightning.LightningModule):
    """Trains a network to tell classes apart.

    Args:
        network: bytes in, a score for each class out (logits or logsoftmax).
        settings: what the run was started with, kept in its checkpoints; a run goes on with the same.
    """

    def __init__(self, network: nn.Module, settings: dict[str, Any]) -> None:
        super().__init__()
        self.save_hyperparameters(settings)
        self.settings = settings
        self.network = network.train()  # specc gives it in eval mode, and Lightning leaves modes as they are

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)
        return scores

    def training_step(self, batch: Batch, number: int) -> Tensor:
        images, classes = batch
        loss = functional.cross_entropy(self(images), classes)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss.item()} in epoch {self.current_epoch + 1}, batch {number + 1}: try a smaller --lr"
            )
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, number: int) -> None:
        images, classes = batch
        correct = (self(images).argmax(1) == classes).float().mean()
        self.log("accuracy", correct, prog_bar=True, batch_size=len(images), sync_dist=True)

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(self.parameters(), lr=self.settings["lr"])
        return [optimiser], [torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.settings["epochs"])]

    def on_train_epoch_start(self) -> None:
        """All that is drawn in an epoch follows from seed and epoch: a run that goes on draws what it would have."""
        drawn_from = [self.settings["seed"], self.current_epoch, self.global_rank]
        lightning.seed_everything(int(np.random.SeedSequence(drawn_from).generate_state(1)[0]), verbose=False)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Raises CheckpointError where the run that wrote it had other settings."""
        theirs = checkpoint["hyper_parameters"]
        others = [f"{name} {theirs.get(name)}" for name, ours in self.settings.items() if theirs.get(name) != ours]
        if others:
            raise CheckpointError(f"the checkpoint is of a run with {', '.join(others)}: it goes on with these alone")


class Batches(lightning.LightningDataModule):
    """Images in batches, in another order in each epoch, a part of them in each process."""

    def __init__(self, images: Images, size: int, seed: int) -> None:
        super().__init__()
        self.size, self.seed = size, seed
        dataset = TensorDataset(torch.tensor(images.pixels), torch.tensor(images.classes).long())
        kept = len(dataset) // VALIDATION
        self.validation, self.training = TensorDataset(*dataset[:kept]), TensorDataset(*dataset[kept:])

    def train_dataloader(self) -> DataLoader[Batch]:
        trainer = self.trainer
        assert trainer is not None
        # With one process, too: its order follows from seed and epoch, PyTorch's usual one from all drawn before.
        order: DistributedSampler[Batch] = DistributedSampler(
            self.training, trainer.world_size, trainer.global_rank, seed=self.seed
        )
        own = torch.Generator()  # without it each epoch draws a number for its loader, sometimes before it is seeded
        return DataLoader(self.training, self.size, sampler=order, generator=own)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(self.validation, 1000)
