"""Element sets with superconducting temperature, Curie temperature and band gap. Source: the files of PhaseSelect, Vasylenko et al., npj Comput. Mater. 9, 164 (2023), from SuperCon and MPDS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import xarray as xr

from data.datasets.element_set_list import element_set_list
from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, data_set, unusable_rows

PROPERTIES = {
    "superconducting_tc": ("max_tc_kelvin", "superconducting temperature", "K"),
    "curie_temperature": ("max_curie_kelvin", "Curie temperature", "K"),
    "band_gap": ("max_band_gap_ev", "band gap", "eV"),
}
"""Column, long name and units by property; the name is also that of its file."""


def phase_select(path: str | Path, strict: bool = False) -> xr.Dataset:
    """One material an element set, with the highest value that is known of it; NaN for a property
    that no file gives for it.

    Args:
        path: the folder with `superconducting_tc.csv.gz`, `curie_temperature.csv.gz` and
            `band_gap.csv.gz` (or `.csv`), or one of these files, for its property alone.
        strict: an unusable row is an error.

    Raises:
        UserError: there is none of these files, or one cannot be read.
    """
    columns: dict[str, pd.Series] = {}
    unusable: list[UnusableRow] = []
    for name, file in _files(Path(path)).items():
        column, _, _ = PROPERTIES[name]
        read = element_set_list(file, strict, [column])
        columns[name] = pd.Series(read[column].values, read["element_set"].values.astype(str))
        unusable += [replace(row, file=str(file)) for row in unusable_rows(read)]
    table = pd.DataFrame(columns)
    return data_set(
        {
            "formula": ("material", [""] * len(table)),
            "element_set": ("material", table.index.to_numpy(str)),
            **{
                name: (
                    "material",
                    table[name].to_numpy(float),
                    {"long_name": PROPERTIES[name][1], "units": PROPERTIES[name][2]},
                )
                for name in columns
            },
        },
        name="phase_select",
        title="Element sets of PhaseSelect",
        source=f"the user's files {path}, as published with PhaseSelect",
        licence="BSD-3 (PhaseSelect); data of SuperCon and MPDS",
        citation="Vasylenko et al., npj Comput. Mater. 9, 164 (2023)",
        properties=tuple(columns),
        unusable=unusable,
    )


def _files(path: Path) -> dict[str, Path]:
    """The files that there are, by property.

    Raises:
        UserError: there is none.
    """
    inside = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    named = {file.name.removesuffix(".gz").removesuffix(".csv"): file for file in inside}
    found = {name: named[name] for name in PROPERTIES if name in named}
    if not found:
        names = ", ".join(f"{name}.csv.gz" for name in PROPERTIES)
        raise UserError(f"{path}: is none of the files {names}, and no folder that holds one")
    return found
