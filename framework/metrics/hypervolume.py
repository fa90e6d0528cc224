"""Trade-offs between several values, all of them maximised: the front, and the volume under it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def on_front(values: ArrayLike) -> NDArray[np.bool_]:
    """Which points (n, k) no other one is as good as in every value and better in one (n,)."""
    points = np.asarray(values, dtype=float)
    at_least = (points[:, None] >= points[None]).all(axis=2)
    better = (points[:, None] > points[None]).any(axis=2)
    return np.asarray(~(at_least & better).any(axis=0))


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """The volume that points (n, k) dominate above a reference point (k,).

    Cut into slices along the last value, each with the points that reach it. Source: Zitzler and
    Thiele, IEEE Trans. Evol. Comput. 3, 257 (1999).
    """
    points, floor = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    points = points[(points > floor).all(axis=1)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max() - floor[0])
    points = points[on_front(points)]
    points = points[np.argsort(-points[:, -1], kind="stable")]
    heights = points[:, -1] - np.append(points[1:, -1], floor[-1])
    return float(
        sum(
            height * hypervolume(points[: i + 1, :-1], floor[:-1])
            for i, height in enumerate(heights)
            if height > 0
        )
    )
