"""Samples as tensors: batches by index, equivalent views, functions of batches over all samples."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch

from framework.contracts.representation import Samples
from framework.neural.threads import one_thread

PRESENTATIONS, NUMBERS = 4096, 1 << 20
"""Presentations a batch outside of training, and numbers in them, at most: as many as stay in a
processor's cache."""


class TensorSamples(Samples):
    """The materials of one representation, held in memory as tensors.

    A sample may have several equivalent presentations, its *views*: the 24 orders of the four
    elements of a phase field, for instance. A view is made when a batch asks for it.

    Attributes:
        n_views: the number of equivalent presentations of every sample.
        vectors: whether a batch is a tensor (b, width).
    """

    n_views: int = 1
    vectors: bool = True

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the tensors are."""

    @abstractmethod
    def batch(self, index: torch.Tensor, view: torch.Tensor) -> Any:
        """Presentations of samples ``index`` (b,) in views ``view`` (b,): a tensor (b, width), or
        where they are no ``vectors``, whatever the encoders of them read, of length b."""

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
