"""Numbers as people write them in cells: what a column's cells mean, where that is certain.

A column is read in one notation: one decimal mark, one unit. "1,250" may be 1250 or 1.25, so other
cells of the column, or of the file, have to say which.
"""

# ruff: noqa: RUF001 - what people write for a minus and a times sign

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from data.units import is_unit, same_unit

_SPACES = "\u00a0\u202f\u2009"
_DIGITS = rf"\d[\d.,'\u2019{_SPACES}]*\d|\d[.,]?|[.,]\d+"
_EXPONENT = (
    r"[eE](?P<e>[+\-\u2212]?\d+)|\s*[xX×*·]\s*10(?:\^|\*\*)?"
    r"(?:[({]?(?P<power>[+\-\u2212]?\d+)[)}]?|(?P<raised>[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))"
)
_CELL = re.compile(
    rf"(?P<limit><=|>=|[<>≤≥])?\s*(?P<sign>[+\-\u2212\u2013])?\s*(?P<digits>{_DIGITS})"
    rf"(?P<spread>\(\d+\)|\s*(?:±|\+/-|\+-)\s*(?:{_DIGITS}))?(?:{_EXPONENT})?"
    r"(?:\s*(?P<unit>[^\d\s.,].*))?",
    re.ASCII,
)
_ASCII = str.maketrans("\u2212⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-+-0123456789")
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MISSING_WORDS = "nan na n/a none null n.a. n.d. nd missing inf -inf +inf - -- – — ?"
_MISSING = frozenset(_MISSING_WORDS.split())
_TRUTHS = "true and false are read as 1 and 0"
_TRUTH = {"true": 1.0, "false": 0.0}
_LIKE_A_NUMBER = re.compile(r"(?:<=|>=|[<>≤≥~≈±+\-\u2212\u2013])?\s*[.,]?\d")
_NOT_A_QUANTITY = re.compile(
    r"10\.\d{4,9}/\S+|https?://\S+|\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ]\S+)?|\d{2,7}-\d{2}-\d"
)
"""A DOI, an address, a date, a CAS number."""

