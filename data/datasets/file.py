"""A file of yours: crystal structures, formulas or element sets, by what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from data.cif.folders import holds_cifs
from data.columns import column_of_formulas, require_formula_column
from data.datasets.cif_folder import cif_folder
from data.datasets.crystal_csv import crystal_csv
from data.datasets.element_set_list import COLUMNS, element_set_list, is_list
from data.datasets.formula_csv import formula_csv
from data.table_files import is_text, read_header, read_table
from data.text_files import read_lines
from framework.base.errors import UserError

_PURPOSE = "a data set: a table with a column 'formula', a list of element sets, or CIF files"
_CIF = "cif"


def file(
    path: str | Path,
    strict: bool = False,
    formula_column: str = "",
    properties: Sequence[str] | None = None,
    time: str = "",
    censored: bool = False,
) -> xr.Dataset:
    """The materials of a file, by the reader that its content asks for.

    A folder or an archive of CIF files is read by `cif_folder`, a table with a column `cif` by
    `crystal_csv`, one with a column of formulas by `formula_csv`, all else by `element_set_list`.

    Args:
        path: the file; see those data sets.
        strict: an unusable row is an error, and so is a column of numbers that is not used.
        formula_column: the column that holds the formulas, if its name does not say so.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year.
        censored: take `<1E-10` as 1E-10 and say so in the variable `<property>_limit`.

    Raises:
        UserError: the file cannot be read, a column is not there, or no row is usable.
    """
    path = Path(path)
    if holds_cifs(path):
        return cif_folder(path, strict, properties=properties, time=time, censored=censored)
    header = () if is_text(path) and is_list(read_lines(path, _PURPOSE)) else _header(path)
    if formula_column or (column_of_formulas(header) and _CIF not in header):
        return formula_csv(path, strict, formula_column, properties, time, censored)
    if _CIF in header:
        return crystal_csv(path, strict, properties=properties, time=time, censored=censored)
    if time:
        raise UserError(f"{path}: element sets have no time; leave out '{time}'")
    if len(header) > 1 and not set(header) & set(COLUMNS):
        require_formula_column(read_table(path, _PURPOSE))  # refuses, and suggests a column
    return element_set_list(path, strict, properties, censored)


def _header(path: Path) -> tuple[str, ...]:
    header = read_header(path, _PURPOSE)
    return header if _CIF in header or len(header) > 1 or column_of_formulas(header) else ()
