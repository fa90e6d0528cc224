"""A file of yours: formulas where it has a column `formula`, element sets otherwise."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from data.datasets.element_set_list import element_set_list
from data.datasets.formula_csv import formula_csv
from data.table import read_lines


def file(path: str | Path, strict: bool = False) -> xr.Dataset:
    """The materials of a file, by the reader that its header asks for.

    Args:
        path: the file; see the data sets `formula_csv` and `element_set_list`.
        strict: an unusable row is an error.

    Raises:
        UserError: the file cannot be read, or no row is usable.
    """
    lines = read_lines(path, "a data set: CSV with a column 'formula', or element sets")
    header = next((line for line in lines if line.strip() and line[0] != "#"), "")
    cells = [cell.strip().strip('"').lower() for cell in header.replace(";", ",").split(",")]
    return (formula_csv if "formula" in cells else element_set_list)(path, strict=strict)
