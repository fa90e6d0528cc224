"""How round are the clusters of a latent space: isotropy measures, one by one and as a set.

Measures and their size-weighted mean: Durdy et al., arXiv 2305.16372 (2023), after Mu & Viswanath,
ICLR 2018 (partition function) and Basser & Pierpaoli, J. Magn. Reson. B 111, 209 (1996).
Unlike the code published there: directions from the whole sphere, both signs of each eigenvector,
fractional anisotropy in [0, 1] for every dimension, and a rule for clusters without a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

MEASURES: dict[str, str] = {
    "sphere_isotropy": "min Z(a) / max Z(a), Z(a) = sum exp(a.x) over the centred points x, over "
    "random unit directions a of the whole sphere; (0, 1], 1 = isotropic (Mu & Viswanath 2018).",
    "eigenvector_isotropy": "The same over both signs of every eigenvector of the covariance, "
    "since Z(a) and Z(-a) differ where a cluster is lopsided; (0, 1], 1 = isotropic.",
    "fractional_anisotropy": "sqrt(d/(d-1)) |l - mean(l)| / |l| over the d eigenvalues l of the "
    "covariance; 0 = isotropic, 1 = a line, in every d (Basser & Pierpaoli 1996, there d = 3).",
    "eigenvalue_variance": "mean((p - 1/d)^2) over the d eigenvalues p, scaled to sum 1; "
    "0 = isotropic, (d-1)/d^2 = a line: compare it within one d only (Durdy et al. 2023).",
}

OF_EIGENVALUES = ("fractional_anisotropy", "eigenvalue_variance")  # 0 = isotropic
_LARGEST = 1e300  # differences of larger points overflow
_AT_ONCE = 2**21  # bounds an array of (point, direction) to 16 MiB


@dataclass(frozen=True)
class ClusterIsotropy:
    """The measures of k clusters, in the order of their sorted labels.

    labels, sizes, has_shape: (k,). A cluster of fewer than two DISTINCT points (a singleton, or
    copies of one point) has no shape: its values are nan, no mean counts it, and
    `n_shapeless` and `shapeless_share` say how much was left out.
    values: measure -> (k,), nan only there, and for the two eigenvalue measures where d = 1.
    means: measure -> mean over the clusters that have a shape, weighted by size; nan if none has.
    """

    labels: NDArray[Any]
    sizes: NDArray[np.intp]
    has_shape: NDArray[np.bool_]
    values: dict[str, FloatArray]
    means: dict[str, float]

    @property
    def n_shapeless(self) -> int:
        """Number of clusters left out of the means."""
        return int((~self.has_shape).sum())

    @property
    def shapeless_share(self) -> float:
        """Share of all points that lie in them; 0 to 1."""
        return float(self.sizes[~self.has_shape].sum() / self.sizes.sum())


def measure(
    points: ArrayLike,
    labels: ArrayLike,
    *,
    n_directions: int = 1000,
    unit_scale: bool = True,
    seed: int = 0,
) -> ClusterIsotropy:
    """All of `MEASURES` for each cluster, and their size-weighted means.

    points (n, d): latent vectors. labels (n,): no label is special; leave noise points out before.
    n_directions: drawn once from `seed`, the same for every cluster. A finite set of directions
    bounds the isotropy over the whole sphere from above, loosely so in a high dimension.
    unit_scale: as in `partition_isotropy`; it concerns the two partition-function measures alone.

    Raises:
        ValueError: shapes that do not match, no points, points that are not finite, nan labels.
    """
    points, labels = checked_points(points), np.asarray(labels)
    if labels.shape != points.shape[:1]:
        raise ValueError(f"labels has shape {labels.shape}; points needs ({len(points)},)")
    if (labels != labels).any():
        raise ValueError("labels holds nan: leave out points that lie in no cluster")
    directions = random_directions(n_directions, points.shape[1], seed)
    names, clusters, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    values = np.full((len(MEASURES), len(names)), np.nan)
    for i in range(len(names)):
        cluster = points[clusters == i]
        if (cluster != cluster[0]).any():
            shares, axes = principal_axes(cluster)
            values[:, i] = (
                partition_isotropy(cluster, directions, unit_scale=unit_scale),
                partition_isotropy(cluster, np.concatenate([axes, -axes]), unit_scale=unit_scale),
                fractional_anisotropy(shares),
                eigenvalue_variance(shares),
            )
    shaped = ~np.isnan(values[0])
    weights = sizes[shaped] / max(1, sizes[shaped].sum())
    means = values[:, shaped] @ weights if shaped.any() else np.full(len(MEASURES), np.nan)
    return ClusterIsotropy(
        labels=names,
        sizes=sizes,
        has_shape=shaped,
        values=dict(zip(MEASURES, values, strict=True)),
        means=dict(zip(MEASURES, means.tolist(), strict=True)),
    )


def scale_with_dimension(
    dimensions: Sequence[int],
    n_points: int,
    *,
    repeats: int = 10,
    n_directions: int = 1000,
    unit_scale: bool = True,
    seed: int = 0,
) -> dict[str, FloatArray]:
    """measure -> (n_dimensions, repeats): its values for isotropic Gaussian clusters.

    A finite sample of an isotropic law is not isotropic, the less so the larger d / n_points. So
    hold a cluster's value against this row for its own d and size, not against 0 or 1.
    Each dimension has its own stream: its row does not depend on the others asked for.
    """
    values = {name: np.empty((len(dimensions), repeats)) for name in MEASURES}
    options: dict[str, Any] = {"n_directions": n_directions, "unit_scale": unit_scale}
    for row, dimension in enumerate(dimensions):
        points = np.random.default_rng([seed, dimension])
        for i in range(repeats):
            sample = points.standard_normal((n_points, dimension))
            one = measure(sample, np.zeros(n_points), seed=seed + i, **options)
            for name, of in values.items():
                of[row, i] = one.means[name]
    return values


def partition_isotropy(
    points: ArrayLike, directions: ArrayLike, *, unit_scale: bool = True
) -> float:
    """min Z(a) / max Z(a) over the directions a; Z(a) = sum exp(a.x) over the centred points x.

    points (n, d); directions (m, d), of unit length. Range (0, 1], 1 = isotropic; what is below
    1e-308 is returned as 0. Z(a) >= n, as x is centred (Jensen). For a Gaussian cluster
    Z(a) -> n exp(a' Sigma a / 2), so over its eigenvectors -> exp(-(l_max - l_min) / 2).

    unit_scale: Z is NOT scale invariant: as points shrink, every cluster tends to 1. So they are
    first divided by their root mean square coordinate (root mean square radius / sqrt(d)): mean
    variance 1 per dimension, the shape untouched. Division by the radius itself would leave 1/d
    per direction and call everything isotropic in a high dimension (half of the variances twice
    the others: 0.85 for d = 2, 0.997 for d = 180; here 0.72 for every d, less sampling error).
    False takes points as they are, as published; then compare within one latent space only.

    Raises:
        ValueError: shapes, non-finite points, fewer than 2 distinct points, no unit length.
    """
    points, directions = checked_points(points), np.asarray(directions, dtype=float)
    if directions.ndim != 2 or not len(directions) or directions.shape[1] != points.shape[1]:
        expected = f"(m, {points.shape[1]})"
        raise ValueError(f"directions has shape {directions.shape}; points needs {expected}")
    if not np.allclose(np.linalg.norm(directions, axis=1), 1, rtol=0, atol=1e-6):
        raise ValueError("directions must have length 1 each")
    centred, spread = _centred(points)
    centred *= 1 / np.sqrt((centred**2).mean()) if unit_scale else spread
    n_blocks = -(-len(directions) * len(points) // _AT_ONCE)
    blocks = np.array_split(directions, min(n_blocks, len(directions)))
    logs = np.concatenate([_log_partition(centred @ block.T) for block in blocks])
    return float(np.exp(logs.min() - logs.max()))


def random_directions(n_directions: int, dimension: int, seed: int) -> FloatArray:
    """Unit vectors (n_directions, dimension), uniform on the whole sphere: scaled normal draws."""
    if n_directions < 2:
        raise ValueError(f"n_directions is {n_directions}; a ratio needs at least 2")
    directions = np.random.default_rng(seed).standard_normal((n_directions, dimension))
    unit: FloatArray = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return unit


def principal_axes(points: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (d,) of the covariance of points (n, d), largest first, scaled to sum 1, and
    eigenvectors (d, d), one per row.

    Where eigenvalues tie, as in a null space, the eigenvectors are one choice of many.
    """
    centred, _ = _centred(checked_points(points))
    variances, axes = np.linalg.eigh(centred.T @ centred)
    variances = variances[::-1].clip(0)  # rounding leaves a null space at -1e-17
    return variances / variances.sum(), axes.T[::-1]


def fractional_anisotropy(eigenvalues: ArrayLike) -> float:
    """sqrt(d/(d-1)) |l - mean(l)| / |l| over d eigenvalues l; 0 = isotropic, 1 = a line.

    nan where d = 1: one eigenvalue has nothing to differ from.

    Raises:
        ValueError: not (d,), negative, not finite, or all zero.
    """
    shares = _shares(eigenvalues)
    d = len(shares)
    if d == 1:
        return float("nan")
    ratio = np.linalg.norm(shares - 1 / d) / np.linalg.norm(shares)
    return min(1.0, float(np.sqrt(d / (d - 1)) * ratio))


def eigenvalue_variance(eigenvalues: ArrayLike) -> float:
    """V = mean((p - 1/d)^2) over d eigenvalues, p = l / sum(l); 0 = isotropic, (d-1)/d^2 = a line.

    In one dimension d it orders clusters as the fractional anisotropy F does:
    F^2 = d/(d-1) V / (V + 1/d^2). nan where d = 1. Raises as `fractional_anisotropy`.
    """
    shares = _shares(eigenvalues)
    return float(np.var(shares)) if len(shares) > 1 else float("nan")


def checked_points(points: ArrayLike) -> FloatArray:
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or not points.size:
        raise ValueError(f"points has shape {points.shape}; expected (n, d), both at least 1")
    bad = ~(np.abs(points) < _LARGEST).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"points[{row}] is not finite ({bad.sum()} of {len(points)} rows)")
    return points


def _centred(points: FloatArray) -> tuple[FloatArray, float]:
    """Centred points (n, d) in units of their spread, and it: exact at any offset and size."""
    away = points - points[0]
    spread = float(np.abs(away).max())
    if not spread:
        raise ValueError(f"the {len(points)} points are all the same: they have no shape")
    away /= spread
    return away - away.mean(axis=0), spread


def _log_partition(projections: FloatArray) -> FloatArray:
    """log sum exp over the points of (n, m): exp alone overflows beyond 709."""
    top = projections.max(axis=0)
    logs: FloatArray = top + np.log(np.exp(projections - top).sum(axis=0))
    return logs


def _shares(eigenvalues: ArrayLike) -> FloatArray:
    values = np.asarray(eigenvalues, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("eigenvalues must be (d,), finite, none negative and not all zero")
    values = values / values.max()  # a sum of large ones would overflow
    return values / values.sum()
