"""What the classes of similar element sets say of a set: those that share elements with it, are
contained in it, or contain it.

Target statistics of categories, learned in folds: Micci-Barreca, SIGKDD Explor. 3, 27 (2001).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoo.groupwise import groupwise

FloatArray = NDArray[np.float32]

PRIOR_WEIGHT = 0.1
"""Sets of the mean class that are added to every weighted mean, so that few similar sets say little."""

DOUBLINGS = 4
"""Powers of a similarity by which sets are weighted: 2, 4, 8, 16."""

_AT_ONCE = 1000


def class_shares(asked: FloatArray, known: FloatArray, classes: FloatArray) -> FloatArray:
    """Weighted shares of the classes among known sets, and how many of these are similar: (m, d).

    Two sets are similar by their Jaccard index, and by the cosine of their elements, rare elements
    counting more. Everything is a sum over the known sets, so their order does not matter.

    Args:
        asked: 1 for each element that a set holds, else 0 (m, 118).
        known: likewise (n, 118).
        classes: 1 for the class of a known set, else 0 (n, k); of two classes one column will do.
    """
    rarity = np.log((len(known) + 1) / (known.sum(axis=0) + 1)) + 0.1
    parts = [
        _shares(part, known, classes, rarity)
        for part in np.split(asked, range(_AT_ONCE, len(asked), _AT_ONCE))
    ]
    return np.concatenate(parts).astype(np.float32)


def cross_fitted(
    holds: FloatArray, classes: FloatArray, groups: np.ndarray, folds: int, seed: int
) -> FloatArray:
    """The same of each of the known sets (n, d), from those of other folds: its own class is no
    part of what it is described by, and neither are those of its group.

    Args:
        groups: (n,) equal for sets that stand in one fold.
    """
    names, member = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[member]
    return groupwise(fold, lambda _, rows: class_shares(holds[rows], holds[~rows], classes[~rows]))


def _shares(
    asked: FloatArray, known: FloatArray, classes: FloatArray, rarity: FloatArray
) -> FloatArray:
    mean = classes.mean(axis=0) if len(classes) else np.zeros(classes.shape[1], np.float32)
    shared = asked @ known.T
    sizes, of_known = asked.sum(axis=1)[:, None], known.sum(axis=1)
    lengths = np.sqrt((asked @ rarity)[:, None] * (known @ rarity))
    columns: list[np.ndarray] = []

    def add(weights: np.ndarray) -> None:
        total = weights.sum(axis=1, keepdims=True)
        columns.append((weights @ classes + PRIOR_WEIGHT * mean) / (total + PRIOR_WEIGHT))
        columns.append(np.log(total + PRIOR_WEIGHT))

    for weights in (shared / (sizes + of_known - shared), ((asked * rarity) @ known.T) / lengths):
        for _ in range(DOUBLINGS):
            weights *= weights
            add(weights)
    add((shared == of_known).astype(np.float32))  # contained in the asked one
    add((shared == sizes).astype(np.float32))  # contain it
    return np.concatenate(columns, axis=1)
