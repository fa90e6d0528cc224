"""Many rankings at once, as counts; and what random order gives in their place.

Every ranking metric depends only on how many positives and candidates stand at, and just above,
each distinct score that a positive has. A ranking is therefore a few hundred counts, a bootstrap
resample is other counts of the same groups, and a thousand resamples are computed together as
arrays of shape (resample, group).
Idea: McSherry & Najork, ECIR 2008 (metrics of tied rankings in closed form).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.metrics.bootstrap import FloatArray, IntArray

Numbers = NDArray[np.floating] | NDArray[np.integer]
OfRank = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Order(ABC):
    """What a ranking metric is computed from: B rankings, or random order. Rank 1 is the best.

    All quantities have shape (B,), of random order ().

    Attributes:
        prior: the stated share of hidden positives among the candidates.
    """

    prior: float

    def __post_init__(self) -> None:
        if not 0 <= self.prior < 1:
            raise ValueError(
                f"prior is {self.prior}; the share of hidden positives among the candidates lies "
                "in [0, 1)"
            )

    @property
    @abstractmethod
    def n_positive(self) -> IntArray: ...

    @property
    @abstractmethod
    def n_negative(self) -> IntArray: ...

    @property
    def n(self) -> IntArray:
        """All items."""
        return self.n_positive + self.n_negative

    @property
    @abstractmethod
    def auroc(self) -> FloatArray:
        """The share of pairs of a positive and a candidate in which the positive stands higher."""

    @property
    @abstractmethod
    def average_precision(self) -> FloatArray:
        """Mean over positives of the precision down to them."""

    @abstractmethod
    def hits_in(self, k: ArrayLike) -> FloatArray:
        """Expected positives in the first k ranks, with ties in random order."""

    @abstractmethod
    def at_positives(self, of_rank: OfRank) -> FloatArray:
        """Mean over positives of a function of their rank; a tie shares its mean rank."""

    @property
    @abstractmethod
    def mean_discount(self) -> FloatArray:
        """Mean over positives of 1/log2(rank + 1), averaged inside ties."""


@dataclass(frozen=True)
class Ranking(Order):
    """Counts of B rankings in G groups, one group for each score that a positive has, best first.

    positives (B, G). candidates (B, 2G + 1): above group 0, tied with it, between groups 0 and 1,
    tied with 1, ..., below all. A resample may leave a group without positives; it then adds
    nothing, but its candidates still stand above the groups below.
    """

    positives: IntArray
    candidates: IntArray

    @cached_property
    def n_positive(self) -> IntArray:
        return self.positives.sum(axis=1)

    @cached_property
    def n_negative(self) -> IntArray:
        return self.candidates.sum(axis=1)

    @cached_property
    def auroc(self) -> FloatArray:
        above, tied = self._candidates_above, self.candidates[:, 1::2]
        outranked = self.n_negative[:, None] - above - tied / 2
        return self._over_positives(outranked) / self.n_negative

    @cached_property
    def average_precision(self) -> FloatArray:
        accepted = np.maximum(self._above + self._size, 1)
        return self._over_positives((self._positives_above + self.positives) / accepted)

    def hits_in(self, k: ArrayLike) -> FloatArray:
        reached = self._per_item(np.asarray(k)[..., None] - self._above)
        return self.n_positive * self._over_positives(np.clip(reached, 0, 1))

    def at_positives(self, of_rank: OfRank) -> FloatArray:
        return self._over_positives(of_rank(self._above + (self._size + 1) / 2))

    @cached_property
    def mean_discount(self) -> FloatArray:
        until, last = discount_until(int(self.n.max())), self._above + self._size
        return self._over_positives(self._per_item(until[last] - until[self._above]))

    @cached_property
    def _candidates_above(self) -> IntArray:
        return self.candidates.cumsum(axis=1)[:, :-1:2]

    @cached_property
    def _positives_above(self) -> IntArray:
        return self.positives.cumsum(axis=1) - self.positives

    @cached_property
    def _above(self) -> IntArray:
        return self._candidates_above + self._positives_above

    @cached_property
    def _size(self) -> IntArray:
        return self.positives + self.candidates[:, 1::2]

    def _over_positives(self, of_group: Numbers) -> FloatArray:
        """Mean over positives of a quantity that each has from its group: (..., G) -> (...)."""
        total: FloatArray = (self.positives * of_group).sum(axis=-1)
        return total / self.n_positive

    def _per_item(self, of_group: Numbers) -> FloatArray:
        """A group's total shared out evenly: (..., G) -> (..., G)."""
        return of_group / np.maximum(self._size, 1)


@dataclass(frozen=True)
class RandomOrder(Order):
    """What is expected where all items stand in uniformly random order."""

    positives: int
    candidates: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positives < 1 or self.candidates < 1:
            raise ValueError(
                f"{self.positives} positives, {self.candidates} candidates: a ranking needs both"
            )

    @property
    def n_positive(self) -> IntArray:
        return np.asarray(self.positives)

    @property
    def n_negative(self) -> IntArray:
        return np.asarray(self.candidates)

    @property
    def auroc(self) -> FloatArray:
        return np.asarray(0.5)

    @property
    def average_precision(self) -> FloatArray:
        """H/n + (P - 1)/(n - 1) (1 - H/n), where H = 1 + 1/2 + ... + 1/n (Bestgen, Prague Bull.
        Math. Linguist. 103, 131, 2015)."""
        mean = self.at_positives(lambda rank: 1 / rank)
        return np.asarray(mean + (self.n_positive - 1) / (self.n - 1) * (1 - mean))

    def hits_in(self, k: ArrayLike) -> FloatArray:
        return np.asarray(np.asarray(k) * self.n_positive / self.n)

    def at_positives(self, of_rank: OfRank) -> FloatArray:
        return np.asarray(of_rank(np.arange(1.0, int(self.n) + 1)).mean())

    @property
    def mean_discount(self) -> FloatArray:
        return np.asarray(discount_until(int(self.n))[-1] / self.n)


def discount_until(n: int) -> FloatArray:
    """Sum of 1/log2(rank + 1) over the first 0, 1, ..., n ranks, (n + 1,)."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, n + 2)))])
