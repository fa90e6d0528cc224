"""What the columns of a user's table are: formulas, identifiers, quantities, and what is not used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from data.cell_numbers import (
    NotANumber,
    Notation,
    Number,
    Uncertain,
    begins_like_a_number,
    day,
    has_decimal_commas,
    notation,
    number,
)
from data.formulas import parse_formula
from data.table_files import Table
from data.units import is_unit
from framework.base.errors import UserError, nearest

FORMULA_COLUMNS = (
    "formula",
    "composition",
    "pretty formula",
    "formula pretty",
    "reduced formula",
    "chemical formula",
    "full formula",
    "reduced composition",
    "true composition",
)
"""In order of preference; capitals, underscores and blanks do not matter."""

_IDENTIFIERS = ("id", "material id", "mbid", "mpid", "mp id", "entry id", "uuid", "identifier")
_OTHER_IDENTIFIERS = ("icsd", "icsd code", "icsd number", "collection code", "cod", "refcode")
_ROW_NUMBERS = re.compile(r"|unnamed: \d+|index|level_\d+|#|row", re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?\d*\.\d*[1-9]\d*")
_WITH_UNITS = re.compile(r"(?P<long_name>[^(\[]*?)(?P<gap>\s*)[(\[](?P<units>[^()\[\]]+)[)\]]")

Read = Callable[[str], Number]


@dataclass(frozen=True)
class Unused:
    """A column that no variable was made of.

    Attributes:
        lost: it seems to hold numbers; `strict` refuses that.
    """

    column: str
    reason: str
    example: str
    lost: bool = False

    def __str__(self) -> str:
        example = f", such as '{self.example:.40}'" if self.example not in self.reason else ""
        return f"column '{self.column}' is not used: it {self.reason}{example}"


@dataclass(frozen=True)
class Quantity:
    """A column of numbers: its name, what it is called in a data set, and how a cell is read."""

    column: str
    slug: str
    attrs: dict[str, str]
    read: Read


@dataclass(frozen=True)
class Columns:
    """What a table's columns are.

    Attributes:
        quantities: those to read, the time among them if it was asked for.
        identifier: the column that names the materials, "" for none.
        notes: what a reader should know of how cells were read.
    """

    quantities: tuple[Quantity, ...]
    identifier: str
    unused: tuple[Unused, ...]
    notes: tuple[str, ...]


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


def column_of_formulas(header: Sequence[str]) -> str | None:
    """The column of formulas by its name, None where no name says so."""
    names = {_plain(name): name for name in reversed(header)}
    return next((names[name] for name in FORMULA_COLUMNS if name in names), None)


def require_formula_column(table: Table, asked: str = "") -> str:
    """The column of formulas: the one asked for, else the one whose name says so.

    Raises:
        UserError: there is none; a column whose cells are formulas is suggested.
    """
    if asked:
        return has_column(table, asked)
    if (name := column_of_formulas(table.header)) is not None:
        return name
    likely = [name for name in table.header if name and _holds_formulas(cells_of(table, name))]
    hint = f"did you mean '{likely[0]}'" if likely else "the file has"
    example = f" ({cells_of(table, likely[0])[0]})?" if likely else f" {', '.join(table.header)};"
    raise UserError(
        f"{table.path}: no column 'formula' or 'composition'; {hint}{example} name the column of "
        "formulas by formula_column (--formula-column), or rename it"
    )


def cells_of(table: Table, name: str) -> list[str]:
    """The cells of a column that hold something."""
    at = table.header.index(name)
    return [cells[at] for _, cells in table.rows if at < len(cells) and cells[at]]


def columns_of(
    table: Table, materials: str, properties: Sequence[str] | None = None, time: str = ""
) -> Columns:
    """What the columns are, beside the one of the materials.

    Args:
        properties: the quantities to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, "" for none.

    Raises:
        UserError: a column that is asked for is not there, or may mean two things.
    """
    asked = None if properties is None else [has_column(table, name) for name in properties]
    wanted = [*(asked or []), *([has_column(table, time)] if time else [])]
    identifier, unused = _identifiers(table, {materials, *wanted})
    known = {materials, identifier, *wanted, *(each.column for each in unused)}
    others = [name for name in table.header if name not in known] if asked is None else []
    names = [name for name in table.header if name in {*others, *wanted} and name != time]
    quantities, notes, commas = [], list(table.notes), _with_commas(table)
    for name in [*names, *([time] if time else [])]:
        cells = cells_of(table, name)
        slug, attrs = describe(name, table.header)
        unit = "" if attrs["units"] == "unknown" else attrs["units"]
        try:
            written = notation(cells, unit, commas=bool(commas - {name}))
            if name not in wanted and 2 * len(cells) < len(table.rows):
                blank = len(table.rows) - len(cells)
                raise Uncertain(f"is blank in {blank} of {len(table.rows)} rows")
        except NotANumber as error:
            if name not in wanted:
                if cells:
                    unused.append(_unused(name, cells, error))
                continue
            if name == time and _are_dates(cells):
                attrs["units"] = "days since 1970-01-01"
                quantities.append(Quantity(name, slug, attrs, lambda text: Number(day(text))))
                continue
            if isinstance(error, Uncertain):
                raise UserError(
                    f"{table.path}: column '{name}' {error}; write plain numbers, as in 1250.5"
                ) from None
            written = Notation()  # each of its rows says what is wrong
        if written.unit:
            attrs["units"] = written.unit
        notes += [f"column '{name}': {note}" for note in written.notes]
        quantities.append(Quantity(name, slug, attrs, _reader(written)))
    return Columns(
        tuple(quantities), identifier, () if asked is not None else tuple(unused), tuple(notes)
    )


def describe(column: str, header: Sequence[str] = ()) -> tuple[str, dict[str, str]]:
    """ "Conductivity (S cm-1)" -> "Conductivity" with its long name and units.

    The whole name counts where brackets do not hold units: "log10(K)", or "IC (Bulk)" beside
    "IC (Total)" in the header.
    """
    found = _WITH_UNITS.fullmatch(column)
    attrs = {"long_name": column, "units": "unknown"}
    if found and found["long_name"] and (found["gap"] or is_unit(found["units"])):
        name = found["long_name"]
        alike = [
            other for other in header if re.fullmatch(rf"{re.escape(name)}\s*([(\[].*)?", other)
        ]
        if len(alike) < 2:
            attrs = {"long_name": name, "units": found["units"]}
    slug = re.sub(r"\W+", "_", attrs["long_name"]).strip("_")
    return slug or "value", attrs


def as_attributes(columns: Columns) -> dict[str, str]:
    """What a data set's attributes say of the columns."""
    return {
        "unused_columns": json.dumps([asdict(each) for each in columns.unused], ensure_ascii=False),
        "reading_notes": json.dumps(columns.notes, ensure_ascii=False),
    }


