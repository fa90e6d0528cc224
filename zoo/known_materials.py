"""What the data know of a proposal: its own true values, and those of the nearest real material."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.representations.composition import atomic_fractions
from framework.contracts.objective import FloatArray
from zoo.composition_constraints import composition_key
from zoo.latent_space import LatentSpace


class KnownMaterials:
    """The materials of a latent space, by composition and by distance.

    Attributes:
        unit: median distance between nearest neighbours of the training part, in which distances
            are given.
    """

    def __init__(self, space: LatentSpace) -> None:
        self.space = space
        self._train = np.unique(space.latents[space.split.train], axis=0)
        self.unit = _neighbour_distance(self._train)
        self._rows: dict[bytes, list[int]] = {}
        for i, fractions in enumerate(atomic_fractions(space.materials["formula"].values)):
            self._rows.setdefault(composition_key(fractions), []).append(i)

    def distance(self, latent: FloatArray) -> float:
        """Distance of a latent vector (d,) to the nearest training material, in units of `unit`."""
        return float(np.linalg.norm(self._train - latent, axis=1).min() / self.unit)

    def beside(self, formula: str, latent: FloatArray, properties: Sequence[str]) -> dict[str, Any]:
        """Whether a formula is reported and then its true values; the nearest material of another
        formula, how far it is, and its true values."""
        space = self.space
        same = self._rows.get(composition_key(atomic_fractions([formula])[0]), [])
        row: dict[str, Any] = {"reported": bool(same)}
        for name in properties if same else ():
            known = space.values(name)[same]
            if np.isfinite(known).any():
                row[f"true {name}"] = float(np.nanmean(known))
        away = np.linalg.norm(space.latents - latent, axis=1)
        away[same] = np.inf
        i = int(away.argmin())
        row["nearest"] = str(space.materials["formula"].values[i])
        row["nearest at"] = float(away[i] / self.unit)
        return row | {f"true {n} of nearest": float(space.values(n)[i]) for n in properties}


def _neighbour_distance(latents: FloatArray, most: int = 2000) -> float:
    """Median distance between nearest neighbours, of at most so many vectors to all."""
    from scipy.spatial import cKDTree

    some = latents[np.linspace(0, len(latents) - 1, min(most, len(latents))).astype(int)]
    distance, _ = cKDTree(latents).query(some, k=2)
    return float(np.median(distance[:, 1]))
