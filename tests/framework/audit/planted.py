"""Planted models whose fate is known: what the audit's thresholds are calibrated on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from framework.contracts.encoder import Encoder
from framework.neural.encoder import NeuralEncoder
from framework.neural.samples import TensorSamples
from framework.neural.training import Settings
from framework.registry.parameters import Float


class ConstantDecoder(NeuralEncoder):
    """Decodes everything to one vector: the mean is all that it learns."""

    representation = "phase_field"
    settings = Settings(epochs=3)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.encoder = nn.Linear(width, 4)
        self.answer = nn.Linear(1, width)

    def encode(self, batch: Tensor) -> Tensor:
        return self.encoder(batch)

    def decode(self, latent: Tensor) -> Tensor:
        return self.answer(torch.ones(len(latent), 1)) + 0 * latent.sum(1, keepdim=True)

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        return {"reconstruction": ((self.decode(self.encode(batch)) - batch) ** 2).sum(1).mean()}


class Memoriser(NeuralEncoder):
    """Returns a presentation that it has seen; of any other it makes a mess."""

    representation = "phase_field"
    settings = Settings(epochs=1)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.unused = nn.Linear(width, 1)
        self.seen: set[bytes] = set()

    def fit(self, samples: TensorSamples, validation: TensorSamples | None = None) -> Self:
        super().fit(samples)
        for view in range(samples.n_views):
            index = torch.arange(len(samples))
            batch = samples.batch(index, torch.full_like(index, view))
            self.seen |= {row.numpy().tobytes() for row in batch}
        return self

    def encode(self, batch: Tensor) -> Tensor:
        return batch

    def decode(self, latent: Tensor) -> Tensor:
        known = torch.tensor([row.numpy().tobytes() in self.seen for row in latent])
        return torch.where(known[:, None], latent, latent.roll(1, dims=1))

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        return {"nothing": (self.unused(batch) ** 2).mean()}


class NormScorer(Encoder):
    """The published scores: the norm of the input, and a little noise."""

    representation = "phase_field"

    def fit(self, samples: TensorSamples, validation: TensorSamples | None = None) -> Self:
        self.n_seen_ = len(samples)
        return self

    def transform(self, samples: TensorSamples) -> np.ndarray:
        return samples.mean_over_views(lambda x: torch.linalg.vector_norm(x, dim=1), most_views=1)

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        norms = self.transform(samples)[:, 0]
        return -norms * (1 + 1e-3 * np.sin(1e4 * norms))


class OneScore(NormScorer):
    """The same score for everything."""

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        return np.zeros(len(samples))


class Recorder(NormScorer):
    """Notes the element sets that it is given to learn from, to watch and to score."""

    baseline = False
    noted: ClassVar[list[tuple[str, frozenset[tuple[int, ...]]]]] = []

    def __init__(self, tilt: Annotated[float, Float(0.0, 1.0)] = 0.5) -> None:
        self.tilt = tilt

    def _note(self, what: str, samples: TensorSamples | None) -> None:
        sets = [] if samples is None else samples.elements.tolist()
        self.noted.append((what, frozenset(map(tuple, sets))))

    def fit(self, samples: TensorSamples, validation: TensorSamples | None = None) -> Self:
        self._note("fit", samples)
        self._note("watch", validation)
        return super().fit(samples, validation)

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        self._note("score", samples)
        return super().score_samples(samples) + self.tilt * samples.elements.numpy()[:, 0]
