"""Composition and diffraction autoencoders, their latent vectors side by side. Source: Korolev et al., Machine-learning-assisted search for functional materials over extended chemical space (2020)."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from data.representations.composition import N_ELEMENTS
from data.vectors import VectorSamples
from framework.neural.encoder import NeuralEncoder
from framework.neural.training import Scoring
from framework.registry.parameters import checked
from framework.runs.components import construct
from zoo.encoders.composition_vae import CompositionVAE
from zoo.encoders.diffraction_vae import DiffractionVAE
from zoo.variational import VariationalEncoder


class ConcatenatedVAE(NeuralEncoder):
    """Both are trained separately, each by its own settings; 24 + 64 latent dimensions.

    Args:
        width: number of elements and points.
        composition: settings of `composition_vae`, by name.
        diffraction: settings of `diffraction_vae`, by name.
    """

    representation = "composition_diffraction"
    settings = Scoring()  # type: ignore[assignment]  # each part is trained by its own

    def __init__(
        self,
        width: int,
        composition: dict[str, Any] | None = None,
        diffraction: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.width, self.composition, self.diffraction = width, composition, diffraction
        self.of_composition = _part(CompositionVAE, composition, "composition", N_ELEMENTS)
        self.of_diffraction = _part(DiffractionVAE, diffraction, "diffraction", width - N_ELEMENTS)

    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Train one, then the other, on `CompositionDiffractionSamples`."""
        first, second = self.of_composition, self.of_diffraction
        epochs = first.settings.epochs, second.settings.epochs
        first.progress = lambda done, _: self.progress(done, sum(epochs))
        second.progress = lambda done, _: self.progress(epochs[0] + done, sum(epochs))
        first.seed = second.seed = self.seed
        first.fit(samples.composition, validation and validation.composition)
        second.fit(samples.diffraction, validation and validation.diffraction)
        self._history = _together(first.history, second.history)
        self._trained = True
        return self

    def encode(self, batch: Tensor) -> Tensor:
        parts = self._parts(batch)
        return torch.cat([part.encode(inputs) for part, inputs in parts], dim=1)

    def posterior(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent vectors, each (b, 88)."""
        means, log_variances = zip(
            *(p.posterior(inputs) for p, inputs in self._parts(batch)), strict=True
        )
        return torch.cat(means, dim=1), torch.cat(log_variances, dim=1)

    def draw(self, batch: Tensor) -> Tensor:
        return torch.cat([part.draw(inputs) for part, inputs in self._parts(batch)], dim=1)

    def decode(self, latent: Tensor) -> Tensor:
        first, second = self.of_composition, self.of_diffraction
        parts = latent.split([first.latent_dim, second.latent_dim], dim=1)
        return torch.cat([first.decode(parts[0]), second.decode(parts[1])], dim=1)

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        """The terms of both."""
        names = ("composition", "diffraction")
        return {
            f"{name}_{term}": value
            for name, (part, inputs) in zip(names, self._parts(batch), strict=True)
            for term, value in part.loss(inputs).items()
        }

    def _parts(self, batch: Tensor) -> list[tuple[VariationalEncoder, Tensor]]:
        """Each autoencoder with what it reads of a batch (b, width)."""
        first, second = batch[:, :N_ELEMENTS], batch[:, N_ELEMENTS:]
        return [(self.of_composition, first), (self.of_diffraction, second)]


def _part(
    cls: type[CompositionVAE] | type[DiffractionVAE],
    settings: dict[str, Any] | None,
    where: str,
    width: int,
) -> Any:
    """One of the two, unfitted, by its checked settings."""
    values = checked(cls, settings or {}, name=f"{where}_vae", where=where, given=("width",))
    return construct(cls, values, VectorSamples(torch.empty(0, width)), seed=0)


def _together(
    first: dict[str, list[float]], second: dict[str, list[float]]
) -> dict[str, list[float]]:
    """The curves of both, and their summed loss; who ends first keeps its last loss."""
    curves: dict[str, list[float]] = {}
    for curve in first.keys() & second.keys():
        one, two = first[curve], second[curve]
        part, _, term = curve.partition("_")
        if term == "loss":
            n = max(len(one), len(two))
            padded = ([*each, *[each[-1]] * (n - len(each))] for each in (one, two))
            curves[curve] = [sum(pair) for pair in zip(*padded, strict=True)]
        else:
            curves |= {f"{part}_composition_{term}": one, f"{part}_diffraction_{term}": two}
    return dict(sorted(curves.items()))
