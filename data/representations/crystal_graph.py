"""Crystal graph: sites with the features of their elements, pairs of near sites with distances."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import torch
import xarray as xr

from data import neighbours
from data.cache import cached, digest
from data.cif.files import read_cif_files
from data.crystals import Crystals
from data.element_sets import SYMBOLS
from data.elements import element_table
from data.graphs import GraphSamples
from framework.base.errors import UserError
from framework.contracts.representation import Representation
from framework.registry.parameters import Float, Int

SITE_FEATURES = (
    "Number",
    "AtomicWeight",
    "Row",
    "Column",
    "FirstIonizationEnergy",
    "Electronegativity",
    "AtomicRadius",
    "Density",
)
"""Those of Moran et al., arXiv 2407.00671, from the Magpie table."""

_FEW = 200
"""Crystals whose neighbours are found sooner than a file of them is kept."""


class CrystalGraph(Representation):
    """8 features a site, and the nearest neighbours of each site with distances in Gaussians.

    The features are standardised by the sites of the training part; a value that the table lacks
    is the mean over the elements, as in matminer. Whole shells of neighbours are kept
    (`data.neighbours`), so that the choice of cell does not matter. Neighbours are found once for
    a set of crystals and settings, and kept in the cache (`data.cache`).

    Args:
        radius: in angstrom; no neighbour is farther.
        nearest: neighbours of each site, more where several are as far.
        basis: Gaussians that a distance is shown in, evenly from 0 to the radius.
    """

    def __init__(
        self,
        radius: Annotated[float, Float(2.0, 12.0)] = 8.0,
        nearest: Annotated[int, Int(1, 64)] = 12,
        basis: Annotated[int, Int(2, 64)] = 24,
    ) -> None:
        self.radius, self.nearest, self.basis = radius, nearest, basis

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Crystal structures of all.

        Raises:
            UserError: there are none.
        """
        Crystals.from_dataset(materials)

    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        """Learn mean and spread of the features; the neighbours are found already, so that what
        has none is refused before anything is learned.

        Raises:
            UserError: an element has no features, a cell too many sites, or the radius is too small.
        """
        cells = Crystals.from_dataset(materials)
        _require_features(cells)
        self._neighbours(cells)
        sites = _features()[cells.take(train).atomic_number]
        self.mean_, spread = sites.mean(axis=0), sites.std(axis=0)
        spread[spread < 1e-9] = np.inf  # constant: tells nothing
        self.scale_ = spread
        return self

    @property
    def width(self) -> int:
        return len(SITE_FEATURES) + self.basis

    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Crystals from the paths of CIF files.

        Raises:
            UserError: a file is missing, or is no usable crystal structure; the reason is told.
        """
        return read_cif_files(texts)

    def transform(self, materials: xr.Dataset) -> GraphSamples:
        """The graphs of materials.

        Raises:
            UserError: an element has no features, a cell too many sites, or the radius is too small.
        """
        self.require_fitted()
        cells = Crystals.from_dataset(materials)
        _require_features(cells)
        pairs = self._neighbours(cells)
        table = (_features() - self.mean_) / self.scale_
        return GraphSamples(
            torch.from_numpy(cells.atomic_number),
            torch.from_numpy(cells.offsets),
            torch.from_numpy(pairs["site"]),
            torch.from_numpy(pairs["neighbour"]),
            torch.from_numpy(pairs["distance"]),
            torch.from_numpy(pairs["offsets"]),
            torch.from_numpy(table.astype(np.float32)),
            torch.linspace(0, self.radius, self.basis),
        )

    def _neighbours(self, cells: Crystals) -> dict[str, np.ndarray]:
        """The fields of `Neighbours` of some crystals."""

        def compute() -> dict[str, np.ndarray]:
            return vars(neighbours.neighbours(cells, self.radius, self.nearest))

        if len(cells) <= _FEW:
            return compute()
        source, library = Path(neighbours.__file__), version("pymatgen-core")
        key = digest(cells.digest(), self.radius, self.nearest, source, library)
        return cached("crystal_graphs", key, compute)


def _features() -> np.ndarray:
    """(119, 8), row z for atomic number z; NaN for an element that the table does not have."""
    table = element_table("magpie")
    values = table.values[:, [table.features.index(name) for name in SITE_FEATURES]]
    known = np.isfinite(values).any(axis=1, keepdims=True)
    return np.where(known & np.isnan(values), np.nanmean(values, axis=0), values)


def _require_features(cells: Crystals) -> None:
    """Refuse elements that the table does not have.

    Raises:
        UserError: they are named, with how many crystals hold them.
    """
    if (unknown := np.isnan(_features()[cells.atomic_number, 0])).any():
        symbols = [SYMBOLS[z - 1] for z in np.unique(cells.atomic_number[unknown])]
        where = np.searchsorted(cells.offsets, np.flatnonzero(unknown), side="right")
        raise UserError(
            f"no site features for {', '.join(symbols)}, which {len(np.unique(where))} of "
            f"{len(cells)} crystals hold; leave these out (the table covers H to Cn)"
        )
