"""Composition: the fraction of each element among the atoms."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
import xarray as xr

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS, parse_formula
from data.vectors import PAIR, VectorSamples
from framework.base.errors import UserError
from framework.contracts.representation import Representation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_ELEMENTS = 100
"""Hydrogen to fermium; position z - 1 is the element with atomic number z."""


PRESENT = 0.03
"""Share of all atoms from which on an element counts that was decoded. Of 0.01, 0.02, 0.03 and
0.05 the one under which `composition_vae` gives most materials their own elements back."""


class CompositionSamples(VectorSamples):
    """Atomic fractions (n, 100) that add up to 1."""

    def same(self, decoded: np.ndarray) -> np.ndarray:
        """Which have the right elements, each with a share of `PRESENT` or more."""
        shares = decoded.clip(0) / decoded.clip(0).sum(axis=1, keepdims=True)
        right: np.ndarray = ((shares >= PRESENT) == (self.descriptors() > 0)).all(axis=1)
        return right

    def draw(self, axes: Axes, decoded: np.ndarray) -> None:
        """Bars of the elements of either, the original's beside those that were decoded."""
        both = [self.descriptors()[0], decoded.clip(0) / decoded.clip(0).sum()]
        shown = np.flatnonzero((both[0] > 0) | (both[1] >= PRESENT))
        for offset, fractions, colour in zip((-0.2, 0.2), both, PAIR, strict=True):
            axes.bar(np.arange(len(shown)) + offset, fractions[shown], 0.4, color=colour)
        axes.set_xticks(range(len(shown)), [SYMBOLS[z] for z in shown], fontsize=8)
        axes.set_ylabel("atomic fraction")


class Composition(Representation):
    """100 atomic fractions from the formula; the same for any multiple of it.

    Nothing is scaled. Learned is only which elements the training part holds, `seen_` (100,).
    """

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Formulas of all.

        Raises:
            UserError: there are none, or some are missing.
        """
        if "formula" not in materials:
            raise UserError(
                "compositions need formulas, and these items are element sets; take the "
                "representation phase_field or element_set, or a task whose items are materials"
            )
        formulas = materials["formula"].values.astype(str)
        if len(blank := np.flatnonzero(formulas == "")):
            raise UserError(
                f"{len(blank)} of {len(formulas)} materials have no formula (first: material "
                f"{blank[0]}), and compositions are read from it; take a data set of formulas"
            )

    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        self.seen_ = (atomic_fractions(_formulas(materials))[train] > 0).any(axis=0)
        return self

    @property
    def width(self) -> int:
        return N_ELEMENTS

    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Materials from formulas: 'Li6PS5Cl', 'Ca(OH)2', 'Li3.3SnS3.3Cl0.7'."""
        atomic_fractions(texts)
        sets = [" ".join(sorted(parse_formula(text))) for text in texts]
        return xr.Dataset(
            {
                "formula": ("material", np.array(texts, dtype=str)),
                "element_set": ("material", np.array(sets, dtype=str)),
            }
        )

    def transform(self, materials: xr.Dataset) -> CompositionSamples:
        self.require_fitted()
        values = atomic_fractions(_formulas(materials)).astype(np.float32)
        return CompositionSamples(torch.from_numpy(values))


def atomic_fractions(formulas: Sequence[str] | np.ndarray) -> np.ndarray:
    """(n, 100) float64; every row adds up to 1.

    Raises:
        UserError: a formula cannot be read, or holds an element beyond fermium.
    """
    values = np.zeros((len(formulas), N_ELEMENTS))
    for row, formula in zip(values, formulas, strict=True):
        try:
            amounts = parse_formula(str(formula))
        except ValueError as error:
            raise UserError(str(error)) from None
        for symbol, amount in amounts.items():
            if (z := ATOMIC_NUMBERS[symbol]) > N_ELEMENTS:
                raise UserError(
                    f"'{formula:.60}' holds {symbol} (Z = {z}); compositions go up to "
                    f"{SYMBOLS[N_ELEMENTS - 1]} (Z = {N_ELEMENTS}); leave it out"
                )
            row[z - 1] = amount
        row /= row.max()  # first, so that huge amounts do not add up to infinity
        row /= row.sum()
    return values


def reduced_formula(
    fractions: np.ndarray, threshold: float = 0.01, tolerance: float = 0.01, most_atoms: int = 40
) -> str:
    """The formula that fractions (100,) stand for, such as a decoder gives them.

    Rule: fractions below `threshold` of the sum are dropped and the rest scaled to 1. Of all
    formulas with at most `most_atoms` atoms, each element present, the one with the fewest atoms
    is taken whose fractions all lie within `tolerance`; where none does, the nearest one.

    Raises:
        UserError: the fractions are not 100 finite numbers, or none is above zero.
    """
    fractions = np.asarray(fractions, dtype=np.float64)
    if fractions.shape != (N_ELEMENTS,) or not np.isfinite(fractions).all():
        raise UserError(f"a composition is {N_ELEMENTS} finite numbers, not {fractions.shape}")
    if not (fractions > 0).any():
        raise UserError("a composition without any fraction above zero has no formula")
    shares = fractions.clip(0) / fractions.clip(0).max()
    shares /= shares.sum()
    shares[shares < min(threshold, shares.max())] = 0
    present = np.flatnonzero(shares)
    shares = shares[present] / shares[present].sum()
    best, error = np.ones(len(present), int), math.inf
    for total in range(len(present), max(most_atoms, len(present)) + 1):
        counts = _whole(shares, total)
        if (deviation := np.abs(counts / total - shares).max()) < error - 1e-12:
            best, error = counts, deviation
            if error <= tolerance:
                break
    best = best // np.gcd.reduce(best)

    from pymatgen.core import Composition as Formula

    with warnings.catch_warnings():  # noble gases have no electronegativity to be sorted by
        warnings.simplefilter("ignore", UserWarning)
        amounts = {SYMBOLS[z]: int(n) for z, n in zip(present, best, strict=True)}
        return Formula(amounts).reduced_formula


def _whole(shares: np.ndarray, total: int) -> np.ndarray:
    """Numbers of atoms, at least 1 of each element, that add up to a total: largest remainders."""
    wanted = shares * total
    counts = np.maximum(np.floor(wanted), 1).astype(int)
    while (missing := total - counts.sum()) != 0:
        surplus = wanted - counts
        if missing > 0:
            counts[np.argmax(surplus)] += 1
        else:
            counts[np.argmin(np.where(counts > 1, surplus, np.inf))] -= 1
    return counts


def _formulas(materials: xr.Dataset) -> np.ndarray:
    Composition.require(materials)
    return materials["formula"].values.astype(str)
