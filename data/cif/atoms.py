"""The atoms that a block lists: element, place and occupancy of each, or why one is refused.

An element is what `_atom_site_type_symbol` says. Where there is none it is read from the label, if
that can mean one element only: 'Fe1', 'O1A', 'MG2'. Where a label can mean several ('HO1', 'NA1',
'OH1', 'W1') the formula sum chooses, for it is compared with all sites afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from data.cif.formula import stated_formula
from data.cif.text import UNKNOWN, Block, number
from data.element_sets import ATOMIC_NUMBERS, nearest_elements

LARGEST_Z = 100

WHOLE = 0.005
"""An occupancy this close to 1 is one atom: 1.001 is a rounded sum, 0.9999 a refined 1."""

_SITE = "_atom_site_"
_POSITION = tuple(f"{_SITE}fract_{axis}" for axis in "xyz")

_TYPE = re.compile(r"([A-Za-z]+)(?:\d*[+-]?|[+-]\d*|\d+\.\d+[+-])")
"""'Fe', 'Fe3+', 'Fe+3', 'O1'."""

_GROUPS = re.compile("[HCNO][HBCNOFPS]")
"""Two capitals that are an element, and also two atoms: 'HO' is on a hydroxide more often than Ho."""

_OTHER_MEANINGS = ("D", "W")
"""Labels of sites and of water as often as of deuterium and tungsten."""

_WITH_HYDROGEN = re.compile("[OCN]H|HO|H2O|O[Ww]|[Ww][Aa][Tt]")
"""Labels of an oxygen, carbon or nitrogen that has hydrogen."""


@dataclass(frozen=True)
class Atoms:
    """Listed atoms.

    Attributes:
        labels: "Fe1".
        numbers: (n,) atomic numbers, deuterium as hydrogen.
        positions: (n, 3) fractional.
        occupancies: (n,)
        notes: what was taken for granted.
    """

    labels: list[str]
    numbers: np.ndarray
    positions: np.ndarray
    occupancies: np.ndarray
    notes: list[str]


def listed_atoms(block: Block) -> Atoms:
    """The atoms of a block that are there: not dummies, not of occupancy zero.

    Raises:
        ValueError: an atom has no element, place or occupancy that is certain, is one of several
            alternatives, or has hydrogen without a place.
    """
    rows = _rows(block)
    _require_one_structure(rows)
    known = set(stated_formula(block))
    notes: list[str] = []
    labels, numbers, positions, occupancies = [], [], [], []
    for row in rows:
        label = row["label"] or row["type_symbol"]
        if row["calc_flag"].lower() == "dum":
            if _is_element(_letters(row["type_symbol"] or label)):
                raise ValueError(f"{label} is a dummy (calc_flag 'dum'): an atom without a place")
            notes.append(f"dummy {label} left out")
            continue
        occupancy = _occupancy(row["occupancy"], label, notes)
        if occupancy == 0:
            notes.append(f"{label} of occupancy 0 left out")
            continue
        labels.append(label)
        numbers.append(_element(row["type_symbol"], row["label"], known))
        positions.append([number(row[tag], f"{tag} of {label}") for tag in _POSITION])
        occupancies.append(occupancy)
    if not labels:
        raise ValueError("no atoms: no site has an occupancy above zero")
    if not known and 1 not in numbers:
        for label, z in zip(labels, numbers, strict=True):
            if z in (6, 7, 8) and _WITH_HYDROGEN.match(label):
                raise ValueError(f"hydrogen without positions: the label {label}, and no hydrogen")
    return Atoms(
        labels,
        np.array(numbers, np.int64),
        np.array(positions, np.float64),
        np.array(occupancies, np.float64),
        list(dict.fromkeys(notes)),
    )


def _rows(block: Block) -> list[dict[str, str]]:
    """What is read of each atom, "" for what the block does not have."""
    columns = {tag: block.column(tag) or [] for tag in _POSITION}
    size = len(columns[_POSITION[0]])
    if any(len(column) != size for column in columns.values()):
        raise ValueError(f"{', '.join(_POSITION)} are not the columns of one loop_")
    names = ("label", "type_symbol", "occupancy", "calc_flag", "attached_hydrogens")
    for name in (*names, "disorder_group", "disorder_assembly"):
        column = block.column(_SITE + name)
        if column is not None and len(column) != size:
            raise ValueError(f"{_SITE}{name}: {len(column)} values for {size} atoms")
        columns[name] = column or [""] * size
    values = zip(*columns.values(), strict=True)
    rows = [dict(zip(columns, row, strict=True)) for row in values]
    for row in rows:
        for name in ("label", "type_symbol", "calc_flag", "disorder_group", "disorder_assembly"):
            row[name] = "" if row[name] in UNKNOWN else row[name].strip()
    return rows


def _require_one_structure(rows: list[dict[str, str]]) -> None:
    """Refuse hydrogen without a place, and alternatives of which only one is there."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        count = row["attached_hydrogens"]
        if count not in UNKNOWN and number(count, f"{_SITE}attached_hydrogens") != 0:
            raise ValueError(
                f"hydrogen without positions: {count} attached to {row['label']} (water or "
                "hydroxide written as one site)"
            )
        if (group := row["disorder_group"]) not in ("", "0"):
            members = groups.setdefault(row["disorder_assembly"], set())
            members.add(group)
            if len(members) > 1 or group.startswith("-") or row["occupancy"] in UNKNOWN:
                raise ValueError(
                    f"disordered: {row['label']} is in disorder group {group}, one of several "
                    "alternatives; keep one of them"
                )


