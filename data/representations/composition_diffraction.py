"""Composition and powder pattern of a crystal, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr

from data.representations.composition import (
    N_ELEMENTS,
    Composition,
    CompositionSamples,
    atomic_fractions,
)
from data.representations.diffraction import Diffraction, DiffractionSamples
from data.vectors import VectorSamples

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CompositionDiffractionSamples(VectorSamples):
    """100 atomic fractions, then the pattern (n, 100 + points)."""

    @property
    def composition(self) -> CompositionSamples:
        """The atomic fractions alone (n, 100)."""
        return CompositionSamples(self.values[:, :N_ELEMENTS])

    @property
    def diffraction(self) -> DiffractionSamples:
        """The patterns alone (n, points)."""
        return DiffractionSamples(self.values[:, N_ELEMENTS:])

    def same(self, decoded: np.ndarray) -> np.ndarray:
        """Which have the right elements."""
        return self.composition.same(decoded[:, :N_ELEMENTS])

    def draw(self, axes: Axes, decoded: np.ndarray) -> None:
        """The patterns, and in a corner the compositions."""
        self.diffraction.draw(axes, decoded[N_ELEMENTS:])
        corner = axes.inset_axes((0.55, 0.6, 0.44, 0.4))
        self.composition.draw(corner, decoded[:N_ELEMENTS])
        corner.set_ylabel("")


class CompositionDiffraction(Diffraction):
    """Atomic fractions and the pattern at the angles `two_theta_`; settings of `Diffraction`."""

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Formulas and crystal structures of all.

        Raises:
            UserError: there are none.
        """
        super().require(materials)
        Composition.require(materials)

    @property
    def width(self) -> int:
        return N_ELEMENTS + super().width

    def transform(self, materials: xr.Dataset) -> CompositionDiffractionSamples:  # type: ignore[override]
        patterns = super().transform(materials).values
        fractions = atomic_fractions(materials["formula"].values).astype(np.float32)
        return CompositionDiffractionSamples(torch.cat([torch.from_numpy(fractions), patterns], 1))
