"""Samples that are one vector each: compositions, diffraction patterns."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch

from framework.neural.samples import TensorSamples

PAIR = "#000000", "#D55E00"
"""Colours of an original and of what was decoded."""


class VectorSamples(TensorSamples):
    """One presentation a sample, and no other view of it.

    Attributes:
        values: (n, width) float32.
    """

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values
        self.width = values.shape[1]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def device(self) -> torch.device:
        return self.values.device

    def batch(self, index: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        return self.values[index]

    def take(self, index: np.ndarray) -> Self:
        return type(self)(self.values[torch.as_tensor(index)])

    def descriptors(self) -> np.ndarray:
        """The vectors themselves (n, width)."""
        return self.values.cpu().numpy()
