"""The contract of an objective: what a search for points of a space is judged by."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What an objective says of one point.

    Attributes:
        values: one for each direction of the objective.
        violations: by constraint; it is kept where its violation is 0 or less.
        report: what tables show of the point beside its coordinates and its values.
    """

    values: tuple[float, ...]
    violations: Mapping[str, float] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


class Objective(ABC):
    """A quantity of the points of a space, or several, under constraints or none.

    Constructor arguments are the settings that an experiment gives; an argument ``runs`` is
    supplied by the framework: the folder of all results, where an encoder is fitted or taken from.
    Objects are sent to worker processes, so they must be picklable.

    Attributes:
        maximise: whether high values of `quantity` are wanted.
        directions: for each value of a point whether it is maximised.
        names: what each value is called.
        constraints: names of what a point has to keep.
        quantity, units: what searches are compared by, for axes and tables; no units where it has
            none. Of a point with one value it is that value.
        optimum: the best of it that there is, where it is known.
        summary: what is searched, in one line.
        attrs: what a data set says of itself (`framework.contracts.dataset`), where there is one
            behind it.
    """

    maximise: bool = False
    constraints: tuple[str, ...] = ()
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
    def measure(self, point: Mapping[str, float]) -> Measured:
        """Values, violations and report of a point of the space."""

    @property
    def directions(self) -> tuple[bool, ...]:
        return (self.maximise,)

    @property
    def names(self) -> tuple[str, ...]:
        return ("value",)

    def progress(self, values: FloatArray, kept: NDArray[np.bool_]) -> FloatArray:
        """`quantity` (n,) of the best that was found so far, NaN while there is nothing.

        Args:
            values: of the evaluations in order (n, k), NaN where one failed.
            kept: whether each kept all constraints (n,).

        Returns:
            In the order of the evaluations, in the units of `quantity`.
        """
        better = np.fmax if self.maximise else np.fmin
        best: FloatArray = better.accumulate(np.where(kept, values[:, 0], np.nan))
        return best

    def content(self) -> dict[str, Any]:
        """What decides the values beside the settings, as plain content: ``data``, the digest of
        the data, where there are any."""
        return {}

    def tables(self, evaluations: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """What is made of all evaluations beside their results, by name.

        Args:
            evaluations: sampler, seed, evaluation, values by name, whether it was ``kept``, what
                was reported, coordinates; one row each.
        """
        return {}

    def figures(self, evaluations: pd.DataFrame, target: float | None) -> dict[str, Figure]:
        """Figures of the objective itself, by name.

        Args:
            evaluations: as for `tables`.
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
        candidates: what each of them is called (n,).
        coordinates: the name of each of the d coordinates.

    Raises:
        ValueError: two candidates have the same point.
    """

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike,
        candidates: Sequence[str],
        coordinates: Sequence[str],
    ) -> None:
        self.points: FloatArray = np.asarray(points, dtype=float)
        self.values: FloatArray = np.asarray(values, dtype=float)
        self.candidates = [str(name) for name in candidates]
        self.coordinates = list(coordinates)
        self.optimum = float(self.values.max() if self.maximise else self.values.min())
        self._at = {tuple(point): i for i, point in enumerate(self.points.tolist())}
        if len(self._at) != len(self.points):
            raise ValueError("two candidates of a pool have the same point; keep one of them")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def space(self) -> dict[str, FloatDistribution]:
        """The box around the pool."""
        low, high = self.points.min(axis=0).tolist(), self.points.max(axis=0).tolist()
        bounds = zip(self.coordinates, low, high, strict=True)
        return {name: FloatDistribution(least, most) for name, least, most in bounds}

    def value_of_top(self, share: float) -> float:
        """The value that the best share of all candidates reaches."""
        best = np.sort(self.values)[:: -1 if self.maximise else 1]
        return float(best[max(1, round(share * len(best))) - 1])

    def index(self, point: Mapping[str, float]) -> int:
        """Which candidate has a point.

        Raises:
            KeyError: none does.
        """
        return self._at[tuple(point[name] for name in self.coordinates)]

    def measure(self, point: Mapping[str, float]) -> Measured:
        i = self.index(point)
        return Measured((float(self.values[i]),), report={"candidate": self.candidates[i]})

    def content(self) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(self.candidates).encode())
        digest.update(self.points.tobytes() + self.values.tobytes())
        return {"data": digest.hexdigest()}
