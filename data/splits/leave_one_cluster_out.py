"""One cluster of similar reported fields is held out, cluster by cluster. Source: Meredig et al., Mol. Syst. Des. Eng. 3, 819 (2018)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from framework.base.errors import UserError
from framework.registry.parameters import Choice, Int
from framework.registry.registry import REPRESENTATIONS

RANDOM_PROJECTION = "random_projection"


def leave_one_cluster_out(
    fields: xr.Dataset,
    seed: int,
    clusters: Annotated[int, Int(2, 50)] = 5,
    features: str = "magpie",
    kernel: Annotated[str, Choice("linear", "rbf")] = "linear",
) -> dict[str, np.ndarray]:
    """Hold-out masks (n,) by cluster of a k-means, numbered by size, the largest first; of equal
    ones, that nearest to the mean of all.

    Args:
        features: what makes fields alike: an element table, whose order statistics are
            clustered (mean, spread, lowest and highest where sets differ in size), or ``random_projection``, the elements themselves (118 columns of 0 and 1)
            projected to the width that magpie has: the baseline featurisation, which knows no
            chemistry.
        kernel: ``rbf`` clusters in the feature space of a radial kernel (Nystroem), which gives
            clusters of more even size (Durdy et al., Digital Discovery 1, 763, 2022).

    Raises:
        UserError: there are fewer fields than clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.kernel_approximation import Nystroem
    from sklearn.preprocessing import StandardScaler

    if (n := fields.sizes["material"]) < clusters:
        raise UserError(
            f"split 'leave_one_cluster_out': {n} reported fields cannot make {clusters} clusters; "
            "lower clusters or bring more fields"
        )
    points = StandardScaler().fit_transform(_points(fields, features, seed))
    if kernel == "rbf":
        components = min(300, len(points))
        points = Nystroem(n_components=components, random_state=seed).fit_transform(points)
    clustering = KMeans(clusters, n_init=10, random_state=seed).fit(points)
    sizes = np.bincount(clustering.labels_, minlength=clusters)
    far = np.linalg.norm(clustering.cluster_centers_ - points.mean(axis=0), axis=1)
    by_size = np.lexsort((far, -sizes))
    return {f"cluster{i + 1}": clustering.labels_ == label for i, label in enumerate(by_size)}


def _points(fields: xr.Dataset, features: str, seed: int) -> np.ndarray:
    table = "magpie" if features == RANDOM_PROJECTION else features
    sets = [str(text).split() for text in fields["element_set"].values]
    one_size = len({len(symbols) for symbols in sets}) == 1
    representation = REPRESENTATIONS.load("phase_field" if one_size else "element_set")
    everything = np.arange(len(sets))
    fitted = representation(features=table).fit(fields, everything)
    points: np.ndarray = fitted.transform(fields).descriptors()
    if not one_size:
        points = points[:, len(SYMBOLS) :]  # what elements they are comes first
    if features != RANDOM_PROJECTION:
        return points
    holds = np.zeros((len(sets), 119))
    for row, symbols in zip(holds, sets, strict=True):
        row[[ATOMIC_NUMBERS[symbol] for symbol in symbols]] = 1
    width = points.shape[1]
    return holds @ np.random.default_rng(seed).normal(size=(119, width)) / np.sqrt(width)
