"""How a material is shown to an encoder: the contracts of a representation and of its samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from framework.contracts.fitted import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Samples(ABC):
    """The materials of one representation, held in memory.

    What they are held as is for the representation and its encoders to know: of the samples of
    neural encoders `framework.neural.samples` says more.

    Attributes:
        width: the length of one presentation, what an encoder reads; of graphs, what stands at a
            site and at a pair of sites.
    """

    width: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def descriptors(self) -> np.ndarray:
        """One vector a sample (n, d), the same in every view: near means alike."""

    @abstractmethod
    def take(self, index: np.ndarray) -> Self:
        """The samples at ``index`` (m,), in that order."""

    def same(self, decoded: np.ndarray) -> np.ndarray | None:
        """Which decoded presentations (n, width) stand for what the samples are (n,), such as a
        composition with the same elements; None where there is no such thing."""
        return None

    def draw(self, axes: Axes, decoded: np.ndarray) -> None:
        """Draw the only sample beside its decoded presentation (width,).

        Raises:
            NotImplementedError: it is nothing that one could look at.
        """
        raise NotImplementedError


class Representation(Fitted, ABC):
    """Turns materials into samples; what it learns, it learns from the training part.

    Constructor arguments are stored under their own names.
    """

    checkpoint = "representation.npz"

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Refuse materials of a kind that it cannot show, at a glance and whatever its settings.

        Raises:
            UserError: says what they lack.
        """
        return

    def can_show(self, materials: xr.Dataset) -> np.ndarray:
        """Which materials (n,) it could show one by one, before it is fitted: here all of them."""
        return np.ones(materials.sizes["material"], dtype=bool)

    @property
    @abstractmethod
    def width(self) -> int:
        """The length of one presentation, once fitted."""

    @abstractmethod
    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Materials from what a person types.

        Raises:
            UserError: a text cannot be read, or does not fit what was fitted.
        """

    @abstractmethod
    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        """Fit scalers and vocabularies.

        Args:
            materials: all that will be shown, held-out ones and candidates too: which inputs
                exist for them may decide what can be used, their values may not be learned from.
            train: indices of the training part (m,).
        """

    @abstractmethod
    def transform(self, materials: xr.Dataset) -> Samples:
        """The samples of materials, in order."""
