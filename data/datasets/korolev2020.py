"""Compositions with elastic, thermal and electronic properties from AFLOW. Source: the files of CrabNet, Wang et al., npj Comput. Mater. 7, 77 (2021); the properties are those that Korolev et al. (2020) predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from data.datasets.formula_csv import formula_csv
from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, data_set, unusable_rows

PROPERTIES = {
    "bulk_modulus": ("ael_bulk_modulus_vrh", "bulk modulus (Voigt-Reuss-Hill)", "GPa"),
    "shear_modulus": ("ael_shear_modulus_vrh", "shear modulus (Voigt-Reuss-Hill)", "GPa"),
    "debye_temperature": ("ael_debye_temperature", "Debye temperature", "K"),
    "ln_thermal_conductivity": (
        "agl_thermal_conductivity_300K",
        "natural logarithm of the lattice thermal conductivity at 300 K in W/(m K)",
        "1",
    ),
    "ln_thermal_expansion": (
        "agl_thermal_expansion_300K",
        "natural logarithm of the thermal expansion coefficient at 300 K in 1/K",
        "1",
    ),
    "band_gap": ("Egap", "band gap", "eV"),
}
"""File, long name and units by property."""

PARTS = ("train", "val")


def korolev2020(path: str | Path, strict: bool = False) -> xr.Dataset:
    """One material a composition; a property that no file gives for it is NaN.

    Args:
        path: the folder with `ael_bulk_modulus_vrh_train.csv.gz` and the others, `.csv` or
            `.csv.gz`, two for each property (train, val), read as one.
        strict: an unusable row is an error.

    Raises:
        UserError: a file is missing or cannot be read.
    """
    folder = Path(path)
    columns: dict[str, pd.Series] = {}
    sets: dict[str, str] = {}
    unusable: list[UnusableRow] = []
    for name, (stem, _, _) in PROPERTIES.items():
        files = [_file(folder, f"{stem}_{part}") for part in PARTS]
        read = [formula_csv(file, strict) for file in files]
        formulas = np.concatenate([ds["formula"].values.astype(str) for ds in read])
        values = np.concatenate([ds["target"].values for ds in read])
        values = np.log(values) if name.startswith("ln_") else values
        columns[name] = pd.Series(values, formulas).groupby(level=0).mean()
        for file, ds in zip(files, read, strict=True):
            sets |= dict(zip(ds["formula"].values, ds["element_set"].values, strict=True))
            unusable += [replace(row, file=str(file)) for row in unusable_rows(ds)]
    table = pd.DataFrame(columns)
    return data_set(
        {
            "formula": ("material", table.index.to_numpy(str)),
            "element_set": ("material", np.array([sets[formula] for formula in table.index])),
            **{
                name: ("material", table[name].to_numpy(), {"long_name": long, "units": units})
                for name, (_, long, units) in PROPERTIES.items()
            },
        },
        name="korolev2020",
        title="Compositions with properties computed by AFLOW",
        source=f"the user's folder {path}, a copy of CrabNet's AFLOW files",
        licence="MIT (CrabNet); data of AFLOW",
        citation="Wang et al., npj Comput. Mater. 7, 77 (2021); Curtarolo et al., Comput. Mater. "
        "Sci. 58, 227 (2012)",
        properties=tuple(PROPERTIES),
        unusable=unusable,
    )


def _file(folder: Path, stem: str) -> Path:
    for path in (folder / f"{stem}.csv.gz", folder / f"{stem}.csv"):
        if path.is_file():
            return path
    names = ", ".join(f"{stem}_train.csv.gz" for stem, _, _ in PROPERTIES.values())
    raise UserError(
        f"{folder}: lacks {stem}.csv.gz; expected a folder that holds {names}, and the same with "
        "_val; give it with --data FOLDER"
    )
