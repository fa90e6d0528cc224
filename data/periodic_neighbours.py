"""Neighbours in the periodic table: the next element of a row, or of a group."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from data.periodic_table import ATOMIC_NUMBERS, SYMBOLS

_NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86, 118)
"""Where rows end, the first one before hydrogen."""


def place(symbol: str) -> tuple[int, str]:
    """The row (1 to 7) and the group (1 to 18) of an element; lanthanides and actinides from La and
    Ac to Yb and No are in groups of their own, f1 to f14, and Lu and Lr in group 3.

    >>> place("Sn"), place("Ce"), place("Th")
    ((5, '14'), (6, 'f2'), (7, 'f2'))
    """
    z = ATOMIC_NUMBERS[symbol]
    row = next(i for i, last in enumerate(_NOBLE_GASES) if z <= last)
    along, left = z - _NOBLE_GASES[row - 1], _NOBLE_GASES[row] - z
    if along <= 2 and z != 2:
        return row, str(along)
    if left < 6 or row in (4, 5) or left < 16:
        return row, str(18 - left)
    return row, f"f{along - 2}"


@cache
def neighbours(symbol: str) -> tuple[str, ...]:
    """The elements beside another one in its row, and above and below it in its group.

    >>> neighbours("Sn")
    ('Ge', 'In', 'Sb', 'Pb')
    """
    z, (row, group) = ATOMIC_NUMBERS[symbol], place(symbol)
    beside = {SYMBOLS[i - 1] for i in (z - 1, z + 1) if 1 <= i <= len(SYMBOLS)}
    near = {s for s in beside if place(s)[0] == row}
    near |= {s for s in SYMBOLS if place(s) in ((row - 1, group), (row + 1, group))}
    return tuple(sorted(near, key=ATOMIC_NUMBERS.__getitem__))


def replaced_by_neighbours(element_set: str) -> Iterator[str]:
    """The element sets in which one element is replaced by one of its neighbours."""
    symbols = element_set.split()
    for symbol in symbols:
        for other in neighbours(symbol):
            if other not in symbols:
                yield " ".join(sorted({*symbols, other} - {symbol}))
