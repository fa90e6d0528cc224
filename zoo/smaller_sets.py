"""Whether larger sets are reported, from smaller ones alone: learned one size down, where it is known.

A set of k elements is as likely as its pairs are frequent and its parts of k - 1 elements reported.
How much each of these counts is learned where labels exist, from reported sets of k - 1 elements
and unreported ones, in counts that leave each out. What holds at one size is taken over to the next
as ranks: how far a count stands out among those of all sets of the same kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from framework.base.errors import UserError
from zoo.reported_sets import IS_ANION, FloatArray, IntArray, SetCounts

LEAST = 4
"""Elements of the larger sets: below, those one size down are pairs, of which no pair tells more."""

KNOTS = 10_001
"""Order statistics that are kept of what the candidates have."""

OUTERMOST = 0.01
"""Ranks nearer to 0 or 1 than about this are alike."""


@dataclass(frozen=True)
class OneSizeDown:
    """What was learned; all that scoring needs.

    Attributes:
        reported: smaller sets as atomic numbers (m, k), 0 where one has fewer.
        reference: order statistics (`KNOTS`, d) of what the candidates have.
        weights: of the ranks (2 d + 1,), the last one alone.
    """

    reported: IntArray
    reference: FloatArray
    weights: FloatArray

    @classmethod
    def fit(
        cls, reported: IntArray, candidates: IntArray, sampled: int, folds: int, seed: int
    ) -> Self:
        """Learn how much counts tell one size down.

        Args:
            reported: smaller sets as atomic numbers (m, k), 0 where one has fewer.
            candidates: unexplored sets (n, k).
            sampled: unreported sets one size down that are drawn, at most.
            folds: in which reported sets are left out of the counts.

        Raises:
            UserError: the candidates have too few elements, or no set one size down is reported.
        """
        k = candidates.shape[1]
        sizes = (reported > 0).sum(axis=1)
        known = _ascending(reported[sizes == k - 1])[:, 1 - k :]
        if k < LEAST or len(known) < folds:
            raise UserError(
                f"to learn from smaller sets, fields need at least {LEAST} elements and {folds} "
                f"reported sets of one fewer; here they have {k}, and there are {len(known)}"
            )
        generator = np.random.default_rng(seed)
        parts = np.unique(np.concatenate(list(_parts(_ascending(candidates)))), axis=0)
        parts = parts[~np.isin(_key(parts), _key(known))]
        drawn = generator.permutation(len(parts))[:sampled]
        sets = np.concatenate([known, parts[np.sort(drawn)]])
        labels = np.arange(len(sets)) < len(known)
        fold = generator.permutation(len(sets)) % folds
        ranks = np.empty((len(sets), 2 * N_COUNTS))
        for number in range(folds):
            out = known[fold[: len(known)] == number]
            rest = reported[~np.isin(_key(reported), _key(out))]
            rows = np.flatnonzero(fold == number)
            counts, n_anions = _counts(sets[rows], rest), IS_ANION[sets[rows]].sum(axis=1)
            for kind in np.unique(n_anions):
                here = n_anions == kind
                others = np.sort(counts[here & ~labels[rows]], axis=0)
                ranks[rows[here]] = _ranks(counts[here], others)
        every = np.sort(_counts(candidates, reported), axis=0)
        kept = np.linspace(0, len(every) - 1, KNOTS).round().astype(int)
        return cls(reported, every[kept], _weights(ranks, labels))

    def describe(self, fields: IntArray) -> FloatArray:
        """How far the counts of fields (n, k) stand out among those of the candidates (n, 2 d)."""
        return _ranks(_counts(fields, self.reported), self.reference)

    def score(self, fields: IntArray) -> FloatArray:
        """Higher where fields (n, k) are more likely (n,)."""
        score: FloatArray = self.describe(fields) @ self.weights[:-1] + self.weights[-1]
        return score


N_COUNTS = 7


def _counts(fields: IntArray, reported: IntArray) -> FloatArray:
    """Share of the parts of one element fewer, with cation and anion, that are reported; log counts
    of pairs, the least, the mean and the greatest, of all pairs and of those of a cation and an
    anion: (n, 7)."""
    fields = _ascending(fields)
    keys = _key(reported)
    parts = list(_parts(fields))
    known = np.array([np.isin(_key(part), keys) for part in parts])
    both = _or_all(np.array([_mixed(part) for part in parts]))
    logs = np.log1p(SetCounts.of(reported).pairs)
    pairs = list(itertools.combinations(fields.T, 2))
    of_pairs = np.array([logs[one, other] for one, other in pairs])
    mixed = _or_all(np.array([IS_ANION[one] != IS_ANION[other] for one, other in pairs]))
    columns = [known.mean(axis=0, where=both)]  # cations alone, an alloy, tell of no salt
    for values, where in ((of_pairs, np.ones_like(mixed)), (of_pairs, mixed)):
        columns += [
            values.min(axis=0, where=where, initial=np.inf),
            values.mean(axis=0, where=where),
            values.max(axis=0, where=where, initial=-np.inf),
        ]
    return np.stack(columns, axis=1).astype(np.float32)


def _ranks(counts: FloatArray, ordered: FloatArray) -> FloatArray:
    """Logarithms of how many of ordered counts (m, d) lie above and below each count (n, d), as
    shares (n, 2 d)."""
    shares = np.empty(counts.shape)
    for column, (values, others) in enumerate(zip(counts.T, ordered.T, strict=True)):
        below, through = (others.searchsorted(values, side) for side in ("left", "right"))
        shares[:, column] = (below + through) / 2 / max(len(others), 1)
    logs: FloatArray = np.log(np.concatenate([1 - shares, shares], axis=1) + OUTERMOST)
    return logs


def _weights(ranks: np.ndarray, labels: np.ndarray) -> FloatArray:
    """Of a logistic regression, for ranks as they are; the intercept last."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = ranks.mean(axis=0), ranks.std(axis=0)
    scale[scale < 1e-9] = np.inf
    model = LogisticRegression(C=1.0, max_iter=1000).fit((ranks - mean) / scale, labels)
    weights = model.coef_[0] / scale
    return np.append(weights, model.intercept_[0] - mean @ weights)


def _or_all(chosen: np.ndarray) -> np.ndarray:
    """Which parts or pairs of sets count (m, n): all of a set of which none is chosen."""
    return np.asarray(chosen | ~chosen.any(axis=0))


def _mixed(sets: IntArray) -> np.ndarray:
    """Whether sets (n, k) have both, cations and anions (n,)."""
    anions = IS_ANION[sets]
    return np.asarray(anions.any(axis=1) & ~anions.all(axis=1))


def _ascending(sets: IntArray) -> IntArray:
    return np.sort(sets, axis=1)


def _parts(sets: IntArray) -> Iterator[IntArray]:
    """All parts with one element fewer, ascending like the sets."""
    for left_out in range(sets.shape[1]):
        yield np.delete(sets, left_out, axis=1)


def _key(sets: IntArray) -> IntArray:
    """One number for every set, whatever its order and however many zeros stand in it (n,)."""
    ordered = -np.sort(-sets, axis=1)
    key: IntArray = ordered @ 119 ** np.arange(sets.shape[1])
    return key
