"""Which candidates are listed: by the elements that they hold, lack, or may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from framework.base.errors import UserError
from framework.registry.registry import CANDIDATES
from framework.selection.fields import Fields

SOURCE = "pattern"
"""The candidate source that knows anions."""


@dataclass(frozen=True)
class Wanted:
    """The elements that are wanted of a listed field.

    What is learned from does not depend on it: all fields are ranked, some of them are listed.

    Args:
        contains, exclude: elements that it must and must not hold.
        cations, anions: elements that its cations and its anions are taken from; any where empty.

    Raises:
        UserError: a symbol is not an element, is listed twice, or contradicts another one.
    """

    contains: Sequence[str] = ()
    exclude: Sequence[str] = ()
    cations: Sequence[str] = ()
    anions: Sequence[str] = ()

    def __post_init__(self) -> None:
        space = CANDIDATES.load(SOURCE)
        space(contains=tuple(self.contains), exclude=tuple(self.exclude))  # checks symbols
        if self.cations:
            space(cations=tuple(self.cations))
        if self.anions:
            space(anions=tuple(self.anions))
        if strange := [symbol for symbol in self.anions if symbol not in self._every_anion]:
            raise UserError(
                f"anions: {', '.join(strange)} is not among the anions of phase fields "
                f"({', '.join(sorted(self._every_anion))}); take some of these"
            )

    @cached_property
    def _every_anion(self) -> frozenset[str]:
        return frozenset(CANDIDATES.load(SOURCE)().anions)

    def allows(self, field: str) -> bool:
        """Whether a field is wanted."""
        symbols = set(field.split())
        return (
            symbols.issuperset(self.contains)
            and symbols.isdisjoint(self.exclude)
            and (not self.cations or symbols - self._every_anion <= set(self.cations))
            and (not self.anions or symbols & self._every_anion <= set(self.anions))
        )

    @property
    def spoken(self) -> str:
        """What is wanted, in words; "" for any field."""
        verbs = {
            "contains": "holds",
            "exclude": "lacks",
            "cations": "has only cations among",
            "anions": "has only anions among",
        }
        parts = [f"{verbs[key]} {', '.join(v)}" for key in verbs if (v := getattr(self, key))]
        return " and ".join(parts)


def listed(fields: Fields, wanted: Wanted) -> np.ndarray:
    """Indices (m,) of the unexplored fields that are wanted.

    Raises:
        UserError: there is none, or an element that they may have is in no candidate.
    """
    unexplored = fields.where(reported=False)
    names = fields.names[unexplored]
    index = unexplored[np.array([wanted.allows(name) for name in names])]
    if not len(index):
        raise UserError(
            f"none of the {len(names):,} candidates {wanted.spoken}; ask for fewer elements"
        )
    occurring = {symbol for name in names for symbol in name.split()}
    for key in ("cations", "anions"):
        if absent := [symbol for symbol in getattr(wanted, key) if symbol not in occurring]:
            raise UserError(
                f"{key}: {', '.join(absent)} is in none of the {len(names):,} candidates, which "
                "have the elements of reported fields; leave it out, or list fields with it in a "
                "file (--candidates)"
            )
    return index
