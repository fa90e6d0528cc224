"""Files of tables as rows of text: CSV in every common dress, Excel, JSON; plain or compressed."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.text_files import EXCEL, GUESSED, WORKBOOK, ZIP, lines_of, unpacked
from framework.base.errors import UserError

_DELIMITERS = "\t;|,"
"""Those that cells rarely hold come first."""
_SNIFFED = 50

Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """A header, and the cells of every row with the line of the file on which it starts.

    Attributes:
        header_line: the line of the header. In a file without lines (JSON) rows are counted as if
            the header were line 1.
        notes: what a reader should know of how the file was read.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    header_line: int = 1
    notes: tuple[str, ...] = ()


def read_table(path: str | Path, purpose: str) -> Table:
    """The table of a file: CSV (cells separated by commas, semicolons, tabs or bars), the first
    sheet of an Excel file, or JSON as pandas and Matbench write it; plain or compressed.

    Lines before the header that are blank or begin with '#' are skipped, and so are blank rows.

    Raises:
        UserError: as `data.text_files.read_lines`; no header, a column twice, or no row under it.
    """
    path = Path(path)
    rows, notes = _rows(path, purpose)
    line, header = _header_of(path, rows, purpose)
    for column in header:
        if column and header.count(column) > 1:
            raise UserError(f"{path}: column '{column}' appears twice; rename one of them")
    body = tuple((n, cells) for n, cells in rows if any(cells))
    if not body:
        raise UserError(f"{path}: a header and no row ({purpose})")
    return Table(path, header, body, line, notes)


def read_header(path: str | Path, purpose: str) -> tuple[str, ...]:
    """The header of a table alone.

    Raises:
        UserError: as `data.text_files.read_lines`, or there is no header.
    """
    return _header_of(Path(path), _rows(Path(path), purpose)[0], purpose)[1]


def _header_of(path: Path, rows: Iterator[Row], purpose: str) -> Row:
    """The first row that holds anything and is not a comment."""
    for line, cells in rows:
        if any(cells) and cells[0][:1] != "#":
            return line, cells
    raise UserError(f"{path}: nothing but comments ({purpose}); write a header and rows")


def is_text(path: str | Path) -> bool:
    """False for files that hold a table and not lines: Excel by its content, JSON by its name."""
    path = Path(path)
    if {".json", ".jsonl"} & {suffix.lower() for suffix in path.suffixes}:
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return WORKBOOK not in archive.namelist()
    except (OSError, zipfile.BadZipFile):  # whoever reads it says what is wrong
        return path.suffix.lower() not in EXCEL


def _rows(path: Path, purpose: str) -> tuple[Iterator[Row], tuple[str, ...]]:
    """All rows of a file, the header among them, and notes."""
    raw = unpacked(path, purpose)
    if raw[:4] == ZIP:
        return _of_excel(path, raw)
    lines, encoding = lines_of(path, purpose, raw)
    notes = (f"the text is read as {encoding}",) if encoding == GUESSED else ()
    first = next((line for line in lines if line.strip()), "").lstrip()
    if first[:1] in "{[" and (".json" in path.name.lower() or first[:2] in ('{"', "[{")):
        return _of_json(path, lines), notes
    return _of_csv(path, lines), notes


def _of_csv(path: Path, lines: list[str]) -> Iterator[Row]:
    skipped = 0
    while skipped < len(lines) and (not lines[skipped].strip() or lines[skipped][0] == "#"):
        skipped += 1
    stated = re.fullmatch(r"sep=(.)", lines[skipped]) if skipped < len(lines) else None
    skipped += bool(stated)  # Excel's own way to state it
    delimiter = stated[1] if stated else _delimiter(lines[skipped:])
    reader = csv.reader((f"{line}\n" for line in lines[skipped:]), delimiter=delimiter)
    start = line = skipped
    try:
        for row in reader:
            start, line = line + 1, skipped + reader.line_num
            yield start, tuple(cell.strip() for cell in row)
    except csv.Error as error:
        raise UserError(f"{path}: line {skipped + reader.line_num}: not CSV ({error})") from None
    try:  # a quotation mark that is never closed takes the rest of the file into one cell
        list(csv.reader(lines[start - 1 :], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise UserError(
                f"{path}: line {start}: a quotation mark is opened and never closed"
            ) from None


def _delimiter(lines: list[str]) -> str:
    """The one by which the rows at the beginning have as many cells as the header."""

    def agreement(delimiter: str) -> float:
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
        try:
            rows = [row for row in itertools.islice(reader, _SNIFFED) if any(row)]
        except csv.Error:
            return 0.0
        return sum(len(row) == len(rows[0]) for row in rows[1:]) / max(len(rows) - 1, 1)

    candidates = [d for d in _DELIMITERS if lines and d in lines[0]]
    if len(candidates) < 2:
        return candidates[0] if candidates else ","
    return max(candidates, key=agreement)


def _of_excel(path: Path, raw: bytes) -> tuple[Iterator[Row], tuple[str, ...]]:
    """The first sheet that holds anything.

    Raises:
        UserError: the package that reads Excel is not installed, or it cannot read the file.
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise UserError(
            f"{path}: reading Excel needs the package openpyxl; install it, or save the file as CSV"
        ) from None
    try:
        sheets = {
            sheet.title: [
                (line, tuple(map(_as_text, cells)))
                for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1)
            ]
            for sheet in load_workbook(io.BytesIO(raw), read_only=True, data_only=True).worksheets
        }
    except Exception as error:  # it raises several kinds, none of them shared
        raise UserError(f"{path}: not a readable Excel file ({error!s:.80})") from None
    filled = [title for title, rows in sheets.items() if any(any(cells) for _, cells in rows)]
    if not filled:
        raise UserError(f"{path}: no sheet of it holds anything")
    others = ", ".join(f"'{title}'" for title in filled[1:])
    notes = (f"sheet '{filled[0]}' is read, and not {others}",) if others else ()
    return iter(sheets[filled[0]]), notes


def _of_json(path: Path, lines: list[str]) -> Iterator[Row]:
    """Records, columns, or pandas' orientation "split"; or one record a line.

    Raises:
        UserError: it is not JSON, or JSON of another kind.
    """
    try:
        try:
            content = json.loads("\n".join(lines))
        except json.JSONDecodeError:
            content = [json.loads(line) for line in lines if line.strip()]
        header, rows = _of_content(content)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(
            f"{path}: not a table in JSON ({error!s:.80}); write records "
            '[{"formula": "LiCl", "gap": 9.4}, ...] or columns {"formula": [...], "gap": [...]}'
        ) from None
    yield 1, tuple(str(name).strip() for name in header)
    for line, row in enumerate(rows, start=2):
        yield line, tuple(map(_as_text, row))


def _of_content(content: Any) -> tuple[list[Any], list[list[Any]]]:
    if isinstance(content, list):
        header = list(dict.fromkeys(name for record in content for name in record))
        return header, [[record.get(name) for name in header] for record in content]
    if {"columns", "data"} <= set(content):
        return content["columns"], content["data"]
    columns = {
        name: values if isinstance(values, dict) else dict(enumerate(values))
        for name, values in content.items()
        if isinstance(values, dict | list)
    }
    if not columns:
        raise TypeError("it has no columns")
    keys = list(dict.fromkeys(key for values in columns.values() for key in values))
    return list(columns), [[values.get(key) for values in columns.values()] for key in keys]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip()
