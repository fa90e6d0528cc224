"""The reported fields nearest to others: those that share most elements, then the closest ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from framework.contracts.representation import Samples
from framework.selection.fields import Fields, Progress, ignored

AT_ONCE = 10_000
"""Fields whose nearest reported ones are looked up in one go; bounds the memory."""


@dataclass(frozen=True)
class ReportedFields:
    """The reported fields, as elements and standardised descriptors, to look others up in.

    Attributes:
        names: of the reported fields (m,).
    """

    names: np.ndarray
    columns: dict[str, int]
    mean: np.ndarray
    scale: np.ndarray
    elements: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, fields: Fields) -> Self:
        reported = fields.where(reported=True)
        known = fields.samples.take(reported).descriptors()
        mean, scale = known.mean(axis=0), known.std(axis=0)
        scale[scale < 1e-6] = np.inf  # constant: tells nothing
        symbols = sorted({symbol for name in fields.names for symbol in name.split()})
        columns = {symbol: i for i, symbol in enumerate(symbols)}
        names = fields.names[reported]
        elements, points = _held(names, columns), (known - mean) / scale
        return cls(names, columns, mean, scale, elements, points)

    def compare(self, names: np.ndarray, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
        """Of fields (n,) and the reported ones: how many elements both have (n, m), and the squared
        distance of their standardised descriptors (n, m)."""
        points = (samples.descriptors() - self.mean) / self.scale
        squared = points @ self.points.T
        squared *= -2
        squared += (points**2).sum(axis=1)[:, None]
        squared += (self.points**2).sum(axis=1)
        return _held(names, self.columns) @ self.elements.T, squared

    def nearest(
        self, fields: Fields, index: np.ndarray, progress: Progress = ignored
    ) -> np.ndarray:
        """The nearest reported field of each field at ``index`` (n,): of those that share most
        elements the one whose descriptors are closest."""
        nearest = []
        for part in np.array_split(index, -(-len(index) // AT_ONCE)):
            shared, squared = self.compare(fields.names[part], fields.samples.take(part))
            squared[shared < shared.max(axis=1, keepdims=True)] = np.inf
            nearest.append(squared.argmin(axis=1))
            progress(sum(map(len, nearest)), len(index))
        return self.names[np.concatenate(nearest)]


def _held(names: np.ndarray, columns: dict[str, int]) -> np.ndarray:
    """Which elements fields hold (n, elements), those without a column left out."""
    elements = np.zeros((len(names), len(columns)), np.float32)
    for row, name in zip(elements, names, strict=True):
        row[[columns[symbol] for symbol in name.split() if symbol in columns]] = 1
    return elements
