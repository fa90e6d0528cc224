"""The 530 settings of the space groups, by every name that is in use.

Operations, Hall symbols and Hermann-Mauguin symbols are those of spglib's table (Togo, Shinohara
and Tanaka, Sci. Technol. Adv. Mater. Methods 4, 2384822, 2024), a setting's number is its Hall
number there. To its names are added those that CIFs write: without the 1 of monoclinic axes,
without the bar of cubic groups (F m 3 m), and the letters that 'e' replaced in 1992.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable
from functools import cache
from typing import TypeVar

import numpy as np
import spglib

from data.cif.operations import fingerprint

N_SETTINGS = 530

_Key = TypeVar("_Key", bound=Hashable)

_GLIDE_LETTER = dict(
    zip(range(316, 334), "abbccaaabbbbccccaa", strict=True)
)  # 67: Cmma Cmmb Abmm Acmm Bmcm Bmam; 68, each in two origins: Ccca Cccb Abaa Acaa Bbcb Bbab
"""The letter in place of 'e' where it tells two settings apart, by Hall number."""

_FULL_SYMBOLS = {
    406: "P 4/m 21/b 2/m",
    407: "P 4/m 21/n 2/c",
    408: "P 4/n 21/m 2/m",
    409: "P 4/n 21/m 2/m",
    410: "P 4/n 21/c 2/c",
    411: "P 4/n 21/c 2/c",
}
"""As the International Tables have them; spglib leaves out the last axis."""


def operations(setting: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (m, 3, 3) and translations (m, 3)."""
    table = spglib.get_symmetry_from_database(setting)
    assert table is not None
    return table["rotations"].astype(np.int64), table["translations"]


def number(setting: int) -> int:
    """The international number of the space group."""
    return int(_group(setting).number)


def choice(setting: int) -> str:
    """Which axes, cell or origin: 'b1', 'cab', '2', 'h', ..., "" where there is one alone."""
    return str(_group(setting).choice).lower()


def name(setting: int) -> str:
    """For people, one for each setting: 'P 1 21/n 1', 'C m m a', 'F d -3 m :2'."""
    group = _group(setting)
    monoclinic = 3 <= group.number <= 15
    symbol = (group.international_full if monoclinic else group.international).replace("_", "")
    symbol = symbol.replace("e", _GLIDE_LETTER.get(setting, "e"))
    return f"{symbol} :{group.choice}" if group.choice[:1] in ("1", "2", "H", "R") else symbol


def with_number(international: int) -> frozenset[int]:
    """The settings of a space group."""
    return frozenset(s for s in range(1, N_SETTINGS + 1) if number(s) == international)


def with_hall_symbol(symbol: str) -> frozenset[int]:
    """The settings of a Hall symbol, none where it is not in the table."""
    return _by_hall_symbol().get(_compact_hall(symbol), frozenset())


def with_operations(rotations: np.ndarray, translations: np.ndarray) -> frozenset[int]:
    """The settings that have exactly these operations."""
    return _by_fingerprint().get(fingerprint(rotations, translations), frozenset())


def with_symbol(symbol: str) -> frozenset[int]:
    """The settings that a Hermann-Mauguin symbol can mean, none where it is in no table.

    'F d -3 m' means two, one for each origin; ':1' or 'S' and ':2' or 'Z' choose one of them.
    'R -3 c' means two, of which 'H' and 'R' choose one. 'P 21/a' has three, by the unique axis.
    """
    text = re.sub(r"\((\d)\)", r"\1", symbol).replace("_", " ").strip().lower()
    which = ""
    if match := re.fullmatch(r"(.*?)\s*:\s*(\S+)", text) or re.fullmatch(
        r"(.*\S)\s*([hrsz])", text
    ):
        text, which = match[1], {"s": "1", "z": "2"}.get(match[2], match[2])
    settings = _by_symbol().get(_compact(text), frozenset())
    if not which:
        return settings
    settings |= _of_monoclinic_type().get(_compact(text), frozenset())
    exactly = frozenset(s for s in settings if choice(s) == which)
    return exactly or frozenset(s for s in settings if choice(s).startswith(which))


def with_choice(code: str) -> frozenset[int]:
    """The settings of a code of `_space_group_IT_coordinate_system_code`: 'b1', '2', 'h', 'abc'."""
    which = code.lower().removesuffix("abc")
    return frozenset(s for s in range(1, N_SETTINGS + 1) if choice(s) == which)


def known_symbols() -> list[str]:
    """Symbols of all settings, for a message with the nearest."""
    return sorted({name(setting).replace(" 1", "") for setting in range(3, N_SETTINGS + 1)})


@cache
def _group(setting: int) -> spglib.SpaceGroupType:
    group = spglib.get_spacegroup_type(setting)
    assert group is not None
    return group


def _compact(symbol: str) -> str:
    return re.sub(r"[\s_]+", "", symbol).lower()


def _compact_hall(symbol: str) -> str:
    """Blanks part the elements of a Hall symbol: 'P 2 2' is not 'P 22'."""
    return " ".join(symbol.replace("_", " ").replace('""', '"').lower().split())


@cache
def _by_hall_symbol() -> dict[str, frozenset[int]]:
    return _grouped((_compact_hall(_group(s).hall_symbol), s) for s in range(1, N_SETTINGS + 1))


@cache
def _by_fingerprint() -> dict[bytes, frozenset[int]]:
    return _grouped((fingerprint(*operations(s)), s) for s in range(1, N_SETTINGS + 1))


@cache
def _by_symbol() -> dict[str, frozenset[int]]:
    return _grouped((_compact(n), s) for s in range(1, N_SETTINGS + 1) for n in _symbols(s))


@cache
def _of_monoclinic_type() -> dict[str, frozenset[int]]:
    """All settings of 'P 21/c' and its like, of which a code such as ':b2' chooses one."""
    types = [_group(s) for s in range(3, 108)]
    return _grouped((_compact(t.international_short), t.hall_number) for t in types)


def _symbols(setting: int) -> set[str]:
    """Every Hermann-Mauguin symbol of a setting, with its elements separated by blanks."""
    group = _group(setting)
    full = group.international_full.replace("_", "")
    if 3 <= group.number <= 15:
        return {full, " ".join(element for element in full.split() if element != "1")}
    symbols = {full, group.international.replace("_", ""), _FULL_SYMBOLS.get(setting, full)}
    if setting == 331:  # 'B b c b' in the table, and 'B b e b' in its other three
        symbols |= {"B b e b", "B 2/b 2/e 2/b"}
    symbols |= {old for symbol in symbols for old in _with_glide_letters(symbol, setting)}
    if group.number >= 200:
        symbols |= {symbol.replace("-3", "3") for symbol in symbols if "/" not in symbol}
    return symbols


def _with_glide_letters(symbol: str, setting: int) -> list[str]:
    """'C m c e' as it was written before 1992: 'C m c a', or 'C m c b' for the same."""
    centring, *elements = symbol.split()
    for axis, element in enumerate(elements):
        if "e" in element:
            letters = _GLIDE_LETTER.get(setting, "abc".replace("abc"[axis], ""))
            before, after = elements[:axis], elements[axis + 1 :]
            return [
                " ".join([centring, *before, element.replace("e", letter), *after])
                for letter in letters
            ]
    return []


def _grouped(pairs: Iterable[tuple[_Key, int]]) -> dict[_Key, frozenset[int]]:
    """The settings of each key."""
    groups: dict[_Key, set[int]] = defaultdict(set)
    for key, setting in pairs:
        groups[key].add(setting)
    return {key: frozenset(members) for key, members in groups.items()}
