"""The contract of an objective: what a search for points of a space is judged by."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]


class Objective(ABC):
    """A quantity of the points of a space, with one true value for each.

    Constructor arguments are the settings that an experiment gives. Objects are sent to worker
    processes, so they must be picklable.

    Attributes:
        maximise: whether high values are wanted.
        quantity, units: what the value is, for axes and tables; no units where it has none.
        optimum: the best value there is, where it is known.
        summary: what is searched, in one line.
        attrs: what a data set says of itself (`framework.dataset`), where there is one behind it.
    """

    maximise: bool = False
    quantity: str = "value"
    units: str = ""
    optimum: float | None = None
    summary: str = ""
    attrs: Mapping[str, Any] = {}

    @property
    @abstractmethod
    def space(self) -> dict[str, FloatDistribution]:
        """What is searched, by the name of each coordinate."""

    @abstractmethod
    def value(self, point: Mapping[str, float]) -> float:
        """The true value at a point of the space."""

    def told(self, point: Mapping[str, float]) -> dict[str, Any]:
        """What is reported of a point beside its coordinates and its value."""
        return {}

    def content(self) -> dict[str, Any]:
        """What decides the values beside the settings, as plain content: digests of data."""
        return {}

    def figures(self, target: float | None) -> dict[str, Figure]:
        """Figures of the objective itself, by name.

        Args:
            target: the value that a hit reaches.
        """
        return {}

    @property
    def axis(self) -> str:
        """The quantity with its units, for an axis."""
        return f"{self.quantity} ({self.units})" if self.units else self.quantity

    def reaches(self, values: ArrayLike, target: float) -> NDArray[np.bool_]:
        """Which values are hits: as good as the target, or better."""
        values = np.asarray(values, dtype=float)
        return values >= target if self.maximise else values <= target


class PoolObjective(Objective):
    """An objective that is known at the points of a finite pool alone.

    A search draws candidates without replacement, so that random search is a fair baseline with
    a known expectation: after t of N evaluations it has found the share t / N of all hits.

    Args:
        points: of the candidates (n, d), all different.
        values: their true values (n,).
        names: what each of them is called (n,).
        coordinates: the name of each of the d coordinates.
    """

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike,
        names: Sequence[str],
        coordinates: Sequence[str],
    ) -> None:
        self.points: FloatArray = np.asarray(points, dtype=float)
        self.values: FloatArray = np.asarray(values, dtype=float)
        self.names = [str(name) for name in names]
        self.coordinates = list(coordinates)
        self.optimum = float(self.values.max() if self.maximise else self.values.min())
        self._at = {tuple(point): i for i, point in enumerate(self.points.tolist())}
        if len(self._at) != len(self.points):
            raise ValueError("two candidates of a pool stand at one point; keep one of them")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def space(self) -> dict[str, FloatDistribution]:
        """The box around the pool."""
        low, high = self.points.min(axis=0).tolist(), self.points.max(axis=0).tolist()
        bounds = zip(self.coordinates, low, high, strict=True)
        return {name: FloatDistribution(least, most) for name, least, most in bounds}

    def index(self, point: Mapping[str, float]) -> int:
        """Which candidate stands at a point."""
        return self._at[tuple(point[name] for name in self.coordinates)]

    def value(self, point: Mapping[str, float]) -> float:
        return float(self.values[self.index(point)])

    def told(self, point: Mapping[str, float]) -> dict[str, Any]:
        return {"candidate": self.names[self.index(point)]}

    def content(self) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(self.names).encode())
        digest.update(self.points.tobytes() + self.values.tobytes())
        return {"pool": digest.hexdigest()}
