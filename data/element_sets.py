"""Element symbols, atomic numbers and element sets; starts without pymatgen."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from data.formulas import formula_element_set, parse_formula
from data.periodic_table import ATOMIC_NUMBERS, SYMBOLS, nearest_elements

__all__ = [
    "ATOMIC_NUMBERS",
    "SYMBOLS",
    "formula_element_set",
    "nearest_elements",
    "numbers",
    "parse_element_set",
    "parse_formula",
]

_SEPARATORS = re.compile(r"[\s,;\-\"'()\[\]{}]+")


def parse_element_set(text: str) -> tuple[str, ...]:
    """The symbols of an element set in alphabetical order.

    Symbols may be separated by blanks, commas, hyphens, semicolons or tabs, quoted and in
    brackets: "Li-Sn-S-Cl", "Li, Sn, S, Cl" and "['Li', 'Sn', 'S', 'Cl']" are one set.

    Raises:
        ValueError: no element, a symbol that is none (the nearest shown), or one that repeats.
    """
    symbols = [part for part in _SEPARATORS.split(text) if part]
    if not symbols:
        raise ValueError("no element given")
    for symbol in symbols:
        if symbol not in ATOMIC_NUMBERS:
            raise ValueError(f"'{symbol:.60}' is not an element; {nearest_elements(symbol)}")
    for symbol in symbols:
        if (times := symbols.count(symbol)) > 1:
            count = "twice" if times == 2 else f"{times} times"
            raise ValueError(f"{symbol} appears {count}; an element set holds each element once")
    return tuple(sorted(symbols))


def numbers(element_sets: Sequence[str] | np.ndarray) -> np.ndarray:
    """Atomic numbers (n, k), uint8, of n sets of k elements each, in the order of each text.

    Args:
        element_sets: canonical texts, symbols with one blank between.

    Raises:
        ValueError: the sets differ in size, or a symbol is no element.
    """
    if len(element_sets) == 0:
        return np.empty((0, 0), np.uint8)
    sizes = {text.count(" ") for text in element_sets}
    if len(sizes) > 1:
        raise ValueError(
            f"element sets of {', '.join(str(s + 1) for s in sorted(sizes))} elements "
            "cannot share one array; choose those of one size first"
        )
    symbols = " ".join(element_sets).split(" ")
    try:
        flat = np.fromiter(map(ATOMIC_NUMBERS.__getitem__, symbols), np.uint8, len(symbols))
    except KeyError as error:
        symbol = error.args[0]
        raise ValueError(f"'{symbol}' is not an element; {nearest_elements(symbol)}") from None
    return flat.reshape(len(element_sets), -1)


def padded_numbers(element_sets: Sequence[str] | np.ndarray) -> np.ndarray:
    """Atomic numbers (n, k), ascending, of n sets of k elements or fewer; 0 before those of fewer.

    Raises:
        ValueError: a symbol is no element.
    """
    names = np.asarray(element_sets).astype(str)
    sizes = np.char.count(names, " ") + 1
    out = np.zeros((len(names), sizes.max(initial=0)), np.int64)
    for size in np.unique(sizes):
        rows = sizes == size
        out[rows, out.shape[1] - size :] = np.sort(numbers(names[rows]), axis=1)
    return out
