"""A CSV file of crystal structures as CIF text, with any numeric properties beside them."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from data.cif.files import read_cifs, structure_variables
from data.cif.structures import Cif
from data.table import Table, has_column, read_materials, read_table, refuse_left_out
from framework.contracts.dataset import data_set

_LONGEST_CELL = 50_000_000
"""Characters; by default the csv module gives up a whole file for one cell beyond 131,072."""

_SHOWN = 80


def crystal_csv(
    path: str | Path,
    strict: bool = False,
    column: str = "cif",
    properties: Sequence[str] | None = None,
    time: str = "",
    censored: bool = False,
) -> xr.Dataset:
    """The materials of a CSV file (or `.csv.gz`) with a column of CIF texts, as CDVAE's MP-20.

    A row is unusable if its CIF holds no structure that can be used (`data.cif` has the rules,
    each with its reason: partial occupancies, contradictory symmetry, overlapping atoms, ...), if
    a value is blank, text, NaN or infinite, or if it repeats an earlier row.

    Beside the contract: the structures, in the variables of `oqmd_icsd`; `material_id` where the
    file has that column; and `note`, what was taken for granted in reading a structure.

    Args:
        path: the file.
        strict: an unusable row is an error.
        column: the column that holds the CIF texts.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year.
        censored: take `<1E-10` as 1E-10 and say so in the variable `<property>_limit`.

    Raises:
        UserError: the file cannot be read, a column is not there, or no row is usable.
    """
    table = _read(path, column)
    at = table.header.index(has_column(table, column))
    texts = list(dict.fromkeys(cells[at] for _, cells in table.rows if at < len(cells)))
    cifs = {text: _only(read) for text, read in zip(texts, read_cifs(texts), strict=True)}

    def parse(text: str) -> tuple[str, str, Hashable]:
        if not text:
            raise ValueError("the CIF is blank")
        if not isinstance(cif := cifs[text], Cif):
            raise ValueError(cif)
        return cif.formula, cif.element_set, text

    contents, unusable, account = read_materials(
        table, column, parse, properties=properties, time=time, censored=censored
    )
    unusable = [replace(row, text=_shortened(row.text)) for row in unusable]
    if strict:
        refuse_left_out(unusable, account, path)
    left_out = {row.line for row in unusable}
    rows = [cells for line, cells in table.rows if line not in left_out]
    contents["variables"] |= structure_variables([cifs[cells[at]] for cells in rows], path)
    if "material_id" in table.header and "material_id" not in contents["variables"]:
        identifiers = [cells[table.header.index("material_id")] for cells in rows]
        contents["variables"]["material_id"] = ("material", np.array(identifiers))
    ds = data_set(
        **contents,
        name="crystal_csv",
        title=f"Crystal structures of {Path(path).name}",
        source=f"the user's file {path}",
        licence="unknown: the user's file",
        citation="",
        unusable=unusable,
    )
    ds.attrs |= account
    return ds


def _read(path: str | Path, column: str) -> Table:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        return read_table(path, f"a CSV file with the column '{column}' of CIF texts")
    finally:
        csv.field_size_limit(before)


def _only(read: dict[str, Cif | str]) -> Cif | str:
    """The structure of a row, which has the values of one."""
    if len(read) > 1:
        return f"holds {len(read)} structures ({', '.join(list(read)[:3])}); write a row for each"
    return next(iter(read.values()))


def _shortened(text: str) -> str:
    """The row on one line, as much of it as helps to find it."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
