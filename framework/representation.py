"""How a material is shown to an encoder: the contracts of a representation and of its samples."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
import xarray as xr

from framework.state import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PRESENTATIONS, NUMBERS = 4096, 1 << 20
"""Presentations a batch outside of training, and numbers in them, at most: as many as stay in a
processor's cache."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that results are the same to the bit however many runs go side by
    side; networks this small are no faster on more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Samples(ABC):
    """The materials of one representation, held in memory as tensors.

    A sample may have several equivalent presentations, its *views*: the 24 orders of the four
    elements of a phase field, for instance. A view is made when a batch asks for it.

    Attributes:
        width: the length of one presentation, what an encoder reads; of graphs, what stands at a
            site and at a pair of sites.
        n_views: the number of equivalent presentations of every sample.
        vectors: whether a batch is a tensor (b, width).
    """

    width: int
    n_views: int = 1
    vectors: bool = True

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the tensors are."""

    @abstractmethod
    def batch(self, index: torch.Tensor, view: torch.Tensor) -> Any:
        """Presentations of samples ``index`` (b,) in views ``view`` (b,): a tensor (b, width), or
        where they are no ``vectors``, whatever the encoders of them read, of length b."""

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

    def to(self, device: torch.device) -> Self:
        """The same samples with their tensors on a device."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(moved, name, value.to(device))
        return moved

    def mean_over_views(
        self, function: Callable[[Any], torch.Tensor], most_views: int | None = None
    ) -> np.ndarray:
        """What a function gives of a batch, (b, d), averaged over the views, as (n, d) float64.

        A sample's views stand side by side in one batch. Of more than ``most_views`` views,
        that many evenly spaced ones are taken.
        """
        n_views = min(most_views or self.n_views, self.n_views)
        out = []
        with torch.inference_mode(), one_thread():
            index = torch.arange(len(self), device=self.device)
            views = torch.arange(n_views, device=self.device) * self.n_views // n_views
            for part in index.split(max(1, self._at_once // n_views)):
                batch = self.batch(part.repeat_interleave(n_views), views.repeat(len(part)))
                values = function(batch).double()
                out.append(values.reshape(len(part), n_views, -1).mean(1).cpu())
        return torch.cat(out).numpy()

    def in_batches(self) -> Iterator[Any]:
        """The samples in order, each in its first view, some thousands at a time."""
        for index in torch.arange(len(self), device=self.device).split(self._at_once):
            yield self.batch(index, torch.zeros_like(index))

    @property
    def _at_once(self) -> int:
        return max(1, min(PRESENTATIONS, NUMBERS // self.width))


class Representation(Fitted, ABC):
    """Turns materials into samples; what it learns, it learns from the training part.

    Constructor arguments are stored under their own names.
    """

    checkpoint = "representation.npz"

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
