"""Fronts and hypervolumes, against brute force and against Optuna's own."""

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from framework.metrics.hypervolume import hypervolume, on_front


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_volume_is_optunas(k):
    drawn = np.random.default_rng(k)
    for n in (1, 5, 30):
        points = np.round(drawn.normal(size=(n, k)), 1)  # rounded, so that some tie
        theirs = 0.0
        if len(above := points[(points > -1).all(axis=1)]):
            theirs = compute_hypervolume(-above, np.full(k, 1.0))
        assert hypervolume(points, np.full(k, -1.0)) == pytest.approx(theirs)


def test_volumes_counted_by_hand():
    assert hypervolume([[1, 3], [2, 2], [3, 1]], [0, 0]) == 6
    assert hypervolume([[1, 3], [2, 2], [3, 1], [1, 1]], [0, 0]) == 6
    assert hypervolume([[1, -1]], [0, 0]) == 0
    assert hypervolume(np.empty((0, 2)), [0, 0]) == 0


def test_the_front_is_what_nothing_beats():
    points = np.round(np.random.default_rng(0).normal(size=(60, 3)), 1)
    points = np.concatenate([points, points[:3]])  # twins do not beat each other
    beaten = [any((q >= p).all() and (q > p).any() for q in points) for p in points]
    assert list(on_front(points)) == [not each for each in beaten]
