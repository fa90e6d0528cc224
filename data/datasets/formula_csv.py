"""A table of formulas (CSV, Excel, JSON), with any numeric properties beside them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import xarray as xr

from data.capitals import doubtful
from data.columns import cells_of, require_formula_column
from data.element_sets import parse_formula
from data.table import read_materials, read_table, refuse_left_out
from framework.contracts.dataset import data_set


def formula_csv(
    path: str | Path,
    strict: bool = False,
    formula_column: str = "",
    properties: Sequence[str] | None = None,
    time: str = "",
    censored: bool = False,
) -> xr.Dataset:
    """The materials of a table, one formula a row: CSV, Excel or JSON, plain or compressed.

    "Conductivity (S/cm)" becomes the variable `Conductivity` with its units. A row is unusable
    if its formula cannot be read, if a value is blank, text, NaN or infinite, or if it repeats
    the composition and the values of an earlier row. Decimal commas, units in cells and marks
    between thousands are read where they are certain; a column that is not used is named.

    Beside the contract: the variable `id` where a column names the materials, and the attributes
    of `data.table.read_materials`.

    Args:
        path: the file.
        strict: an unusable row is an error, and so is a column of numbers that is not used.
        formula_column: the column that holds the formulas; "" finds `formula`, `composition`,
            `pretty_formula` and the like.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year or a date.
        censored: take `<1E-10` as 1E-10 and say so in the variable `<property>_limit`.

    Raises:
        UserError: the file cannot be read, a column is not there, or no row is usable.
    """
    table = read_table(path, "a table with a column of formulas")
    column = require_formula_column(table, formula_column)
    doubts = doubtful(cells_of(table, column))

    def parse(text: str) -> tuple[str, str, Hashable]:
        if text in doubts:
            raise ValueError(doubts[text])
        return _parse(text)

    contents, unusable, account = read_materials(
        table, column, parse, properties=properties, time=time, censored=censored
    )
    if strict:
        refuse_left_out(unusable, account, path)
    ds = data_set(
        **contents,
        name="formula_csv",
        title=f"Formulas of {Path(path).name}",
        source=f"the user's file {path}",
        licence="unknown: the user's file",
        citation="",
        unusable=unusable,
    )
    ds.attrs |= account
    return ds


def _parse(text: str) -> tuple[str, str, Hashable]:
    """Identity is the composition: "Li2O2", "LiO" and "OLi" are one."""
    if not text:
        raise ValueError("the formula is blank")
    if text == "NaN":
        raise ValueError("'NaN' stands for a missing value; write Na1N1 for sodium and nitrogen")
    amounts = parse_formula(text)
    total = sum(amounts.values())
    fractions = frozenset((symbol, round(n / total, 8)) for symbol, n in amounts.items())
    return text, " ".join(sorted(amounts)), fractions
