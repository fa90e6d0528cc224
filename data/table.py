"""Tables that users bring: read with line numbers, every unusable row named, none lost."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.base.errors import UserError, nearest, read_bytes, read_text
from framework.contracts.dataset import UnusableRow

_PROPERTY = re.compile(r"(?P<long_name>[^(\[]*?)\s*[(\[](?P<units>[^()\[\]]+)[)\]]")


@dataclass(frozen=True)
class Table:
    """A header, and the cells of every row with the line of the file on which it starts."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_lines(path: str | Path, purpose: str) -> list[str]:
    """The lines of a UTF-8 text file, plain or `.gz`.

    Raises:
        UserError: missing, a folder, empty, binary, or not a gzip file.
    """
    if Path(path).suffix != ".gz":
        return read_text(path, purpose).splitlines()
    try:
        text = gzip.decompress(read_bytes(path, purpose)).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a readable gzip file ({error}); {purpose}") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not a text file inside (byte {error.start} is not UTF-8); {purpose}"
        ) from None
    if "\x00" in text:
        raise UserError(f"{path}: not a text file inside (it holds NUL bytes); {purpose}")
    if not text.strip():
        raise UserError(f"{path}: the file inside holds nothing but blanks ({purpose})")
    return text.splitlines()


def read_table(path: str | Path, purpose: str) -> Table:
    """A CSV file, plain or `.gz`; cells parted by commas, semicolons or tabs.

    Lines before the header that are blank or begin with '#' are skipped, and so are blank rows.

    Raises:
        UserError: as `read_lines`; no header, a column twice, or no row under the header.
    """
    path = Path(path)
    lines = read_lines(path, purpose)
    skipped = 0
    while skipped < len(lines) and (not lines[skipped].strip() or lines[skipped][0] == "#"):
        skipped += 1
    if skipped == len(lines):
        raise UserError(f"{path}: nothing but comments ({purpose}); write a header and rows")
    delimiter = max(",;\t", key=lines[skipped].count)
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter)
    header: tuple[str, ...] = ()
    rows = []
    line = skipped
    try:
        for row in reader:
            start, line = line + 1, skipped + reader.line_num
            cells = tuple(cell.strip() for cell in row)
            if not header:
                header = cells
            elif any(cells):
                rows.append((start, cells))
    except csv.Error as error:
        raise UserError(f"{path}: line {skipped + reader.line_num}: not CSV ({error})") from None
    for column in header:
        if column and header.count(column) > 1:
            raise UserError(f"{path}: column '{column}' appears twice; rename one of them")
    if not rows:
        raise UserError(f"{path}: a header and no row ({purpose})")
    return Table(path, header, tuple(rows))


def read_materials(
    table: Table,
    column: str,
    parse: Callable[[str], tuple[str, str, Hashable]],
    *,
    properties: Sequence[str] | None = None,
    time: str = "",
    values_differ: bool = True,
) -> tuple[dict[str, Any], list[UnusableRow]]:
    """What `framework.contracts.dataset.data_set` needs, from one column of materials and numeric columns.

    A row is unusable if `parse` refuses its material, a value is blank, text, NaN or infinite,
    it has more or fewer cells than the header, or it repeats an earlier row.

    Args:
        column: the column that `parse` reads.
        parse: text -> (formula, element set, identity); raises ValueError with the reason.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, "" for none.
        values_differ: rows of one identity are apart if their values differ.

    Returns:
        The keyword arguments `variables`, `properties` and `time`, and the unusable rows.

    Raises:
        UserError: a column is not there, or no row is usable.
    """
    names = _value_columns(table, column, properties, time)
    at = {name: table.header.index(name) for name in names}
    seen: dict[Hashable, int] = {}
    materials: list[tuple[str, str]] = []
    values: list[list[float]] = []
    unusable: list[UnusableRow] = []
    for line, cells in table.rows:
        try:
            if len(cells) != len(table.header):
                raise ValueError(f"{len(cells)} cells where the header has {len(table.header)}")
            formula, element_set, identity = parse(cells[table.header.index(column)])
            row = [_number(cells[at[name]], name) for name in names]
            key = (identity, *row) if values_differ else identity
            if key in seen:
                raise ValueError(f"duplicate of line {seen[key]}")
        except ValueError as error:
            unusable.append(UnusableRow(line, str(error), ",".join(cells)))
            continue
        seen[key] = line
        materials.append((formula, element_set))
        values.append(row)
    if not materials:
        first = unusable[0]
        raise UserError(
            f"{table.path}: none of the {len(unusable)} rows is usable; "
            f"line {first.line}: {first.reason}"
        )
    array = np.array(values, float).reshape(len(values), len(names))
    variables: dict[str, Any] = {
        "formula": ("material", np.array([formula for formula, _ in materials])),
        "element_set": ("material", np.array([element_set for _, element_set in materials])),
    }
    slugs = {}
    for j, name in enumerate(names):
        slug, attrs = _describe(name)
        if slug in (*variables, "material"):
            raise UserError(
                f"{table.path}: column '{name}' would be '{slug}', which is taken; rename it"
            )
        slugs[name] = slug
        variables[slug] = ("material", array[:, j], attrs)
    return {
        "variables": variables,
        "properties": tuple(slugs[name] for name in names if name != time),
        "time": slugs.get(time, ""),
    }, unusable


def has_column(table: Table, *valid: str) -> str:
    """The first of the columns that the table has.

    Raises:
        UserError: it has none of them.
    """
    for name in valid:
        if name in table.header:
            return name
    wanted = " or ".join(f"'{name}'" for name in valid)
    raise UserError(
        f"{table.path}: no column {wanted}; {nearest(valid[0], [c for c in table.header if c])}"
    )


def _value_columns(
    table: Table, column: str, properties: Sequence[str] | None, time: str
) -> list[str]:
    if properties is None:
        names = [n for n in table.header if n and n not in (column, time) and _is_numeric(table, n)]
    else:
        names = [has_column(table, name) for name in properties if name != time]
    return [*names, has_column(table, time)] if time else names


def _is_numeric(table: Table, name: str) -> bool:
    """True if most of the cells that hold something hold a number."""
    at = table.header.index(name)
    cells = [row[at] for _, row in table.rows if at < len(row) and row[at]]
    return 2 * sum(map(_is_number, cells)) > len(cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, name: str) -> float:
    if not text:
        raise ValueError(f"column '{name}' is blank")
    if not _is_number(text):
        raise ValueError(f"column '{name}' holds '{text}', not a number")
    if not math.isfinite(float(text)):
        raise ValueError(f"column '{name}' holds '{text}', not a finite number")
    return float(text)


def _describe(column: str) -> tuple[str, dict[str, str]]:
    """ "Conductivity (S cm-1)" -> "Conductivity" with its long name and units."""
    found = _PROPERTY.fullmatch(column)
    attrs = found.groupdict() if found else {"long_name": column, "units": "unknown"}
    slug = re.sub(r"\W+", "_", attrs["long_name"]).strip("_")
    return slug or "value", attrs
