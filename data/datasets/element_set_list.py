"""A file of element sets: one a line, or a CSV column `elements` with numeric properties."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path

import xarray as xr

from data.element_sets import parse_element_set
from data.table import Table, has_column, read_lines, read_materials, read_table
from framework.base.errors import UserError
from framework.contracts.dataset import data_set, refuse_unusable

_PURPOSE = "a list of element sets, one a line such as 'Li Sn S Cl'"
_COLUMNS = ("elements", "element_set")


def element_set_list(path: str | Path, strict: bool = False) -> xr.Dataset:
    """The element sets of a text or CSV file, plain or `.gz`; their formulas are unknown ("").

    Text: one set a line, symbols parted by blanks, commas, hyphens or semicolons; '#' begins a
    comment. CSV: the column `elements` or `element_set`, and any numeric properties. A row is
    unusable if a symbol is no element or repeats, a value is not a finite number, or the set
    appeared before.

    Beside the contract, the attribute `lines` (JSON): the line of each material in the file.

    Args:
        path: the file.
        strict: an unusable row is an error.

    Raises:
        UserError: the file cannot be read, or no row is usable.
    """
    table = _read(Path(path))
    contents, unusable = read_materials(
        table, has_column(table, *_COLUMNS), _parse, values_differ=False
    )
    if strict:
        refuse_unusable(unusable, path)
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
    ds.attrs["lines"] = json.dumps([line for line, _ in table.rows if line not in left_out])
    return ds


def _read(path: Path) -> Table:
    lines = [line.split("#")[0].strip() for line in read_lines(path, _PURPOSE)]
    rows = tuple((i, (line,)) for i, line in enumerate(lines, start=1) if line)
    if not rows:
        raise UserError(f"{path}: nothing but comments ({_PURPOSE})")
    first = rows[0][1][0]
    if any(column in first for column in _COLUMNS) or (
        ".csv" in path.suffixes and not _is_element_set(first)
    ):
        return read_table(path, _PURPOSE)
    return Table(path, _COLUMNS[:1], rows)


def _is_element_set(text: str) -> bool:
    try:
        parse_element_set(text)
    except ValueError as error:
        return "appears" in str(error)
    return True


def _parse(text: str) -> tuple[str, str, Hashable]:
    element_set = " ".join(parse_element_set(text))
    return "", element_set, element_set
