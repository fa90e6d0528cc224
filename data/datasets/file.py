"""A file of yours: crystals, formulas where it has a column `formula`, else element sets."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from data.cif.folders import holds_cifs
from data.datasets.cif_folder import cif_folder
from data.datasets.element_set_list import element_set_list
from data.datasets.formula_csv import formula_csv
from data.table import read_lines


def file(path: str | Path, strict: bool = False) -> xr.Dataset:
    """The materials of a file, by the reader that its header asks for.

    Args:
        path: the file; see the data sets `formula_csv` and `element_set_list`, and `cif_folder`
            for a CIF file and a folder or archive of CIF files.
        strict: an unusable row is an error.

    Raises:
        UserError: the file cannot be read, or no row is usable.
    """
    if holds_cifs(path):
        return cif_folder(path, strict=strict)
    lines = read_lines(path, "a data set: CSV with a column 'formula', or element sets")
    header = next((line for line in lines if line.strip() and line[0] != "#"), "")
    cells = [cell.strip().strip('"').lower() for cell in header.replace(";", ",").split(",")]
    return (formula_csv if "formula" in cells else element_set_list)(path, strict=strict)