POINT, COMMA = ".", ","
_GROUPED = {
    POINT: re.compile(
        rf"\d{{1,3}}(?:([,'\u2019{_SPACES}])\d{{3}})(?:\1\d{{3}})*(?:\.\d*)?|\d*\.?\d*"
    ),
    COMMA: re.compile(
        rf"\d{{1,3}}(?:([.'\u2019{_SPACES}])\d{{3}})(?:\1\d{{3}})*(?:,\d*)?|\d*,?\d*"
    ),
}


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written.

    Attributes:
        decimal: its decimal mark.
        unit: that the cells state; "" for none.
        notes: what a reader should know of how the cells were read.
    """

    decimal: str = "."
    unit: str = ""
    notes: tuple[str, ...] = ()


_USUAL = Notation()


@dataclass(frozen=True)
class Number:
    """A finite value; ``limit`` is -1 where the true value is below it, 1 above it, else 0."""

    value: float
    limit: int = 0


class NotANumber(ValueError):
    """What a cell holds in the place of a number, and what a column in the place of numbers."""


class Uncertain(NotANumber):
    """Numbers that may mean two things."""


def notation(cells: Sequence[str], unit: str = "", commas: bool = False) -> Notation:
    """The notation in which most of some cells are numbers.

    Args:
        cells: texts without blanks around; those that hold nothing do not count.
        unit: that the header states, "" for none.
        commas: other columns of the file have decimal commas, beyond doubt.

    Raises:
        Uncertain: the cells may mean two things, or have no unit in common.
        NotANumber: half of them or fewer are numbers.
    """
    cells = [cell for cell in cells if cell and cell.lower() not in _MISSING]
    if cells and all(cell.lower() in _TRUTH for cell in cells):
        return Notation(notes=(_TRUTHS,))
    if not commas and cells and all(map(_PLAIN.fullmatch, cells)):
        return Notation()
    read = [match for cell in cells if (match := _match(cell)) is not None]
    if 2 * len(read) <= len(cells):
        raise NotANumber("does not hold numbers")
    mark = _mark([match["digits"] for match in read], commas)
    return Notation(mark, *_unit(read, unit, mark))


def number(text: str, written: Notation) -> Number:
    """What a cell means.

    Raises:
        NotANumber: it does not hold a finite number in this notation; the message says what it
            holds.
    """
    if written == _USUAL and _PLAIN.fullmatch(text) and math.isfinite(value := float(text)):
        return Number(value)
    if text.lower() in _TRUTH and _TRUTHS in written.notes:
        return Number(_TRUTH[text.lower()])
    match = _match(text)
    if match is None:
        finite = "a finite number" if text.lower().lstrip("+-") in ("nan", "inf") else "a number"
        raise NotANumber(f"holds '{text}', not {finite}")
    digits = _value(match["digits"], written.decimal)
    if digits is None:
        raise NotANumber(f"holds '{text}', where other cells have '{written.decimal}' for decimals")
    if not same_unit(match["unit"] or "", written.unit) and match["unit"]:
        raise NotANumber(f"holds '{text}', where other cells have the unit '{written.unit}'")
    exponent = match["e"] or match["power"] or match["raised"] or "0"
    sign = "" if match["sign"] in (None, "+") else "-"
    value = float(f"{sign}{digits}e{exponent.translate(_ASCII)}")
    if not math.isfinite(value):
        raise NotANumber(f"holds '{text}', not a finite number")
    limit = {"<": -1, "≤": -1, ">": 1, "≥": 1}.get((match["limit"] or "")[:1], 0)
    return Number(value, limit)


def has_decimal_commas(cells: Sequence[str]) -> bool:
    """True where some cells have a decimal comma beyond doubt, and none a decimal point."""
    marks = {mark for cell in cells if (match := _match(cell)) for mark in _only(match["digits"])}
    return marks == {COMMA}


def begins_like_a_number(text: str) -> bool:
    """True for what may be a quantity that is not understood: "~5", "1.2-1.4", "1_000"."""
    return bool(_LIKE_A_NUMBER.match(text)) and not _NOT_A_QUANTITY.fullmatch(text)


def day(text: str) -> float:
    """Days since 1970 of a date such as 2015-03-01, 2015-03 or 2015-03-01T12:00.

    Raises:
        ValueError: it is not one.
    """
    full = f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else text
    if not re.match(r"\d{4}-\d\d-\d\d", full):
        raise ValueError(f"'{text}' is not a date")
    return (
        datetime.fromisoformat(full).replace(tzinfo=None) - datetime(1970, 1, 1)
    ).total_seconds() / 86_400


def _match(text: str) -> re.Match[str] | None:
    match = _CELL.fullmatch(text)
    if match is None or (match["unit"] and not is_unit(match["unit"])):
        return None
    possible = [_value(match["digits"], mark) for mark in (POINT, COMMA)]
    return match if possible != [None, None] else None


def _value(digits: str, mark: str) -> str | None:
    """The digits as Python reads them, by one decimal mark; None where they break its rules."""
    if not _GROUPED[mark].fullmatch(digits):
        return None
    kept: str = re.sub(rf"[^\d{re.escape(mark)}]", "", digits)
    return kept.replace(mark, ".")


def _only(digits: str) -> set[str]:
    """The decimal mark if one alone is possible, and shows."""
    point, comma = (_value(digits, mark) for mark in (POINT, COMMA))
    if point is not None and comma is not None:
        same = float(point) == float(comma)
        # nobody writes a group of thousands that begins with 0
        return set() if same or digits[0] != "0" else {next(c for c in digits if c in ".,")}
    return {POINT} if comma is None else {COMMA}


def _mark(digits: Sequence[str], comma_elsewhere: bool) -> str:
    """The decimal mark of a column.

    Raises:
        Uncertain: cells have both marks, or leave it open where it matters.
    """
    marks = {mark: next((d for d in digits if _only(d) == {mark}), None) for mark in (POINT, COMMA)}
    if marks[POINT] and marks[COMMA]:
        raise Uncertain(f"has decimal points ('{marks[POINT]}') and commas ('{marks[COMMA]}')")
    if marks[POINT] or marks[COMMA]:
        return POINT if marks[POINT] else COMMA
    commas = any("," in d for d in digits)
    if commas and comma_elsewhere:
        return COMMA
    if commas or comma_elsewhere:
        for d in digits:
            point, comma = _value(d, POINT), _value(d, COMMA)
            if point and comma and float(point) != float(comma):
                raise Uncertain(f"holds '{d}', which may be {point} or {comma}")
    return POINT


def _unit(read: Sequence[re.Match[str]], stated: str, mark: str) -> tuple[str, tuple[str, ...]]:
    """The unit of a column's cells, and notes on how they are read.

    Raises:
        Uncertain: some cells have another unit, or none, or the header states another one.
    """
    units = {match["unit"] or "" for match in read}
    unit = next((u for u in sorted(units) if u), "")
    if len(others := [u for u in sorted(units) if u and not same_unit(u, unit)]):
        raise Uncertain(f"has cells in '{unit}' and in '{others[0]}'")
    if unit and stated and not same_unit(unit, stated):
        raise Uncertain(f"has cells in '{unit}', and the header says '{stated}'")
    if unit and "" in units and not stated:
        raise Uncertain(f"has cells in '{unit}' and cells without a unit")
    thousands = any(
        set(m["digits"]) & set(f"'\u2019{_SPACES}{COMMA if mark == POINT else POINT}") for m in read
    )
    notes = (
        (mark == COMMA, "decimal commas"),
        (thousands, "marks between thousands are left out"),
        (unit, f"the cells state the unit '{unit}'"),
        (any(m["spread"] for m in read), "uncertainties beside the values are left out"),
    )
    return unit, tuple(note for holds, note in notes if holds)
