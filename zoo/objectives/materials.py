"""Held-out real materials in a latent space, where the true property is known.

A search over latent vectors is judged by what it finds among materials that exist: the points
are those of materials that the encoder was not fitted on, and every value is a true one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, placed
from framework.contracts.objective import PoolObjective
from framework.registry.parameters import Choice, Float, Int
from zoo.latent_space import LatentSpace

FEWEST = 10
"""Materials that a search needs."""


class Materials(PoolObjective):
    """Held-out materials of a data set, in the dimensions that an encoder uses of its latent space:
    learned ones, or descriptors such as those of `magpie`.

    Whole element sets are held out. What has no value of the property is left out. Materials that
    the encoder cannot tell apart (polymorphs, by their composition) are one candidate: the one
    with the least distance from the hull where the data set knows it, else the first.

    Args:
        property: a property of the data set.
        direction: which values are wanted.
        dataset: a registered data set, or a file of yours.
        encoder: name and settings.
        run: a finished run, in place of data set, encoder and what follows.
        sample: element sets that are drawn; all where None.
        fraction: share of the element sets that is held out.
        seed: of the hold-out and of the encoder.

    Raises:
        UserError: the data set has no such property, or too few materials to hold out.
    """

    def __init__(
        self,
        runs: Path,
        property: str = "formation_energy",
        direction: Annotated[str, Choice("minimise", "maximise")] = "minimise",
        dataset: str = "oqmd_icsd",
        encoder: dict[str, Any] | str | None = None,
        run: str = "",
        sample: int | None = None,
        fraction: Annotated[float, Float(0.01, 0.9)] = 0.2,
        seed: Annotated[int, Int(0, 2**31 - 1)] = 0,
    ) -> None:
        pca = {"name": "pca", "latent_dim": 5, "representation": "composition"}
        space = LatentSpace.of(
            run,
            runs,
            dataset=dataset,
            encoder=encoder or pca,
            sample=sample,
            fraction=fraction,
            seed=seed,
        )
        with placed("property"):
            values = space.values(property)
        materials, unseen = space.materials, space.split.holdout
        unseen = unseen[np.isfinite(values[unseen])]
        dimensions = space.used_dimensions
        points = space.latents[unseen][:, dimensions].round(9)
        kept = _distinct(points, materials, unseen)
        if len(kept) < FEWEST:
            raise UserError(
                f"dataset: {len(kept)} materials with a '{property}' are held out, and a search "
                f"needs {FEWEST}; bring more, or take another 'fraction'"
            )
        self.maximise = direction == "maximise"
        attrs = materials[property].attrs
        self.quantity, self.units = str(attrs["long_name"]), str(attrs["units"])
        super().__init__(
            points[kept],
            values[unseen][kept],
            materials["formula"].values.astype(str)[unseen][kept],
            [f"dimension {i + 1}" for i in dimensions],
        )
        self.summary = (
            f"{len(kept):,} held-out materials of {materials.attrs['name']} along "
            f"{points.shape[1]} dimensions of {type(space.encoder).__name__}'s latent space (run "
            f"{space.run})"
        )
        self.attrs = materials.attrs


def _distinct(points: np.ndarray, materials: xr.Dataset, index: np.ndarray) -> np.ndarray:
    """Positions of one material for each point (n, d), in order: of several the one with the
    least distance from the hull where that is known, else the first.

    Args:
        index: of the materials (n,).
    """
    if "hull_distance" in materials:
        order = np.argsort(materials["hull_distance"].values[index], kind="stable")
    else:
        order = np.arange(len(index))
    _, first = np.unique(points[order], axis=0, return_index=True)
    kept: np.ndarray = np.sort(order[first])
    return kept
