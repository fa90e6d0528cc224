"""What a composition has to keep: its elements, the balance of its charges, that it is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from data.element_sets import ATOMIC_NUMBERS, nearest_elements, parse_formula
from data.representations.composition import PRESENT, atomic_fractions
from framework.base.errors import UserError
from framework.contracts.objective import FloatArray
from zoo.charge_balance import imbalance


@dataclass(frozen=True)
class CompositionConstraints:
    """Each is kept where its violation is 0 or less.

    Attributes:
        known: compositions that are not new, as `composition_key` writes them; None where any will do.
    """

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    charge_balanced: bool
    known: frozenset[bytes] | None

    @classmethod
    def of(
        cls,
        include: Sequence[str],
        exclude: Sequence[str],
        charge_balanced: bool,
        reported: Sequence[str] | None,
        element_sets: Iterable[str],
    ) -> Self:
        """Checked.

        Args:
            reported: formulas that are not new; None where any will do.
            element_sets: of the training part: an element that is in none is never decoded.

        Raises:
            UserError: what is no element, or stands on both sides, or was never seen.
        """
        seen = {symbol for text in element_sets for symbol in text.split()}
        for key, symbols in {"include": include, "exclude": exclude}.items():
            for symbol in symbols:
                if symbol not in ATOMIC_NUMBERS:
                    raise UserError(f"{key}: '{symbol}' is no element; {nearest_elements(symbol)}")
        for symbol in include:
            if symbol in exclude:
                raise UserError(
                    f"include, exclude: {symbol} stands in both, and nothing can keep both; take "
                    "it out of one"
                )
            if symbol not in seen:
                raise UserError(
                    f"include: no training material holds {symbol}, so no proposal will; take it "
                    "out, or bring materials that hold it"
                )
        known = None
        if reported is not None:
            known = frozenset(map(composition_key, atomic_fractions(reported)))
        return cls(tuple(include), tuple(exclude), charge_balanced, known)

    @property
    def names(self) -> tuple[str, ...]:
        return (
            *(["include"] if self.include else []),
            *(["exclude"] if self.exclude else []),
            *(["charge balance"] if self.charge_balanced else []),
            *(["novelty"] if self.known is not None else []),
        )

    def violations(self, formula: str, shares: FloatArray) -> dict[str, float]:
        """By name.

        Args:
            shares: atomic fractions (100,) before they were rounded to the formula: nearly there
                is better than far away.
        """
        held = parse_formula(formula)
        found = {}
        if self.include:
            lacking = [symbol for symbol in self.include if symbol not in held]
            found["include"] = sum(1 - min(_share(shares, s) / PRESENT, 0.99) for s in lacking)
        if self.exclude:
            found["exclude"] = sum(_share(shares, s) for s in self.exclude if s in held)
        if self.charge_balanced:
            found["charge balance"] = imbalance(formula)
        if self.known is not None:
            found["novelty"] = float(composition_key(atomic_fractions([formula])[0]) in self.known)
        return found


def _share(shares: FloatArray, symbol: str) -> float:
    return float(shares[ATOMIC_NUMBERS[symbol] - 1])


def composition_key(fractions: FloatArray) -> bytes:
    """The same for any multiple of a formula, of its atomic fractions (100,)."""
    found: bytes = np.round(fractions, 5).tobytes()
    return found
