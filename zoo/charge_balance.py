"""Whether the charges of a composition can cancel, by the oxidation states that are known of its elements.

States and their frequencies: the bond valence analysis of the ICSD that pymatgen ships (369 species);
where an element is not in it, and for rare states, pymatgen's table of elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from data.representations.composition import N_ELEMENTS, atomic_fractions

FloatArray = NDArray[np.float64]

BALANCED, POSSIBLE, UNCHARGED, NOT = KINDS = ("balanced", "possible", "uncharged", "not")
"""Balanced: frequent states cancel, one for each element; a metal may be in two neighbouring ones
(Fe3O4). Possible: rare states do, or non-metals in several states or in chains. Uncharged: there
are no charges to cancel, in an element, an alloy, and a boride, carbide or pnictide of metals that
is not balanced. Not: no known states cancel."""

NEUTRAL = 1e-3
"""Charge an atom below which a composition is neutral: what rounded amounts leave."""

FREQUENT, KNOWN = 0.015, 0.003
"""Shares of an element's charged sites in the ICSD from which on a state is frequent, or known."""

_SYMBOLS_OF_NON_METALS = "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn"
_NON_METALS = _SYMBOLS_OF_NON_METALS.split()
_METALLOIDS = ("Ge", "As", "Sb", "Te")
"""Non-metals that mix their positive states as metals do (Sb2O4)."""
_STRONG = ("N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I")
"""What takes electrons from any metal; the other non-metals also form metallic compounds."""
_LEAST_NEGATIVE = dict.fromkeys(("H", "F", "Cl", "Br"), -1.0) | dict.fromkeys(
    ("N", "S", "Se", "Te", "I"), -1 / 3
)
"""Mean charge in the longest chains: azides, polysulfides, triiodides. 0 for others; O by metals."""
_ALKALI = ("Li", "Na", "K", "Rb", "Cs", "Fr")
_ELECTROPOSITIVE = (*_ALKALI, "Mg", "Ca", "Sr", "Ba", "Ra")
_PEROXIDES = (*_ELECTROPOSITIVE, "Zn", "Cd", "Hg")
_PEROXO = (*_PEROXIDES, "Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr", "Mo", "W", "U")
"""Metals that also bind peroxide beside oxide."""


class ChargeBalance(NamedTuple):
    """Of n compositions.

    Attributes:
        kind: (n,) str, of `KINDS`.
        imbalance: (n,) the least charge an atom that frequent states leave; 0 where balanced.
    """

    kind: NDArray[np.str_]
    imbalance: FloatArray


class _States(NamedTuple):
    """By atomic number less 1.

    Attributes:
        frequent, known: the states of each element.
        lowest, highest: the least and greatest frequent state of metals, 0 for others; the same
            of known ones.
    """

    frequent: tuple[tuple[int, ...], ...]
    known: tuple[tuple[int, ...], ...]
    lowest: FloatArray
    highest: FloatArray
    lowest_known: FloatArray
    highest_known: FloatArray
    electronegativity: FloatArray


def charge_balance(fractions: FloatArray) -> ChargeBalance:
    """The balance of compositions, as atomic fractions (n, 100)."""
    states = _states()
    present = fractions > 0
    non_metal = np.isin(SYMBOLS[:N_ELEMENTS], _NON_METALS)
    setting = sum(
        _all_of(present, non_metal, metals).astype(int) for metals in (_PEROXO, _PEROXIDES, _ALKALI)
    )
    frequent, known = np.empty(len(fractions)), np.empty(len(fractions))
    columns = np.flatnonzero(non_metal)
    code = 4 * (present[:, columns] @ (1 << np.arange(len(columns)))) + setting
    order = np.argsort(code, kind="stable")
    groups, begins = np.unique(code[order], return_index=True)
    for group, rows in zip(groups.tolist(), np.split(order, begins)[1:], strict=True):
        some, its = (
            fractions[rows],
            columns[[group >> (2 + j) & 1 > 0 for j in range(len(columns))]],
        )
        options = tuple(map(int, its)), group & 3
        metals = some @ states.lowest, some @ states.highest
        frequent[rows] = _least(some[:, its], metals, _frequent_options(*options))
        metals = some @ states.lowest_known, some @ states.highest_known
        known[rows] = _least(some[:, its], metals, _known_options(*options))
    single = present.sum(axis=1) == 1
    strong = present[:, np.isin(SYMBOLS[:N_ELEMENTS], _STRONG)].any(axis=1)
    metallic = ~present[:, non_metal].any(axis=1) | (
        ~strong
        & ~_all_of(present, non_metal, _ELECTROPOSITIVE)
        & present[:, ~non_metal].any(axis=1)
    )
    balanced = (frequent < NEUTRAL) & ~single
    kind = np.select(
        [balanced, single | metallic, known < NEUTRAL], [BALANCED, UNCHARGED, POSSIBLE], NOT
    )
    return ChargeBalance(kind, np.where(balanced, 0.0, np.maximum(frequent, NEUTRAL)))


@lru_cache(maxsize=10_000)
def imbalance(formula: str) -> float:
    """The least charge an atom that frequent states of a formula's elements leave; 0 where they
    cancel.

    Raises:
        UserError: the formula cannot be read.
    """
    return float(charge_balance(atomic_fractions([formula])).imbalance[0])


def oxidation_states(symbol: str) -> tuple[int, ...]:
    """The frequent oxidation states of an element, the most frequent first."""
    return _states().frequent[ATOMIC_NUMBERS[symbol] - 1]


