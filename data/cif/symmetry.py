"""The symmetry of a block: operations that it lists, or those of the space group that it names.

Operations come from the list where there is one, else from the table of settings (`settings`). All
that a block says of its symmetry must agree. What it says may mean several settings:

- hexagonal or rhombohedral axes, and the unique axis of a monoclinic cell, follow from the edges
  and angles; where all angles are right, the unique axis is b, then c, then a;
- a number alone means the standard setting of International Tables A, which is noted, unless the
  space group has two origins there;
- of two origins, or two settings of one symbol (C m m e), the formula sum decides where one alone
  agrees with it (`structures`); else the block is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import spglib

from data.cif import settings
from data.cif.operations import (
    CLOSE,
    EXACT,
    fingerprint,
    fit_the_cell,
    parse_operations,
    require_group,
)
from data.cif.text import UNKNOWN, Block
from framework.base.errors import nearest

_LISTS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")

_SYMBOLS = (
    "_space_group_name_H-M_alt",
    "_space_group_name_H-M_full",
    "_space_group_name_H-M",
    "_symmetry_space_group_name_H-M",
    "_symmetry_space_group_name_H-M_alt",
)
_HALL_SYMBOLS = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_NUMBERS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_CODE = "_space_group_IT_coordinate_system_code"

_Names = dict[str, tuple[str, frozenset[int]]]
"""What names the symmetry, by tag: its text and the settings that it can mean."""

_STANDARD = ("", "b", "b1", "1", "2", "h", "r")
"""Choices on the axes of the standard setting, in one or two origins."""

_BEYOND = {
    "_cell_modulation_dimension": "a modulated structure",
    "_space_group_ssg_name": "a modulated structure",
    "_space_group_symop_magn_operation_xyz": "a magnetic structure with magnetic symmetry",
    "_space_group_magn_name_bns": "a magnetic structure with magnetic symmetry",
}


@dataclass(frozen=True)
class Symmetry:
    """Symmetry operations x -> rotation x + translation on fractional coordinates.

    Attributes:
        name: of the setting, for messages.
        rotations: (m, 3, 3)
        translations: (m, 3)
        note: what was taken for granted, "" if nothing was.
    """

    name: str
    rotations: np.ndarray
    translations: np.ndarray
    note: str = ""


def symmetries(block: Block, lattice: np.ndarray) -> list[Symmetry]:
    """The symmetry of a block; several where its words leave open which.

    Raises:
        ValueError: there is none, it is not known, or what is said of it does not agree.
    """
    for tag, what in _BEYOND.items():
        if tag in block.values:
            raise ValueError(f"{what} ({tag}), which is not read")
    named, unknown = _named(block)
    note = "; ".join(f"{tag} '{text:.30}' is in no table" for tag, text in unknown.items())
    lists = {
        tag: [t for t in block.column(tag.lower()) or [] if t not in UNKNOWN] for tag in _LISTS
    }
    listed = [_listed(lists[tag], tag, named, note, lattice) for tag in _LISTS if lists[tag]]
    if len({symmetry.name for symmetry in listed}) > 1:
        raise ValueError(f"contradictory symmetry: {' and '.join(_LISTS)} are not the same")
    if listed:
        return listed[:1]
    if not named and not unknown:
        raise ValueError(
            "no symmetry: neither operations nor a space group; for a cell that lists all its "
            "atoms add _space_group_name_H-M_alt 'P 1'"
        )
    precise = not set(named) <= {*_NUMBERS}
    if unknown and not precise:
        tag, symbol = next(iter(unknown.items()))
        raise ValueError(
            f"{tag} '{symbol:.30}' is not a known space group; "
            f"{nearest(symbol, settings.known_symbols())}"
        )
    return _from_table(_agreed(named), named, precise, note, lattice)


def _named(block: Block) -> tuple[_Names, dict[str, str]]:
    """What names the symmetry, and the names that no table has."""
    known: _Names = {}
    unknown: dict[str, str] = {}
    readers: dict[str, Callable[[str], frozenset[int]]] = {
        **dict.fromkeys(_HALL_SYMBOLS, settings.with_hall_symbol),
        **dict.fromkeys(_SYMBOLS, settings.with_symbol),
        **dict.fromkeys(_NUMBERS, _with_number),
        _CODE: settings.with_choice,
    }
    for tag, read in readers.items():
        if text := block.text(tag.lower()):
            if meant := read(text):
                known[tag] = (text, meant)
            else:
                unknown[tag] = text
    if set(known) == {_CODE}:  # of which space group?
        del known[_CODE]
    return known, unknown


def _with_number(text: str) -> frozenset[int]:
    return settings.with_number(int(text)) if text.isdecimal() else frozenset()


def _agreed(named: _Names) -> frozenset[int]:
    """The settings that all names can mean."""
    (first, (text, agreed)), *others = named.items()
    for tag, (other, meant) in others:
        if not agreed & meant:
            raise ValueError(
                f"contradictory symmetry: {first} '{text:.30}' and {tag} '{other:.30}' are "
                "not the same space group"
            )
        agreed &= meant
    return agreed


def _listed(texts: list[str], tag: str, named: _Names, note: str, lattice: np.ndarray) -> Symmetry:
    """The operations of a list, once they are a group and agree with every name beside them."""
    rotations, translations = parse_operations(texts)
    if same := settings.with_operations(rotations, translations):
        title = f"those of '{settings.name(min(same))}'"
        rotations, translations = settings.operations(min(same))
    else:
        require_group(rotations, translations)
        number = _type_number(rotations, translations, lattice)
        same = settings.with_number(number)  # with another origin or other axes
        title = f"of another setting of space group {number}"
    for other, (text, meant) in named.items():
        if not meant & same:
            raise ValueError(
                f"contradictory symmetry: {other} is '{text:.30}', and the operations of {tag} "
                f"are {title}"
            )
    if not fit_the_cell(rotations, lattice, CLOSE):
        raise ValueError(
            f"the edges and angles of the cell do not have the symmetry of the operations of {tag}"
        )
    return Symmetry(title, rotations, translations, note)


def _type_number(rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray) -> int:
    """The international number of a group in any setting, 0 where spglib does not find it."""
    try:
        group = spglib.get_spacegroup_type_from_symmetry(
            rotations, translations, lattice=lattice, symprec=1e-2
        )
    except Exception:  # spglib's own, by its version
        return 0
    return 0 if group is None else int(group.number)


def _from_table(
    meant: frozenset[int], named: _Names, precise: bool, note: str, lattice: np.ndarray
) -> list[Symmetry]:
    """The settings among those meant that the cell allows and convention prefers."""
    tag, (text, _) = next(iter(named.items()))
    fitting = _fitting(sorted(meant), lattice)
    if not fitting:
        raise ValueError(
            f"the edges and angles of the cell do not have the symmetry of {tag} '{text:.30}'"
        )
    chosen = _along_first_axis(fitting) if precise else _standard(fitting)
    if not chosen:
        raise ValueError(
            f"ambiguous symmetry: space group {text} is not in its standard setting here, and "
            "nothing says in which; add _space_group_name_H-M_alt"
        )
    if len(chosen) < len(fitting):
        note = "; ".join(filter(None, [note, f"'{text:.30}' is '{settings.name(chosen[0])}'"]))
    alike = {fingerprint(*settings.operations(s)): s for s in reversed(chosen)}
    return [
        Symmetry(settings.name(s), *settings.operations(s), note) for s in sorted(alike.values())
    ]


def _fitting(meant: list[int], lattice: np.ndarray) -> list[int]:
    """Settings whose symmetry the cell has: as it is written if it has that of any, for an angle
    of 90.2 degrees says which axis is unique."""
    for within in (EXACT, CLOSE):
        fitting = [s for s in meant if fit_the_cell(settings.operations(s)[0], lattice, within)]
        if fitting:
            break
    return fitting


def _standard(fitting: list[int]) -> list[int]:
    return [s for s in fitting if settings.choice(s) in _STANDARD]


def _along_first_axis(fitting: list[int]) -> list[int]:
    """Of monoclinic settings those with unique axis b, else c, else a; others as they are."""
    if all(3 <= settings.number(s) <= 15 for s in fitting):
        for axis in "bca":
            if along := [s for s in fitting if settings.choice(s).lstrip("-")[0] == axis]:
                return along
    return fitting
