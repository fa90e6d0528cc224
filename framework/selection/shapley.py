"""What the players of a game add to its value, alone, in pairs and in triples.

A game gives every subset of n players a value; subset s is the number whose bit i says whether it
holds player i. Shapley values: Shapley, Contributions to the Theory of Games II, 307 (1953).
Interactions: Sundararajan, Dhamdhere and Agarwal, The Shapley Taylor interaction index, ICML 2020.
"""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def dividends(values: FloatArray) -> FloatArray:
    """What each subset adds beyond all its own subsets (2^n,), from the values of all subsets
    (2^n,); the sum over the subsets of one is its value (the Moebius transform).

    >>> dividends(np.array([1.0, 3.0, 4.0, 6.5]))
    array([1. , 2. , 3. , 0.5])
    """
    out = np.array(values, dtype=np.float64)
    n = _players(out)
    for player in range(n):
        halves = out.reshape(-1, 2, 1 << player)  # a view: without and with the player
        halves[:, 1] -= halves[:, 0]
    return out


def shapley_values(values: FloatArray) -> FloatArray:
    """What each player adds (n,), averaged over all orders in which they may come: a subset's
    dividend is shared evenly among its players. Their sum is the value of all players less that of
    none.

    Args:
        values: of all subsets (2^n,).
    """
    added, n = dividends(values), _players(values)
    out = np.zeros(n)
    for subset in range(1, 1 << n):
        players = _bits(subset)
        out[players] += added[subset] / len(players)
    return out


def interactions(values: FloatArray, order: int = 3) -> dict[tuple[int, ...], float]:
    """What each subset of 1 to ``order`` players adds beyond its own subsets; what larger ones add
    is shared evenly among their subsets of the largest order. Their sum is the value of all players
    less that of none.

    Args:
        values: of all subsets (2^n,).
        order: n where that is less.
    """
    added, n = dividends(values), _players(values)
    order = min(order, n)
    out = {
        players: 0.0
        for size in range(1, order + 1)
        for players in itertools.combinations(range(n), size)
    }
    for subset in range(1, 1 << n):
        players = tuple(_bits(subset))
        size = min(len(players), order)
        for part in itertools.combinations(players, size):
            out[part] += float(added[subset]) / comb(len(players), size)
    return out


def _players(values: FloatArray) -> int:
    n = len(values).bit_length() - 1
    if len(values) != 1 << n:
        raise ValueError(f"a game of n players has 2^n values, not {len(values)}")
    return n


def _bits(subset: int) -> list[int]:
    return [i for i in range(subset.bit_length()) if subset >> i & 1]
