"""Element set: which elements a material holds, with statistics of their descriptors if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
import xarray as xr

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from data.elements import element_table, table_for
from data.representations.phase_field import element_set_of
from data.vectors import VectorSamples
from framework.base.errors import UserError
from framework.contracts.representation import Representation

MOST_ELEMENTS = 8
STATISTICS = ("mean", "standard deviation", "lowest", "highest")
"""Of a descriptor over the elements of a set, each element once."""

_AT_ONCE = 20_000
"""Sets whose descriptors are looked up in one go; bounds the memory."""


class ElementSetSamples(VectorSamples):
    """1 for each element that a set holds, else 0, in the order of atomic numbers; then, where they
    are wanted, the standardised statistics (n, 118 + statistics x descriptors)."""

    @property
    def holds(self) -> torch.Tensor:
        """Which elements each set holds (n, 118), bool."""
        return self.values[:, : len(SYMBOLS)] > 0

    def same(self, decoded: np.ndarray) -> np.ndarray:
        """Which are decoded to the right elements: those of 0.5 or more."""
        right: np.ndarray = ((decoded[:, : len(SYMBOLS)] >= 0.5) == self.holds.cpu().numpy()).all(
            axis=1
        )
        return right


class ElementSet(Representation):
    """Sets of 1 to 8 elements side by side, whatever their sizes.

    Learned from the training part: which elements it holds, `seen_` (118,), and by which mean and
    spread statistics are standardised; the descriptors themselves, `table_` (118, n_features).

    Args:
        features: an element table (see `phase_field`), of which `STATISTICS` are shown beside the
            elements; those without a value for an element that occurs are left out.
    """

    def __init__(self, features: str | None = None) -> None:
        self.features = features

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """At most `MOST_ELEMENTS` elements each.

        Raises:
            UserError: one has more; it is named.
        """
        for text in materials["element_set"].values:
            if (n := str(text).count(" ") + 1) > MOST_ELEMENTS:
                raise UserError(
                    f"an element set of {n} elements ({text}) is too large; at most "
                    f"{MOST_ELEMENTS} are shown: leave it out"
                )

    def can_show(self, materials: xr.Dataset) -> np.ndarray:
        """Those of `MOST_ELEMENTS` or fewer, each with a descriptor or more where these are shown."""
        holds = _holds(materials)
        shown: np.ndarray = holds.sum(axis=1) <= MOST_ELEMENTS
        if self.features is not None:
            described = np.isfinite(element_table(self.features).values[1:]).any(axis=1)
            shown = shown & ~holds[:, ~described].any(axis=1)
        return shown

    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        self.require(materials)
        holds = _holds(materials)
        self.seen_ = holds[train].any(axis=0)
        if self.features is not None:
            values = table_for(self.features, materials, train).values[1:]
            complete = np.isfinite(values[holds.any(axis=0)]).all(axis=0)
            if not complete.any():
                raise UserError(
                    f"element table '{self.features}': no feature has values for all "
                    f"{holds.any(axis=0).sum()} elements that occur; take another table"
                )
            self.table_ = values[:, complete]
            seen = self._statistics(holds[train])
            self.mean_, spread = seen.mean(axis=0), seen.std(axis=0)
            # constant in the training part: tells nothing and must not divide by 0
            spread[spread < 1e-12 * np.abs(seen).max(axis=0).clip(1e-300)] = np.inf
            self.scale_ = spread
        return self

    @property
    def width(self) -> int:
        self.require_fitted()
        return len(SYMBOLS) + (0 if self.features is None else len(self.mean_))

    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Element sets from symbols or formulas: 'Li Sn S Cl', 'Li-Sn-S-Cl', 'Li6PS5Cl'.

        Raises:
            UserError: a text is neither, or holds too many elements.
        """
        try:
            sets = [element_set_of(text) for text in texts]
        except ValueError as error:
            raise UserError(str(error)) from None
        materials = xr.Dataset({"element_set": ("material", np.array(sets, dtype=str))})
        self.require(materials)
        return materials

    def transform(self, materials: xr.Dataset) -> ElementSetSamples:
        """The samples of materials.

        Raises:
            UserError: a set is too large, or holds an element without descriptors.
        """
        self.require_fitted()
        self.require(materials)
        holds = _holds(materials)
        shown = holds.astype(np.float32)
        if self.features is not None:
            statistics = ((self._statistics(holds) - self.mean_) / self.scale_).astype(np.float32)
            if len(bare := np.flatnonzero(~np.isfinite(statistics).all(axis=1))):
                raise UserError(
                    f"element table '{self.features}' lacks values for an element of "
                    f"{materials['element_set'].values[bare[0]]}, which this fit has not seen; "
                    "leave it out, or fit again with it among the materials"
                )
            shown = np.concatenate([shown, statistics], axis=1)
        return ElementSetSamples(torch.from_numpy(shown))

    def _statistics(self, holds: np.ndarray) -> np.ndarray:
        """`STATISTICS` of every descriptor (n, 4 n_features), statistic by statistic."""
        table = self.table_
        out = np.empty((len(holds), len(STATISTICS) * table.shape[1]))
        sizes = holds.sum(axis=1)
        for size in np.unique(sizes):
            of_size = np.flatnonzero(sizes == size)
            for rows in np.split(of_size, range(_AT_ONCE, len(of_size), _AT_ONCE)):
                elements = np.nonzero(holds[rows])[1].reshape(len(rows), size)
                each = table[elements]
                out[rows] = np.concatenate(
                    [each.mean(axis=1), each.std(axis=1), each.min(axis=1), each.max(axis=1)],
                    axis=1,
                )
        return out


def _holds(materials: xr.Dataset) -> np.ndarray:
    """Which elements each set holds (n, 118), bool."""
    texts = materials["element_set"].values
    rows = np.repeat(np.arange(len(texts)), [str(text).count(" ") + 1 for text in texts])
    symbols = " ".join(map(str, texts)).split()
    holds = np.zeros((len(texts), len(SYMBOLS)), dtype=bool)
    holds[rows, [ATOMIC_NUMBERS[symbol] - 1 for symbol in symbols]] = True
    return holds
