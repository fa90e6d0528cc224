"""Symmetry operations: 'x, y, z' and its like as matrices, and whether they form a group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

MOST_OPERATIONS = 192
"""Of a space group in its conventional cell, at most."""

PART = 24
"""Translations of the tabulated settings are multiples of 1/24 of an edge."""

_ROUNDING = 2e-3
"""Of an edge; translations written as 0.333 are thirds."""

CLOSE = 0.01
"""Share by which edges and cosines may differ that a symmetry makes equal."""

EXACT = 2e-4
"""The same for a cell of that symmetry, up to the digits that are written."""

_TERM = re.compile(r"([+-]?)(?:([xyz])|(\d+\.?\d*|\.\d+)(?:/(\d+))?(?:\*?([xyz]))?)")


def parse_operations(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (m, 3, 3) and translations (m, 3) in [0, 1), each operation once.

    Raises:
        ValueError: a text is not an operation, or there are too many.
    """
    if len(texts) > MOST_OPERATIONS:
        raise ValueError(
            f"{len(texts)} symmetry operations; a space group has at most {MOST_OPERATIONS}"
        )
    parsed = [_parsed(text) for text in texts]
    rotations = np.array([rotation for rotation, _ in parsed])
    translations = np.array([translation for _, translation in parsed])
    whole = np.round(translations * PART) / PART
    translations = np.where(np.abs(translations - whole) < _ROUNDING, whole, translations) % 1.0
    together = np.column_stack([rotations.reshape(-1, 9), translations.round(6)])
    _, once = np.unique(together, axis=0, return_index=True)
    once.sort()
    return rotations[once], translations[once]


def fingerprint(rotations: np.ndarray, translations: np.ndarray) -> bytes:
    """The same for the same operations in any order, b"" where they are in no tabulated setting."""
    parts = translations * PART
    if np.abs(rotations).max() > 1 or np.abs(parts - np.round(parts)).max() > 1e-6:
        return b""
    digits = np.column_stack([rotations.reshape(-1, 9) + 1, np.round(parts).astype(int) % PART])
    weights = np.array([*3 ** np.arange(9), *3**9 * PART ** np.arange(3)], np.int64)
    return np.unique(digits @ weights).tobytes()


def require_group(rotations: np.ndarray, translations: np.ndarray) -> None:
    """Refuse operations of which two, one after the other, give one that is not listed.

    Raises:
        ValueError: so it is.
    """
    for rotation, translation in zip(rotations, translations, strict=True):
        after = (rotation @ translations.T).T + translation
        apart = after[:, None] - translations
        same = (np.abs(apart - np.round(apart)) < 2 * _ROUNDING).all(axis=-1)
        same &= ((rotation @ rotations)[:, None] == rotations).all(axis=(-1, -2))
        if not same.any(axis=1).all():
            raise ValueError(f"the {len(rotations)} symmetry operations do not form a group")


def fit_the_cell(rotations: np.ndarray, lattice: np.ndarray, within: float) -> bool:
    """True if the operations leave the edges and angles of the cell as they are, within a share."""
    metric = lattice @ lattice.T
    edges = np.sqrt(np.diag(metric))
    moved = np.einsum("mji,jk,mkl->mil", rotations, metric, rotations)
    return bool((np.abs(moved - metric) <= within * np.outer(edges, edges)).all())


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and translation of one operation."""
    rotation, translation = np.zeros((3, 3), np.int64), [Fraction(0)] * 3
    components = re.sub(r"\s", "", text).lower().split(",")
    if len(components) != 3:
        raise ValueError(f"'{text:.30}' is not a symmetry operation")
    for i, component in enumerate(components):
        terms = list(_TERM.finditer(component))
        if "".join(match[0] for match in terms) != component or not component:
            raise ValueError(f"'{text:.30}' is not a symmetry operation")
        for sign, axis, numerator, denominator, of_axis in (match.groups() for match in terms):
            if denominator is not None and int(denominator) == 0:
                raise ValueError(f"'{text:.30}' is not a symmetry operation")
            size = Fraction(numerator or 1) / int(denominator or 1) * (-1 if sign == "-" else 1)
            if letter := axis or of_axis:
                if size.denominator != 1:
                    raise ValueError(f"'{text:.30}' does not map the lattice onto itself")
                rotation[i, "xyz".index(letter)] += int(size)
            else:
                translation[i] += size
    if abs(round(np.linalg.det(rotation))) != 1:
        raise ValueError(f"'{text:.30}' does not map the lattice onto itself")
    return rotation, np.array([float(part) for part in translation])
