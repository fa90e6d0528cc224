"""Element symbols, atomic numbers and element sets; starts without pymatgen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_PERIODIC_TABLE = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As
    Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb
    Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk
    Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

SYMBOLS: tuple[str, ...] = tuple(_PERIODIC_TABLE.split())
"""The 118 symbols; `SYMBOLS[z - 1]` is the element with atomic number z."""

ATOMIC_NUMBERS: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}

_PLAIN_PART = re.compile(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+)?", re.ASCII)
_PLAIN_FORMULA = re.compile(f"(?:{_PLAIN_PART.pattern})+", re.ASCII)
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


def parse_formula(formula: str) -> dict[str, float]:
    """The amounts of a formula, "Li3.3SnS3.3Cl0.7" -> {"Li": 3.3, "Sn": 1.0, ...}.

    Plain formulas are read here, the others (brackets, dots) by pymatgen.

    Raises:
        ValueError: the formula cannot be read, holds a symbol that is no element, or nothing.
    """
    amounts: dict[str, float] = {}
    if _PLAIN_FORMULA.fullmatch(formula):
        for symbol, amount in _PLAIN_PART.findall(formula):
            amounts[symbol] = amounts.get(symbol, 0.0) + float(amount or 1)
    else:
        from pymatgen.core import Composition

        try:
            amounts = {str(e): float(n) for e, n in Composition(formula).items()}
        except Exception as error:  # pymatgen raises several kinds, none of them shared
            raise ValueError(f"'{formula:.60}' is not a formula ({error!s:.80})") from None
    for symbol in amounts:
        if symbol not in ATOMIC_NUMBERS:
            raise ValueError(
                f"'{symbol}' in '{formula:.60}' is not an element; {nearest_elements(symbol)}"
            )
    if not amounts or not all(0 < amount < float("inf") for amount in amounts.values()):
        raise ValueError(f"'{formula:.60}' is not a formula (an amount must be above zero)")
    return amounts


@lru_cache(maxsize=200_000)
def formula_element_set(formula: str) -> str:
    """The element set of a formula, "Li3.3SnS3.3Cl0.7" -> "Cl Li S Sn".

    Raises:
        ValueError: as `parse_formula`.
    """
    return " ".join(sorted(parse_formula(formula)))


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


def nearest_elements(symbol: str) -> str:
    """A hint for what is no element symbol."""
    if not symbol:
        return "write symbols such as Li or Sn"
    if symbol in ("D", "T"):
        return "isotopes of hydrogen are written H"
    if symbol.capitalize() in ATOMIC_NUMBERS:
        return f"did you mean '{symbol.capitalize()}'?"
    by_likeness = sorted(SYMBOLS, key=lambda s: -difflib.SequenceMatcher(None, symbol, s).ratio())
    close = [s for s in by_likeness if s[0] == symbol[0].upper()][:2]
    if not close:
        return "write symbols such as Li or Sn"
    return "did you mean " + " or ".join(f"'{s}'" for s in close) + "?"
