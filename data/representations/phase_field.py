"""Phase field: the element descriptors of each element of a set, side by side, in every order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
import xarray as xr

from data.element_sets import (
    SYMBOLS,
    formula_element_set,
    numbers,
    padded_numbers,
    parse_element_set,
)
from data.elements import element_table, table_for
from framework.base.errors import UserError
from framework.contracts.representation import Representation
from framework.neural.samples import TensorSamples


class PhaseFieldSamples(TensorSamples):
    """Element sets as atomic numbers and one table of standardised descriptors.

    Attributes:
        elements: atomic numbers (n, k), ascending; 0 before them where a set that is learned from
            has fewer, with descriptors of 0, the mean.
        table: standardised descriptors (119, n_features) by atomic number.
        n_elements: k, the same for all.
    """

    def __init__(self, elements: torch.Tensor, table: torch.Tensor) -> None:
        self.elements, self.table = elements, table
        self.n_elements = elements.shape[1]
        self.orders = torch.tensor(list(itertools.permutations(range(self.n_elements))))
        self.n_views = len(self.orders)
        self.width = self.n_elements * table.shape[1]

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def device(self) -> torch.device:
        return self.table.device

    def batch(self, index: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        ordered = self.elements[index].gather(1, self.orders[view])
        return self.table[ordered].flatten(1)

    def take(self, index: np.ndarray) -> Self:
        return type(self)(self.elements[torch.as_tensor(index)], self.table)

    def descriptors(self) -> np.ndarray:
        """Order statistics: each feature's values over the elements, sorted (n, k n_features)."""
        each = self.table.numpy()[self.elements.numpy()]
        return np.sort(each, axis=1).reshape(len(each), -1)


class PhaseField(Representation):
    """k elements x features, standardised by the training part; k! equivalent orders.

    Args:
        features: an element table (`data.elements`): magpie, published_37, megnet, matscholar,
            environments, or the path of a CSV file with a column ``element``.

    Features without a value for an element that occurs are left out; `left_out` names them.
    """

    def __init__(self, features: str = "magpie") -> None:
        self.features = features

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Element sets of one size, at least.

        Raises:
            UserError: they differ in size.
        """
        sizes = sorted({str(text).count(" ") + 1 for text in materials["element_set"].values})
        if len(sizes) > 1:
            raise UserError(
                f"a phase field has one number of elements, and these items have {sizes[0]} to "
                f"{sizes[-1]}"
            )

    def can_show(self, materials: xr.Dataset) -> np.ndarray:
        """Those of whose elements each has a descriptor or more."""
        described = np.isfinite(element_table(self.features).values).any(axis=1)
        shown: np.ndarray = described[numbers(materials["element_set"].values)].all(axis=1)
        return shown

    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        """Sets of the training part may have fewer elements than the others, which have one size."""
        others = np.delete(np.arange(materials.sizes["material"]), train)
        self.require(materials.isel(material=others) if len(others) else materials)
        table = table_for(self.features, materials, train)
        elements = padded_numbers(materials["element_set"].values)
        occurring = np.unique(elements[elements > 0])
        if len(bare := occurring[~np.isfinite(table.values[occurring]).any(axis=1)]):
            raise UserError(
                f"element table '{self.features}' has no values for "
                f"{', '.join(SYMBOLS[z - 1] for z in bare)}; exclude them from the candidates "
                "(exclude: [...]), or take another table (phase_field: {features: magpie})"
            )
        self.n_elements_ = elements.shape[1]
        complete = np.isfinite(table.values[occurring]).all(axis=0)
        if not complete.any():
            raise UserError(
                f"element table '{self.features}': no feature has values for all "
                f"{len(occurring)} elements that occur; take another table"
            )
        self.left_out = tuple(f for f, ok in zip(table.features, complete, strict=True) if not ok)
        values = table.values[:, complete]
        seen = values[elements[train][elements[train] > 0]]
        spread = seen.std(axis=0)
        # a feature that is constant in the training part tells nothing and must not divide by 0
        spread[spread < 1e-12 * np.abs(seen).max(axis=0).clip(1e-300)] = np.inf
        self.table_ = ((values - seen.mean(axis=0)) / spread).astype(np.float32)
        self.table_[0] = 0
        return self

    @property
    def width(self) -> int:
        self.require_fitted()
        return self.n_elements * self.table_.shape[1]

    @property
    def n_elements(self) -> int:
        """k, once fitted."""
        self.require_fitted()
        return int(self.n_elements_)

    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Element sets from symbols or formulas: 'Li Sn S Cl', 'Li-Sn-S-Cl', 'Li6PS5Cl'."""
        self.require_fitted()
        sets = []
        for text in texts:
            try:
                sets.append(element_set_of(text))
            except ValueError as error:
                raise UserError(f"{text!r}: {error}") from None
            if (k := len(sets[-1].split())) != self.n_elements_:
                raise UserError(f"{text!r} has {k} elements; this fit is for {self.n_elements_}")
        return xr.Dataset({"element_set": ("material", np.array(sets, dtype=str))})

    def transform(self, materials: xr.Dataset) -> PhaseFieldSamples:
        self.require_fitted()
        elements = padded_numbers(materials["element_set"].values)
        occurring = np.unique(elements)
        unknown = occurring[~np.isfinite(self.table_[occurring]).all(axis=1)]
        if len(unknown):
            raise UserError(
                f"element table '{self.features}' lacks values for "
                f"{', '.join(SYMBOLS[z - 1] for z in unknown)}, which this fit has not seen; "
                "leave them out, or fit again with them among the materials"
            )
        return PhaseFieldSamples(torch.from_numpy(elements), torch.from_numpy(self.table_))


def element_set_of(text: str) -> str:
    """The element set of symbols, or else of a formula.

    Raises:
        ValueError: it is neither.
    """
    try:
        return " ".join(parse_element_set(text))
    except ValueError as not_symbols:
        try:
            return formula_element_set(text)
        except ValueError:
            raise not_symbols from None
