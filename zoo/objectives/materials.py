"""Held-out real materials in the space of a representation, where the true property is known.

A search over latent vectors is judged by what it finds among materials that exist: the points
are those of materials that the space was not fitted on, and every value is a true one.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from framework.errors import UserError, nearest
from framework.objective import PoolObjective
from framework.registry import DATASETS, REPRESENTATIONS, SPLITS
from framework.space import Choice, Float, Int
from framework.verbs import data_component

FEWEST = 10
"""Materials that a search needs, and as many to fit the space on."""


class Materials(PoolObjective):
    """Held-out materials of a data set, in the principal components of a representation.

    Whole element sets are held out, the same for every property; the components are those of the
    other materials. What has no value of the property is left out. Materials
    that the representation cannot tell apart (polymorphs, by their composition) are one
    candidate: the one with the least distance from the hull where the data set knows it, else the
    first.

    Args:
        property: a property of the data set.
        direction: which values are wanted.
        dataset: a registered data set, or a file of yours.
        representation: whose descriptors are reduced to components.
        components: dimensions of the space that is searched.
        fraction: share of the element sets that is held out.
        seed: of the hold-out.

    Raises:
        UserError: the data set has no such property, or too few materials to hold out.
    """

    def __init__(
        self,
        property: str = "formation_energy",
        direction: Annotated[str, Choice("minimise", "maximise")] = "minimise",
        dataset: str = "oqmd_icsd",
        representation: str = "composition",
        components: Annotated[int, Int(2, 10, within=(1, 100))] = 5,
        fraction: Annotated[float, Float(0.01, 0.9)] = 0.2,
        seed: Annotated[int, Int(0, 2**31 - 1)] = 0,
    ) -> None:
        wanted = data_component(dataset)
        data = DATASETS.load(wanted.pop("name"))(**wanted)
        known = data.attrs["properties"].split()
        if property not in known:
            raise UserError(f"property: {dataset} has no '{property}'; {nearest(property, known)}")
        held = _held_out(data, fraction, seed)
        known_too = np.isfinite(data[property].values)[held]
        pool = data.isel(material=held).isel(material=known_too)
        if min(pool.sizes["material"], int((~held).sum())) < FEWEST:
            raise UserError(
                f"dataset: of the {len(held)} materials of {dataset}, {pool.sizes['material']} with "
                f"a '{property}' are held out, and a search needs {FEWEST} on either side; bring "
                "more, or take another 'fraction'"
            )
        points = _components(data, held, representation, components)[known_too]
        if "hull_distance" in data:
            order = np.argsort(pool["hull_distance"].values, kind="stable")
        else:
            order = np.arange(len(points))
        _, first = np.unique(points[order], axis=0, return_index=True)
        kept = np.sort(order[first])
        self.maximise = direction == "maximise"
        self.quantity = str(pool[property].attrs["long_name"])
        self.units = str(pool[property].attrs["units"])
        names = pool["formula"].values.astype(str)[kept]
        super().__init__(
            points[kept],
            pool[property].values[kept],
            names,
            [f"component {i}" for i in range(1, points.shape[1] + 1)],
        )
        self.summary = (
            f"{len(kept):,} held-out materials of {data.attrs['name']} in {points.shape[1]} "
            f"components of their {representation}"
        )
        self.attrs = data.attrs


def _held_out(data: xr.Dataset, fraction: float, seed: int) -> np.ndarray:
    """Mask (n,) of held-out materials; an element set is held out as a whole."""
    sets, member = np.unique(data["element_set"].values.astype(str), return_inverse=True)
    fields = xr.Dataset({"element_set": ("material", sets)})
    mask: np.ndarray = SPLITS.load("random")(fields, seed, fraction)[""]
    return mask[member]


def _components(
    data: xr.Dataset, held: np.ndarray, representation: str, components: int
) -> np.ndarray:
    """Points (m, d) of the held-out materials; what is learned is learned from the others.

    The latent vectors of a fitted encoder take the place of the descriptors here, once there are
    encoders of materials.
    """
    from sklearn.decomposition import PCA

    train = np.flatnonzero(~held)
    shown = REPRESENTATIONS.load(representation, "representation")().fit(data, train)
    vectors = shown.transform(data).descriptors().astype(float)
    if components > min(vectors.shape[1], len(train)):
        raise UserError(f"components: {components} of {vectors.shape[1]} descriptors; take fewer")
    axes = PCA(components, svd_solver="full").fit(vectors[train])
    reduced: np.ndarray = axes.transform(vectors[held])
    return reduced
