"""Checkpoints that Lightning itself writes are read as they are, whatever is kept beside the weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import specc

pytestmark = [pytest.mark.example, pytest.mark.filterwarnings("default")]

MODEL = specc.loads("model Line : [N, 3] -> [N, 2] { fc(4) -> relu -> fc(2) }")

WRAPPED: dict[str, tuple[Callable[[nn.Module], nn.Module], str]] = {
    "as it is": (lambda net: net, "net."),
    "compiled": (lambda net: torch.compile(net, backend="eager"), "net._orig_mod."),
    "parallel": (nn.DataParallel, "net.module."),
}


def checkpoint(path: Path, wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """One step of training, with what projects keep: hyperparameters of any kind, and callbacks with a state."""
    import lightning
    from lightning.pytorch.callbacks import EarlyStopping, StochasticWeightAveraging

    class Module(lightning.LightningModule):
        def __init__(self, settings: argparse.Namespace, folder: Path, loss: nn.Module) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = wrap(MODEL.to_torch(seed=3).train())

        def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
            loss: torch.Tensor = self.net(batch).square().mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters())

    module = Module(argparse.Namespace(rate=0.1), path.parent, nn.CrossEntropyLoss(weight=torch.ones(2)))
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[EarlyStopping("loss"), StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=1)],
    )
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(4, 3), 2))
    trainer.save_checkpoint(path)
    return module.net


@pytest.mark.parametrize(("wrap", "prefix"), WRAPPED.values(), ids=WRAPPED)
def test_it_is_the_network_that_was_trained(
    tmp_path: Path, wrap: Callable[[nn.Module], nn.Module], prefix: str
) -> None:
    net = checkpoint(tmp_path / "last.ckpt", wrap)
    with pytest.raises(Exception, match="Weights only load failed"):  # what is kept is more than torch reads
        torch.load(tmp_path / "last.ckpt", weights_only=True)
    weights = MODEL.weights(file=tmp_path / "last.ckpt")
    entry, left_out = weights.notes
    assert entry.startswith("the weights are its entry state_dict; not read: epoch, ")
    assert "hyper_parameters" in entry
    assert left_out.startswith(f"all 4 of its names begin with {prefix}")
    inputs = torch.randn(5, 3)
    with torch.no_grad():
        assert torch.equal(MODEL.to_torch(weights=weights)(inputs), net.eval()(inputs))