def _reader(written: Notation) -> Read:
    return lambda text: number(text, written)


def _unused(name: str, cells: Sequence[str], error: NotANumber) -> Unused:
    like = [cell for cell in cells if begins_like_a_number(cell)]
    if isinstance(error, Uncertain):
        return Unused(name, str(error), like[0] if like else cells[0], lost=True)
    if 2 * len(like) > len(cells):
        bad = next((cell for cell in like if not _is_number(cell)), like[0])
        return Unused(name, "holds numbers that are not understood", bad, lost=True)
    return Unused(name, "holds text", cells[0])


def _is_number(cell: str) -> bool:
    try:
        number(cell, Notation())
    except NotANumber:
        return False
    return True


def _are_dates(cells: Sequence[str]) -> bool:
    try:
        return bool([day(cell) for cell in cells])
    except ValueError:
        return False


def _with_commas(table: Table) -> set[str]:
    """The columns with decimal commas beyond doubt."""
    cells = (text for _, row in table.rows for text in row if "," in text)
    if not any(map(begins_like_a_number, cells)):
        return set()
    return {name for name in table.header if name and has_decimal_commas(cells_of(table, name))}


def _identifiers(table: Table, taken: set[str]) -> tuple[str, list[Unused]]:
    """The column that names the materials, and those that name or number them besides."""
    unused, candidates = [], []
    for name in table.header:
        cells = cells_of(table, name)
        if name in taken or not cells:
            continue
        whole = all(re.fullmatch(r"\d+(?:\.0)?", cell) for cell in cells)
        if _ROW_NUMBERS.fullmatch(name) and whole and len(set(cells)) == len(cells):
            unused.append(Unused(name, "numbers the rows", cells[0]))
        elif not name:
            lost = 2 * sum(map(begins_like_a_number, cells)) > len(cells)
            unused.append(Unused(name, "has no name", cells[0], lost))
        elif _is_identifier(name) and not any(map(_DECIMAL.fullmatch, cells)):
            candidates.append(name)
    order = {name: i for i, name in enumerate(_IDENTIFIERS)}
    candidates.sort(key=lambda name: order.get(_plain(name), len(order)))
    unused += [
        Unused(name, f"is an identifier beside '{candidates[0]}'", cells_of(table, name)[0])
        for name in candidates[1:]
    ]
    return (candidates[0] if candidates else ""), unused


def _is_identifier(name: str) -> bool:
    plain = _plain(name)
    words = _plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).split()
    return plain in (*_IDENTIFIERS, *_OTHER_IDENTIFIERS) or words[-1:] == ["id"]


def _holds_formulas(cells: Sequence[str]) -> bool:
    some = cells[:50]
    return 2 * sum(map(_is_formula, some)) > len(some)


def _is_formula(text: str) -> bool:
    try:
        parse_formula(text)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()
