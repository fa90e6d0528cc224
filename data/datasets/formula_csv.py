"""A CSV file of formulas, with any numeric properties beside them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import xarray as xr

from data.element_sets import parse_formula
from data.table import has_column, read_materials, read_table
from framework.contracts.dataset import data_set, refuse_unusable


def formula_csv(
    path: str | Path,
    strict: bool = False,
    column: str = "formula",
    properties: Sequence[str] | None = None,
    time: str = "",
) -> xr.Dataset:
    """The materials of a CSV file (or `.csv.gz`), one formula a row.

    "Conductivity (S/cm)" becomes the variable `Conductivity` with its units. A row is unusable
    if its formula cannot be read, if a value is blank, text, NaN or infinite, or if it repeats
    the composition and the values of an earlier row.

    Args:
        path: the file.
        strict: an unusable row is an error.
        column: the column that holds the formulas.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year.

    Raises:
        UserError: the file cannot be read, a column is not there, or no row is usable.
    """
    table = read_table(path, f"a CSV file with the column '{column}'")
    contents, unusable = read_materials(
        table, has_column(table, column), _parse, properties=properties, time=time
    )
    if strict:
        refuse_unusable(unusable, path)
    return data_set(
        **contents,
        name="formula_csv",
        title=f"Formulas of {Path(path).name}",
        source=f"the user's file {path}",
        licence="unknown: the user's file",
        citation="",
        unusable=unusable,
    )


def _parse(text: str) -> tuple[str, str, Hashable]:
    """Identity is the composition: "Li2O2", "LiO" and "OLi" are one."""
    if not text:
        raise ValueError("the formula is blank")
    amounts = parse_formula(text)
    total = sum(amounts.values())
    fractions = frozenset((symbol, round(n / total, 8)) for symbol, n in amounts.items())
    return text, " ".join(sorted(amounts)), fractions
