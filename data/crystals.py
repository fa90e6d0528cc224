"""Crystal structures of many materials, packed into a few arrays; what every reader of them gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from framework.base.errors import UserError

if TYPE_CHECKING:
    from pymatgen.core import Structure

VARIABLES = ("lattice", "n_sites", "atomic_number", "fractional_coordinates")
"""What a data set holds where it holds crystal structures."""

COUNTS_SITES = {"sample_dimension": "site"}
"""The attribute of `n_sites`: sites are ragged along `site` (`framework.contracts.dataset.take`)."""

Cell = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Lattice (3, 3), atomic numbers (s,) and fractional coordinates (s, 3) of one crystal."""


@dataclass(frozen=True, eq=False)
class Crystals:
    """n crystals, their sites one after the other.

    Attributes:
        lattice: cell vectors (n, 3, 3) in angstrom, `lattice[i, 0]` is the vector a of crystal i.
        atomic_number: (n_sites,) uint8.
        fractional_coordinates: (n_sites, 3), in units of the cell vectors.
        offsets: (n + 1,); the sites of crystal i are `offsets[i]` up to `offsets[i + 1]`.
    """

    lattice: np.ndarray
    atomic_number: np.ndarray
    fractional_coordinates: np.ndarray
    offsets: np.ndarray

    @classmethod
    def pack(cls, cells: Sequence[Cell]) -> Self:
        """The crystals of a list."""
        sizes = [len(numbers) for _, numbers, _ in cells]
        return cls(
            np.array([lattice for lattice, _, _ in cells], np.float64).reshape(-1, 3, 3),
            np.concatenate([np.empty(0, np.uint8), *(numbers for _, numbers, _ in cells)]).astype(
                np.uint8
            ),
            np.concatenate([np.empty((0, 3)), *(positions for _, _, positions in cells)]),
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
        )

    @classmethod
    def from_dataset(cls, ds: xr.Dataset) -> Self:
        """The crystals of a data set, one a material.

        Raises:
            UserError: the data set holds no crystal structures.
            ValueError: materials were taken out of it and their sites were not (`framework.contracts.dataset.take`).
        """
        if absent := [name for name in VARIABLES if name not in ds]:
            title = ds.attrs.get("title", "these materials")
            raise UserError(
                f"{title}: no crystal structures ({', '.join(absent)} missing); take a data set "
                "that has them: oqmd_icsd, cif_folder, crystal_csv"
            )
        sizes = ds["n_sites"].values.astype(np.int64)
        if sizes.sum() != ds.sizes["site"]:
            raise ValueError(
                f"{len(sizes)} materials claim {sizes.sum()} sites and there are "
                f"{ds.sizes['site']}; choose materials with framework.contracts.dataset.take, not with isel"
            )
        return cls(
            ds["lattice"].values.astype(np.float64, copy=False),
            ds["atomic_number"].values.astype(np.uint8, copy=False),
            ds["fractional_coordinates"].values.astype(np.float64, copy=False),
            np.concatenate([[0], np.cumsum(sizes)]),
        )

    def __len__(self) -> int:
        return len(self.lattice)

    def sites(self, i: int) -> slice:
        """Where the sites of crystal i stand."""
        return slice(int(self.offsets[i]), int(self.offsets[i + 1]))

    def cell(self, i: int) -> Cell:
        """Lattice, atomic numbers and fractional coordinates of crystal i."""
        sites = self.sites(i)
        return self.lattice[i], self.atomic_number[sites], self.fractional_coordinates[sites]

    def take(self, index: np.ndarray | Sequence[int]) -> Self:
        """The crystals at `index` (m,), in that order."""
        index = np.asarray(index, dtype=np.int64)
        sizes = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        sites = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][index] - offsets[:-1], sizes)
        return type(self)(
            self.lattice[index],
            self.atomic_number[sites],
            self.fractional_coordinates[sites],
            offsets,
        )

    def structure(self, i: int) -> Structure:
        """Crystal i as pymatgen has it."""
        from pymatgen.core import Lattice, Structure

        lattice, numbers, positions = self.cell(i)
        return Structure(Lattice(lattice), numbers.tolist(), positions)

    def variables(self) -> dict[str, Any]:
        """What a data set holds of them, as `xarray.Dataset` takes it."""
        return {
            "n_sites": ("material", np.diff(self.offsets).astype(np.int16), COUNTS_SITES),
            "lattice": (
                ("material", "cell_vector", "axis"),
                self.lattice,
                {"long_name": "cell vectors, Cartesian", "units": "angstrom"},
            ),
            "atomic_number": ("site", self.atomic_number),
            "fractional_coordinates": (("site", "axis"), self.fractional_coordinates),
        }

    def digest(self) -> str:
        """SHA-256 over all values, the same on every machine."""
        digest = hashlib.sha256()
        for values, kind in (
            (self.lattice, "<f8"),
            (self.atomic_number, "u1"),
            (self.fractional_coordinates, "<f8"),
            (self.offsets, "<i8"),
        ):
            digest.update(np.ascontiguousarray(values, dtype=kind).tobytes())
        return digest.hexdigest()