def shares(formulas: Sequence[str]) -> dict[str, float]:
    """Which share of some formulas is of each kind.

    Raises:
        UserError: a formula cannot be read.
    """
    kinds = charge_balance(atomic_fractions(formulas)).kind
    return {kind: float((kinds == kind).mean()) for kind in KINDS}


def _all_of(
    present: NDArray[np.bool_], non_metal: NDArray[np.bool_], metals: Sequence[str]
) -> NDArray[np.bool_]:
    """Which compositions (n,) hold no metals but some."""
    others = ~non_metal & ~np.isin(SYMBOLS[:N_ELEMENTS], metals)
    return np.logical_not(present[:, others].any(axis=1), dtype=bool)


_Options = list[list[tuple[float, float]]]
"""Of each non-metal, the ranges in which its mean charge may lie."""


def _least(
    fractions: FloatArray, metals: tuple[FloatArray, FloatArray], options: _Options
) -> FloatArray:
    """The least charge an atom (n,) that is left under any choice of ranges for non-metals of some
    fractions (n, k), beside metals whose charge lies between two values (n,)."""
    low, high = metals
    best = np.full(len(fractions), np.inf)
    for ranges in itertools.product(*options):
        least, most = np.array(ranges).reshape(-1, 2).T
        # 0 lies between the least and the greatest sum, or is so far from the nearer one
        left = np.maximum(low + fractions @ least, -(high + fractions @ most))
        best = np.minimum(best, left)
    return np.maximum(best, 0.0)


@lru_cache(maxsize=4096)
def _frequent_options(columns: tuple[int, ...], setting: int) -> _Options:
    """Single states, mixed ones of metalloids, and chains; `setting` as in `_of_chains`."""
    states = _states()
    most_negative = max(columns, key=lambda z: states.electronegativity[z], default=-1)
    options: _Options = []
    for z in columns:
        symbol, frequent = SYMBOLS[z], states.frequent[z]
        negative = [float(q) for q in frequent if q < 0] + _of_chains(symbol, columns, setting)
        positive = [float(q) for q in frequent if q > 0]
        ranges = [(q, q) for q in negative]
        if z != most_negative or not negative:
            mixed = symbol in _METALLOIDS and positive
            ranges += [(min(positive), max(positive))] if mixed else [(q, q) for q in positive]
        options.append(ranges)
    return options


def _of_chains(symbol: str, columns: tuple[int, ...], setting: int) -> list[float]:
    """Mean charges in peroxides, superoxides, ozonides, azides, polysulfides and triiodides.

    Args:
        setting: 3 where all metals are alkali metals, 2 where all form peroxides, 1 where all bind
            peroxide, else 0.
    """
    others = {SYMBOLS[z] for z in columns} - {symbol, "H"}
    if others:
        return []
    if symbol == "O" and setting > 1:
        return [-1.0, -1 / 2, -1 / 3] if setting == 3 else [-1.0]
    if symbol == "N":
        return [-1 / 3]
    if symbol in ("S", "Se", "Te") and setting > 1:
        return [-2 / n for n in range(2, 7)]
    if symbol == "I" and setting == 3:
        return [-1 / 3]
    return []


@lru_cache(maxsize=4096)
def _known_options(columns: tuple[int, ...], setting: int) -> _Options:
    """Ranges in which states mix freely; `setting` as in `_of_chains`."""
    states = _states()
    most_negative = max(columns, key=lambda z: states.electronegativity[z], default=-1)
    options: _Options = []
    for z in columns:
        known, least = states.known[z], _LEAST_NEGATIVE.get(SYMBOLS[z], 0.0)
        if SYMBOLS[z] == "O":
            least = (-2.0, -1.0, -1.0, -1 / 3)[setting]
        ranges = [(float(min(known)), least)] if min(known, default=0) < 0 else []
        if (z != most_negative or not ranges) and max(known, default=0) > 0:
            ranges.append((1.0, float(max(known))))
        options.append(ranges)
    return options


@lru_cache
def _states() -> _States:
    import warnings

    from pymatgen.core import Composition, Element

    Composition("NaCl").oxi_state_guesses()  # which loads the list
    counts: dict[str, dict[int, int]] = {}
    for species, n in (Composition.oxi_prob or {}).items():
        if species.oxi_state:
            counts.setdefault(species.element.symbol, {})[int(species.oxi_state)] = int(n)
    frequent, known, negativity = [], [], []
    for symbol in SYMBOLS[:N_ELEMENTS]:
        element, seen = Element(symbol), counts.get(symbol, {})
        common = {q for q in element.common_oxidation_states if q}
        listed = {q for q in element.oxidation_states if q}
        total = sum(seen.values())
        often = {q for q, n in seen.items() if n >= FREQUENT * total} or listed
        kept = often | common
        every = kept | {q for q, n in seen.items() if n >= KNOWN * total}
        if symbol not in _NON_METALS:
            kept, every = ({q for q in qs if q > 0} for qs in (kept, every))
        frequent.append(tuple(sorted(kept, key=lambda q: (-seen.get(q, 0), abs(q)))))
        known.append(tuple(sorted(every)))
        with warnings.catch_warnings():  # noble gases have no electronegativity
            warnings.simplefilter("ignore", UserWarning)
            negativity.append(float(np.nan_to_num(element.X)))
    metal = np.array([symbol not in _NON_METALS for symbol in SYMBOLS[:N_ELEMENTS]])
    ends = {
        name: metal * np.array([end(states, default=0) for states in each], float)
        for name, each, end in (
            ("lowest", frequent, min),
            ("highest", frequent, max),
            ("lowest_known", known, min),
            ("highest_known", known, max),
        )
    }
    return _States(tuple(frequent), tuple(known), electronegativity=np.array(negativity), **ends)