def _occupancy(text: str, label: str, notes: list[str]) -> float:
    if text == "":
        return 1.0
    if text == ".":
        notes.append("occupancy '.' read as 1, its default")
        return 1.0
    if text == "?":
        raise ValueError(f"the occupancy of {label} is not known ('?')")
    occupancy = number(text, f"the occupancy of {label}")
    if occupancy < 0 or occupancy > 1 + WHOLE:
        raise ValueError(f"the occupancy of {label} is {occupancy:g}, not between 0 and 1")
    if occupancy != 1 and abs(occupancy - 1) <= WHOLE:
        notes.append(f"occupancy {occupancy:g} read as 1")
        return 1.0
    return occupancy


def _element(symbol: str, label: str, known: set[str]) -> int:
    """The atomic number of an atom."""
    if symbol:
        match = _TYPE.fullmatch(symbol)
        letters = match[1] if match else symbol
        if _GROUPS.fullmatch(letters):
            letters = _only(letters, known, f"type '{symbol}'")
    else:
        letters = _letters(label)
        certain = letters in ATOMIC_NUMBERS or _readings(letters) == [letters.capitalize()]
        if not certain or letters.upper() in _OTHER_MEANINGS:
            letters = _only(letters, known, f"label '{label}'")
    letters = "H" if letters == "D" else letters.capitalize()
    if letters not in ATOMIC_NUMBERS:
        raise ValueError(f"'{symbol:.20}' is not an element; {nearest_elements(letters)}")
    if (z := ATOMIC_NUMBERS[letters]) > LARGEST_Z:
        raise ValueError(f"{letters} has Z = {z}; elements up to Z = {LARGEST_Z} are read")
    return z


def _only(letters: str, known: set[str], what: str) -> str:
    """The one element that letters can mean, of those that the formula sum has."""
    readings = _readings(letters)
    named = [r for r in readings if r in known or (r == "D" and "H" in known)]
    if len(named) == 1:
        return named[0]
    could = "is not an element"
    if readings:
        could = f"could be {' or '.join(readings)}{'' if readings[1:] else ' or something else'}"
    raise ValueError(f"{what:.30} {could}; write its element as _atom_site_type_symbol")


def _readings(letters: str) -> list[str]:
    """Elements that one or two letters can begin with: 'HO' is holmium, or hydrogen on oxygen."""
    if len(letters) > 2:
        return []
    return [c for c in dict.fromkeys((letters.capitalize(), letters[:1].upper())) if _is_element(c)]


def _letters(label: str) -> str:
    return (re.match("[A-Za-z]*", label) or [""])[0]


def _is_element(letters: str) -> bool:
    return letters in ATOMIC_NUMBERS or letters == "D"
