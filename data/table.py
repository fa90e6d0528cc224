"""Tables that users bring: read with line numbers, every row and column that is not used named."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.columns import Columns, Quantity, Unused, as_attributes, columns_of, has_column
from data.table_files import Table, read_table
from data.text_files import read_lines
from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, refuse_unusable

__all__ = [
    "Parse",
    "Table",
    "has_column",
    "read_lines",
    "read_materials",
    "read_table",
    "refuse_left_out",
]

Parse = Callable[[str], tuple[str, str, Hashable]]


def read_materials(
    table: Table,
    column: str,
    parse: Parse,
    *,
    properties: Sequence[str] | None = None,
    time: str = "",
    values_differ: bool = True,
    censored: bool = False,
) -> tuple[dict[str, Any], list[UnusableRow], dict[str, Any]]:
    """What `framework.contracts.dataset.data_set` needs, from one column of materials and numeric columns.

    A row is unusable if `parse` refuses its material, a value is blank, text, NaN, infinite or a
    limit (`<1E-10`), it has more or fewer cells than the header, or it repeats an earlier row. A
    column that seems to hold numbers and cannot be read (`data.cell_numbers`) is listed among them
    by the line of the header. The variable `id` holds the column that names the materials.

    Args:
        column: the column that `parse` reads.
        parse: text -> (formula, element set, identity); raises ValueError with the reason.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, "" for none.
        values_differ: rows of one identity are apart if their values differ.
        censored: take `<1E-10` as 1E-10; the variable `<property>_limit` is -1 there (1 for `>`).

    Returns:
        The keyword arguments `variables`, `properties` and `time`; the unusable rows; and an
        account of the file as attributes of a data set: `rows_read`, `rows_used`, `unused_columns`
        (JSON: column, reason, example, whether it is lost, that is, seems to hold numbers) and
        `reading_notes` (JSON: how cells were read).

    Raises:
        UserError: a column is not there or may mean two things, or no row is usable.
    """
    columns = columns_of(table, column, properties, time)
    asked = [q.column != time and censored for q in columns.quantities]
    used, unusable = _rows(table, table.header.index(column), parse, columns, asked, values_differ)
    if not used:
        first = unusable[0]
        raise UserError(
            f"{table.path}: none of the {len(unusable)} rows is usable; "
            f"line {first.line}: {first.reason}"
        )
    variables = {
        "formula": ("material", np.array([row.formula for row in used])),
        "element_set": ("material", np.array([row.element_set for row in used])),
    } | _variables(table, columns, used)
    if columns.identifier and "id" not in variables:
        i = table.header.index(columns.identifier)
        variables["id"] = ("material", np.array([row.cells[i] for row in used]))
    contents = {
        "variables": variables,
        "properties": tuple(q.slug for q in columns.quantities if q.column != time),
        "time": next((q.slug for q in columns.quantities if q.column == time), ""),
    }
    lost = [
        UnusableRow(table.header_line, str(each), each.column)
        for each in columns.unused
        if each.lost
    ]
    account = as_attributes(columns) | {"rows_read": len(table.rows), "rows_used": len(used)}
    return contents, lost + unusable, account


class _Row(NamedTuple):
    """A row that makes a material; `values` and `limits` are those of the quantities."""

    cells: tuple[str, ...]
    formula: str
    element_set: str
    values: tuple[float, ...]
    limits: tuple[int, ...]


def _rows(
    table: Table,
    at: int,
    parse: Parse,
    columns: Columns,
    censored: Sequence[bool],
    values_differ: bool,
) -> tuple[list[_Row], list[UnusableRow]]:
    """The rows that make a material, and the others with the reason.

    Args:
        at: the place of the column that `parse` reads.
        censored: of each quantity, whether a limit is taken for a value.
    """
    places = [table.header.index(each.column) for each in columns.quantities]
    quantities = list(zip(columns.quantities, places, censored, strict=True))
    seen: dict[Hashable, int] = {}
    used: list[_Row] = []
    unusable: list[UnusableRow] = []
    for line, cells in table.rows:
        try:
            if len(cells) != len(table.header):
                raise ValueError(f"{len(cells)} cells where the header has {len(table.header)}")
            formula, element_set, identity = parse(cells[at])
            read = [_read(each, cells[i], asked) for each, i, asked in quantities]
            key = (identity, *read) if values_differ else identity
            if key in seen:
                raise ValueError(f"duplicate of line {seen[key]}")
        except ValueError as error:
            unusable.append(UnusableRow(line, str(error), ",".join(cells)))
            continue
        seen[key] = line
        values, limits = tuple(v for v, _ in read), tuple(limit for _, limit in read)
        used.append(_Row(cells, formula, element_set, values, limits))
    return used, unusable


def refuse_left_out(
    unusable: Sequence[UnusableRow], account: dict[str, Any], path: str | Path
) -> None:
    """What `strict` means for a table: no row is left out, and no column that holds numbers.

    Raises:
        UserError: something is; every column that is not used is named, text as well.
    """
    unused = [Unused(**each) for each in json.loads(account["unused_columns"])]
    if any(each.lost for each in unused):
        n_rows = account["rows_read"] - account["rows_used"]
        raise UserError(
            f"{path}: strict allows no column of numbers to be left out: "
            f"{'; '.join(map(str, sorted(unused, key=lambda each: not each.lost)))}"
            f"{f'; and {n_rows} unusable row(s)' if n_rows else ''}; write plain numbers, or name "
            "the columns to read (properties)"
        )
    refuse_unusable(unusable, path)


def _read(quantity: Quantity, cell: str, censored: bool) -> tuple[float, int]:
    """The value of a cell, and on which side of it the true one is (0: it is the true one)."""
    if not cell:
        raise ValueError(f"column '{quantity.column}' is blank")
    try:
        read = quantity.read(cell)
    except ValueError as error:
        raise ValueError(f"column '{quantity.column}' {error}") from None
    if read.limit and not censored:
        raise ValueError(
            f"column '{quantity.column}' holds '{cell}', a limit and not a value; --censored, "
            "or the setting censored, takes it as a limit"
        )
    return read.value, read.limit


def _variables(table: Table, columns: Columns, used: Sequence[_Row]) -> dict[str, Any]:
    """The variables of the quantities; of one with limits, also which side of them is meant.

    Raises:
        UserError: two columns would have one name.
    """
    shape = (len(used), len(columns.quantities))
    array = np.array([row.values for row in used], float).reshape(shape)
    sides = np.array([row.limits for row in used], np.int8).reshape(shape)
    variables: dict[str, Any] = {}
    for j, each in enumerate(columns.quantities):
        if each.slug in (*variables, "material", "formula", "element_set"):
            raise UserError(
                f"{table.path}: column '{each.column}' would be '{each.slug}', which is taken; "
                "rename it"
            )
        variables[each.slug] = ("material", array[:, j], each.attrs)
        if sides[:, j].any():
            about = f"-1: {each.attrs['long_name']} is below the value, 1: above it"
            variables[f"{each.slug}_limit"] = ("material", sides[:, j], {"long_name": about})
    return variables
