"""Element sets by accessibility and by merit: an autoencoder ranks them, attention tells their classes. Source: Vasylenko et al. (PhaseSelect), npj Comput. Mater. 9, 164 (2023)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from data.representations.element_set import ElementSetSamples
from framework.contracts.learner import Learner
from framework.neural.encoder import NeuralEncoder
from framework.neural.training import Settings
from framework.registry.parameters import Float, Int
from zoo.encoders.element_descriptors import as_vectors, probe_in_place_of, source_of_probe
from zoo.networks import dense


class ElementSetAutoencoder(NeuralEncoder):
    """Score = negative Euclidean reconstruction error of which elements a set holds, by a mirrored
    dense network that has seen reported sets: how accessible a set is by synthesis.

    Where the task has a context, it learns from all reported sets that the split allows, of every
    size; else from the training part. Labels are learned from the elements themselves, not from
    the latent space.

    Args:
        width: length of a presentation.
        latent_dim: width of the latent space.
        hidden: widths of the encoder; the decoder mirrors them.
        dropout: share of units dropped after every hidden layer.
        magpie, probe: what learns labels and what it reads, see `zoo.encoders.element_descriptors`; the
            classifier ``phase_select`` is the published one.
    """

    representation = "element_set"
    uses_context = True
    settings = Settings(epochs=20, batch_size=256)

    def __init__(
        self,
        width: int,
        latent_dim: Annotated[int, Int(2, 64, within=(1, 1024))] = 16,
        hidden: tuple[Annotated[int, Int(1, 4096)], ...] = (128,),
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.0,
        magpie: bool = False,
        probe: str | dict[str, Any] = "",
    ) -> None:
        super().__init__()
        self.width, self.latent_dim, self.hidden, self.dropout = width, latent_dim, hidden, dropout
        self.magpie, self.probe = magpie, probe
        widths = (len(SYMBOLS), *hidden)
        self.encoder = nn.Sequential(
            dense(widths, dropout=dropout), nn.Linear(widths[-1], latent_dim)
        )
        self.decoder = nn.Sequential(
            dense((latent_dim, *reversed(hidden)), dropout=dropout),
            nn.Linear(hidden[0] if hidden else latent_dim, len(SYMBOLS)),
        )
        if probe:
            probe_in_place_of(None, probe, 0)  # refuses what is unknown at once

    @classmethod
    def sources(cls, parameters: Mapping[str, Any]) -> tuple[Path, ...]:
        """The file of its own probe."""
        return source_of_probe(parameters["probe"])

    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Learn from reported sets."""
        if self.context is not None:
            samples = _samples_of(self.context.reported)
        watched = None if validation is None else _elements_alone(validation)
        return super().fit(_elements_alone(samples), watched)

    def transform(self, samples: Any) -> np.ndarray:
        return super().transform(_elements_alone(samples))

    def score_samples(self, samples: Any) -> np.ndarray:
        return super().score_samples(_elements_alone(samples))

    def encode(self, batch: Tensor) -> Tensor:
        return self.encoder(batch[:, : len(SYMBOLS)])

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        return {"reconstruction": ((self.decode(self.encode(batch)) - batch) ** 2).sum(1).mean()}

    def learner_input(self, samples: ElementSetSamples) -> np.ndarray:
        """1 or 0 for each element, and Magpie statistics if wanted."""
        return as_vectors(samples, self.magpie)

    def learner(self, probe: Learner, samples: Any, others: np.ndarray) -> Learner:
        """The probe of its own, if there is one."""
        return probe_in_place_of(probe, self.probe, self.seed)


def _samples_of(names: np.ndarray) -> ElementSetSamples:
    values = torch.zeros(len(names), len(SYMBOLS))
    for row, name in zip(values, names, strict=True):
        row[[ATOMIC_NUMBERS[symbol] - 1 for symbol in str(name).split()]] = 1
    return ElementSetSamples(values)


def _elements_alone(samples: ElementSetSamples) -> ElementSetSamples:
    return ElementSetSamples(samples.values[:, : len(SYMBOLS)])
