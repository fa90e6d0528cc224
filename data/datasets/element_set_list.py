"""A file of element sets: one a line, or a CSV column `elements` with numeric properties."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import xarray as xr

from data.columns import FORMULA_COLUMNS, column_of_formulas
from data.element_sets import formula_element_set, parse_element_set
from data.table import (
    Parse,
    Table,
    has_column,
    read_lines,
    read_materials,
    read_table,
    refuse_left_out,
)
from data.table_files import is_text
from framework.base.errors import UserError
from framework.contracts.dataset import data_set

_PURPOSE = "a list of element sets, one a line such as 'Li Sn S Cl'"
_CANDIDATES = "candidates, one a line: an element set such as 'Li Sn S Cl', or a formula"
COLUMNS = ("elements", "element_set")


def element_set_list(
    path: str | Path,
    strict: bool = False,
    properties: Sequence[str] | None = None,
    censored: bool = False,
) -> xr.Dataset:
    """The element sets of a list or a table, plain or compressed; their formulas are unknown ("").

    List: one set a line, symbols separated by blanks, commas, hyphens or semicolons; '#' begins a
    comment. Table (CSV, Excel, JSON): the column `elements` or `element_set`, and any numeric
    properties. A row is unusable if a symbol is not an element or repeats, a value is not a finite
    number, or the set appeared before.

    Beside the contract: the variable `id` where a column names the sets, the attribute `lines`
    (JSON), the line of each material in the file, and those of `data.table.read_materials`.

    Args:
        path: the file.
        strict: an unusable row is an error, and so is a column of numbers that is not used.
        properties: the columns to read; None for every column in which most cells are numbers.
        censored: take `<1E-10` as 1E-10 and say so in the variable `<property>_limit`.

    Raises:
        UserError: the file cannot be read, a column is not there, or no row is usable.
    """
    table = _read(Path(path), _PURPOSE, COLUMNS, _is_element_set)
    column = has_column(table, *COLUMNS)
    return _materials(table, column, _parse, strict, properties, censored)


def candidate_list(path: str | Path, strict: bool = False) -> xr.Dataset:
    """The element sets of a list or a table of candidates: sets as above, or formulas, each of
    which means its elements and stays in the variable `formula`. Further columns are not read.

    Raises:
        UserError: the file cannot be read, or no row is usable.
    """
    table = _read(Path(path), _CANDIDATES, (*COLUMNS, *FORMULA_COLUMNS), _is_either)
    column = next((name for name in COLUMNS if name in table.header), None)
    column = column or column_of_formulas(table.header) or has_column(table, *COLUMNS)
    return _materials(table, column, _parse_either, strict, (), False)


def _materials(
    table: Table,
    column: str,
    parse: Parse,
    strict: bool,
    properties: Sequence[str] | None,
    censored: bool,
) -> xr.Dataset:
    """The element sets of a column, each once."""
    path = table.path
    contents, unusable, account = read_materials(
        table, column, parse, properties=properties, values_differ=False, censored=censored
    )
    if strict:
        refuse_left_out(unusable, account, path)
    ds = data_set(
        **contents,
        name="element_set_list",
        title=f"Element sets of {Path(path).name}",
        source=f"the user's file {path}",
        licence="unknown: the user's file",
        citation="",
        unusable=unusable,
    )
    left_out = {row.line for row in unusable}
    ds.attrs |= account
    ds.attrs["lines"] = json.dumps([line for line, _ in table.rows if line not in left_out])
    return ds


def is_list(lines: Sequence[str]) -> bool:
    """True where most of the first lines are element sets, so that there is no header."""
    some = [text for line in lines[:50] if (text := line.split("#")[0].strip())]
    return 2 * sum(map(_is_element_set, some)) > len(some)


def _read(
    path: Path, purpose: str, columns: Sequence[str], holds_row: Callable[[str], bool]
) -> Table:
    """A table, or lines without a header as a table of one column.

    Args:
        columns: names of a header.
        holds_row: whether a line is a row rather than a header.
    """
    if not is_text(path):
        return read_table(path, purpose)
    lines = [line.split("#")[0].strip() for line in read_lines(path, purpose)]
    rows = tuple((i, (line,)) for i, line in enumerate(lines, start=1) if line)
    if not rows:
        raise UserError(f"{path}: nothing but comments ({purpose})")
    first = rows[0][1][0]
    named = any(column in first for column in columns)
    if named or (".csv" in path.suffixes and not holds_row(first)):
        return read_table(path, purpose)
    return Table(path, COLUMNS[:1], rows)


def _is_element_set(text: str) -> bool:
    """True for an element set, and for one with an element that repeats."""
    try:
        parse_element_set(text)
    except ValueError as error:
        return "appears" in str(error)
    return True


def _is_either(text: str) -> bool:
    """True for an element set or a formula."""
    try:
        return bool(_is_element_set(text) or formula_element_set(text))
    except ValueError:
        return False


def _parse_either(text: str) -> tuple[str, str, Hashable]:
    """An element set, or a formula as its elements; refused as an element set where it is neither."""
    try:
        return _parse(text)
    except ValueError as not_symbols:
        if _is_element_set(text):  # with an element that repeats
            raise
        try:
            element_set = formula_element_set(text)
        except ValueError:
            raise not_symbols from None
    return text, element_set, element_set


def _parse(text: str) -> tuple[str, str, Hashable]:
    element_set = " ".join(parse_element_set(text))
    return "", element_set, element_set
