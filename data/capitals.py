"""Files whose formulas are all in capitals: SIO2 may be Si O2 or S I O2, and nothing says which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from data.formulas import parse_formula
from data.periodic_table import ATOMIC_NUMBERS, SYMBOLS

_MEANT = frozenset(SYMBOLS[:83]) - {"He", "Ne", "Ar", "Kr", "Tc", "Pm"} | {"Th", "U"}
"""Elements that a formula in capitals may mean; nobody means Po by PO."""


def doubtful(formulas: Iterable[str]) -> dict[str, str]:
    """The reasons, by formula, why formulas of a file without a small letter are not used.

    Doubt is raised by one formula that makes sense only with small letters (FE2O3), or where more
    than half of the formulas would make sense with them (SIO2, NIO). Formulas that can be read in
    one way alone (KF, BN) are never doubtful.
    """
    distinct = set(formulas)
    if any(character.islower() for text in distinct for character in text):
        return {}
    readings = {text: reading for text in distinct if (reading := with_small_letters(text))}
    as_they_are = {text for text in readings if _readable(text)}
    if len(as_they_are) == len(readings) and 2 * len(readings) <= len(distinct):
        return {}
    return {
        text: f"the file has no small letter: '{text:.60}' may be {reading} or "
        f"{_spelt_out(text)}; write one of them"
        if text in as_they_are
        else f"'{text:.60}' is not a formula; did you mean {reading}? (the file has no small letter)"
        for text, reading in readings.items()
    }


def with_small_letters(text: str) -> str:
    """The formula with as few elements as its capitals allow, "" where no pair is an element."""
    parts = re.split(r"([A-Z]+)", text)
    symbols = [_fewest(part) if part.isupper() else (part,) for part in parts]
    if any(part and not each for part, each in zip(parts, symbols, strict=True)):
        return ""
    reading = "".join(symbol for each in symbols for symbol in each)
    return reading if reading != text and _readable(reading) else ""


@lru_cache(maxsize=10_000)
def _fewest(capitals: str) -> tuple[str, ...]:
    """The fewest symbols that some capitals spell, () where they spell none."""
    ways = []
    for size in (2, 1):
        symbol, rest = capitals[:size].capitalize(), capitals[size:]
        if len(capitals) >= size and symbol in _MEANT:
            if not rest:
                return (symbol,)
            if after := _fewest(rest):
                ways.append((symbol, *after))
    return min(ways, key=len, default=())


def _spelt_out(text: str) -> str:
    """ "SIO2" -> "S1I1O2", which nothing else can be."""
    return re.sub(r"([A-Z])(?=[A-Z]|$)", r"\g<1>1", text)


def _readable(text: str) -> bool:
    try:
        return parse_formula(text).keys() <= ATOMIC_NUMBERS.keys()
    except ValueError:
        return False
