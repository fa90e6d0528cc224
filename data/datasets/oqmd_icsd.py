"""32,159 reported crystal structures with formation energy, band gap and hull distance (OQMD)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from data.crystals import COUNTS_SITES, Crystals
from data.symmetry import SPACE_GROUPS

if TYPE_CHECKING:
    from pymatgen.core import Structure

FILE = Path(__file__).parents[1] / "oqmd_icsd.nc"

ABOUT = {
    "band_gap": ("band gap", "PBE, NaN where none was computed"),
    "hull_distance": (
        "hull distance",
        "to the convex hull of the competing phases, negative where the phase is stable",
    ),
}
"""What figures call a property, and what else there is to say of it."""


def oqmd_icsd() -> xr.Dataset:
    """The embedded default: the entries of OQMD that come from ICSD.

    Beside the contract: `space_group` (international number, 0 where none was found; its crystal
    systems are stated), `icsd_code`, `lattice` (material, cell_vector, axis) in angstrom, and the
    sites of all materials one after the other: `atomic_number` (site,), `fractional_coordinates`
    (site, axis), `n_sites` of them for each material.
    """
    ds = xr.load_dataset(FILE, engine="netcdf4")
    ds["n_sites"].attrs |= COUNTS_SITES
    ds["space_group"].attrs |= SPACE_GROUPS
    for name, (long_name, comment) in ABOUT.items():
        ds[name].attrs |= {"long_name": long_name, "comment": comment}
    return ds.assign({name: ds[name].astype(str) for name in ("formula", "element_set")})


def structure(ds: xr.Dataset, i: int) -> Structure:
    """The crystal structure of material i."""
    return Crystals.from_dataset(ds).structure(i)
