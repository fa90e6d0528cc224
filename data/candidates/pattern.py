"""All unexplored element sets of a pattern such as M-M'-A-A': so many cations, so many anions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from math import comb

from data.element_sets import SYMBOLS, nearest_elements
from framework.base.errors import UserError
from framework.contracts.candidates import CandidateSource

ANIONS = ("N", "P", "As", "O", "S", "Se", "Te", "F", "Cl", "Br", "I")
"""The anions of the published phase fields."""

MOST_CANDIDATES = 5_000_000


class Pattern(CandidateSource):
    """A field space: which element sets belong to it, and which of them nobody has reported.

    Args:
        pattern: cations ``M`` and anions ``A``, told apart by primes, joined by hyphens.
        cations: the elements that M stands for; by default those of the reported fields.
        anions: the elements that A stands for.
        contains: elements that every field of the space holds.
        exclude: elements that no field of the space holds.
    """

    def __init__(
        self,
        pattern: str = "M-M'-A-A'",
        cations: tuple[str, ...] | None = None,
        anions: tuple[str, ...] = ANIONS,
        contains: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
    ) -> None:
        self.pattern, self.cations, self.anions = pattern, cations, anions
        self.contains, self.exclude = contains, exclude
        self.n_cations, self.n_anions = _counts(pattern)
        for key in ("cations", "anions", "contains", "exclude"):
            require_elements(getattr(self, key) or (), key)
        if both := set(cations or ()) & set(anions):
            raise UserError(
                f"{', '.join(sorted(both))} stands in cations and in anions; choose one"
            )
        if both := set(contains) & set(exclude):
            raise UserError(f"{', '.join(sorted(both))} is both contained and excluded; choose one")

    def members(self, element_sets: Iterable[str]) -> list[str]:
        """The element sets that belong to the space, each once, sorted."""
        return sorted({text for text in set(element_sets) if self._holds(text.split())})

    def unexplored(self, reported: Sequence[str]) -> list[str]:
        """The fields of the space that are not among the reported element sets, sorted.

        Raises:
            UserError: nothing is left, or the space is too large to enumerate.
        """
        occurring = {symbol for text in self.members(reported) for symbol in text.split()}
        anions = [a for a in self.anions if a in occurring or not occurring]
        cations = sorted(self.cations or (occurring - set(self.anions)))
        anions = sorted(set(anions) - set(self.exclude))
        cations = sorted(set(cations) - set(self.exclude))
        size = comb(len(cations), self.n_cations) * comb(len(anions), self.n_anions)
        if size > MOST_CANDIDATES:
            raise UserError(
                f"pattern {self.pattern}: {size:,} fields are too many to enumerate "
                f"(limit {MOST_CANDIDATES:,}); name fewer cations or anions"
            )
        known, must = set(reported), set(self.contains)
        found = []
        for positive in itertools.combinations(cations, self.n_cations):
            for negative in itertools.combinations(anions, self.n_anions):
                field = positive + negative
                if must <= set(field):
                    text = " ".join(sorted(field))
                    if text not in known:
                        found.append(text)
        if not found:
            raise UserError(
                f"pattern {self.pattern}: no unexplored field is left with these cations "
                f"({len(cations)}), anions ({len(anions)}), contains "
                f"({' '.join(self.contains) or 'none'}) and exclude "
                f"({' '.join(self.exclude) or 'none'})"
            )
        return sorted(found)

    def _holds(self, symbols: list[str]) -> bool:
        n_anions = sum(symbol in self.anions for symbol in symbols)
        return (
            n_anions == self.n_anions
            and len(symbols) == self.n_anions + self.n_cations
            and (self.cations is None or sum(s in self.cations for s in symbols) == self.n_cations)
            and set(self.contains) <= set(symbols)
            and not set(self.exclude) & set(symbols)
        )


def require_elements(symbols: Iterable[str], where: str) -> None:
    """Refuse what is not an element symbol.

    Raises:
        UserError: with the nearest symbols; or one stands twice.
    """
    symbols = list(symbols)
    for symbol in symbols:
        if symbol not in SYMBOLS:
            raise UserError(f"{where}: '{symbol}' is not an element; {nearest_elements(symbol)}")
        if symbols.count(symbol) > 1:
            raise UserError(f"{where}: {symbol} stands twice; name it once")


def _counts(pattern: str) -> tuple[int, int]:
    parts = (
        pattern.replace("\N{PRIME}", "'").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split("-")
    )
    kinds = [part.rstrip("'") for part in parts]
    if not all(re.fullmatch(r"[MA]'*", part) for part in parts) or len(set(parts)) < len(parts):
        raise UserError(
            f"pattern '{pattern}': write cations M, M', M'' and anions A, A' joined by hyphens, "
            "each once, for instance M-M'-A-A'"
        )
    if len(parts) > 8:
        raise UserError(f"pattern '{pattern}': at most 8 elements, this has {len(parts)}")
    return kinds.count("M"), kinds.count("A")
