"""Lightning training of a neural encoder: settings, index batches, progress, curves, seeds."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytorch_lightning as pl
import torch

from framework.neural.threads import one_thread
from framework.registry.parameters import Choice, Float, Int

if TYPE_CHECKING:
    from framework.neural.samples import TensorSamples

STEPS_A_CHUNK = 64
"""Optimiser steps per call from Lightning: its bookkeeping costs as much as a small step."""


@dataclass(frozen=True)
class Scoring:
    """How a neural encoder scores.

    Attributes:
        score_views: presentations averaged in a score; all of them where there are fewer.
        score_draws: noisy passes averaged in a score; 0 is one pass without noise.
    """

    score_views: Annotated[int, Int(1, 720, tuned=False)] = 24
    score_draws: Annotated[int, Int(0, 100, tuned=False)] = 0


@dataclass(frozen=True)
class Settings(Scoring):
    """How a neural encoder is trained and how it scores; every field can be set and tuned.

    Attributes:
        epochs: passes over all samples in all their views.
    """

    epochs: Annotated[int, Int(5, 40, within=(1, 1000))] = 20
    batch_size: Annotated[int, Int(32, 512, log=True, within=(8, 4096))] = 64
    learning_rate: Annotated[float, Float(1e-4, 1e-2, log=True, within=(1e-6, 1.0))] = 1e-3
    optimiser: Annotated[str, Choice("adam", "adamw", "nadam", "adamax", "rmsprop", "sgd")] = "adam"
    weight_decay: Annotated[float, Float(0.0, 1e-2, within=(0.0, 1.0))] = 0.0


_OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "nadam": torch.optim.NAdam,
    "adamax": torch.optim.Adamax,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def optimiser(module: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that the settings name, fused where torch has that."""
    make = _OPTIMISERS[settings.optimiser]
    fused = {"fused": True} if settings.optimiser in ("adam", "adamw", "sgd") else {}
    return make(
        module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, **fused
    )


def device() -> torch.device:
    """The accelerator where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class IndexChunks:
    """Shuffled (sample, view) pairs of every epoch, as chunks of whole batches of indices.

    Yields tensors (2, m): sample index and view. No presentation is built here, so that the
    24-fold augmentation costs two integers a pair.
    """

    def __init__(self, samples: TensorSamples, batch_size: int, seed: int) -> None:
        self.n_samples = len(samples)
        self.n_views = samples.n_views
        self.chunk = batch_size * STEPS_A_CHUNK
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return -(-self.n_samples * self.n_views // self.chunk)

    def __iter__(self) -> Iterator[torch.Tensor]:
        pairs = torch.randperm(self.n_samples * self.n_views, generator=self.generator)
        for part in pairs.split(self.chunk):
            yield torch.stack([part // self.n_views, part % self.n_views])


class _Report(pl.Callback):
    """Passes the epochs on to the encoder's progress."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.progress(trainer.current_epoch + 1, trainer.max_epochs)  # type: ignore[operator]


def train(encoder: Any, samples: TensorSamples, validation: TensorSamples | None) -> None:
    """Fit a `NeuralEncoder` with Lightning; curves land in ``encoder.history``.

    The global random state is seeded here, right before the weights are drawn, so that results
    do not depend on what was fitted before, and is put back afterwards.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings(), one_thread():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        torch.manual_seed(encoder.seed)
        encoder.reset()
        encoder.train()  # Lightning keeps the mode it finds, and scoring leaves eval mode
        trainer = pl.Trainer(
            max_epochs=encoder.settings.epochs,
            accelerator="auto",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[_Report()],
        )
        encoder.attach(samples, validation)
        trainer.fit(
            encoder,
            train_dataloaders=IndexChunks(samples, encoder.settings.batch_size, encoder.seed),
        )
        encoder.detach()
