"""The isotropy measures give the known values of known shapes, and their stated ranges for all."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp
from scipy.stats import beta, kstest, ortho_group

from framework.audit.isotropy import (
    MEASURES,
    eigenvalue_variance,
    fractional_anisotropy,
    measure,
    partition_isotropy,
    principal_axes,
    random_directions,
    scale_with_dimension,
)

OF_EIGENVALUES = ("fractional_anisotropy", "eigenvalue_variance")
ANGLES = np.arange(64) * 2 * np.pi / 64
CIRCLE = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
DIMENSIONS = (2, 3, 8, 40)


def cross(d: int) -> np.ndarray:
    """+-e_i, the roundest 2d points."""
    return np.concatenate([np.eye(d), -np.eye(d)])


def both_signs(axes: np.ndarray) -> np.ndarray:
    return np.concatenate([axes, -axes])


def values_of(points: np.ndarray, **options) -> dict[str, float]:
    return measure(points, np.zeros(len(points)), **options).means


def lopsided(n: int = 400) -> np.ndarray:
    """A cluster with a long tail towards -x: Z(-e_x) is far above Z(e_x)."""
    draws = np.random.default_rng(3)
    return np.column_stack([-draws.exponential(size=n), 0.8 * draws.standard_normal(n)])


# -- shapes of known isotropy ------------------------------------------------------------------


@pytest.mark.parametrize("d", DIMENSIONS)
def test_a_sphere_is_isotropic_by_every_measure_of_its_covariance(d):
    values = values_of(cross(d))
    assert values["fractional_anisotropy"] == pytest.approx(0, abs=1e-7)
    assert values["eigenvalue_variance"] == pytest.approx(0, abs=1e-15)
    assert values["eigenvector_isotropy"] == pytest.approx(1, abs=1e-12)


def test_a_circle_is_isotropic_in_every_direction():
    values = values_of(CIRCLE)
    assert values["sphere_isotropy"] == pytest.approx(1, abs=1e-12)
    assert values["eigenvector_isotropy"] == pytest.approx(1, abs=1e-12)


def test_random_directions_see_the_corners_that_the_eigenvectors_of_a_cross_miss():
    # Z is least along the diagonal and greatest along an axis; the root mean square radius is
    # sqrt(3), so that a point stands at sqrt(3) along its axis and at 1 along the diagonal.
    closed = 6 * np.cosh(1) / (2 * np.cosh(np.sqrt(3)) + 4)
    value = values_of(cross(3), n_directions=20_000)["sphere_isotropy"]
    assert closed <= value == pytest.approx(closed, abs=1e-3)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_a_line_is_wholly_anisotropic_in_every_dimension(d):
    values = values_of(np.outer([-1.0, 1.0], np.arange(1, d + 1)))
    assert values["fractional_anisotropy"] == pytest.approx(1, abs=1e-12)
    assert values["eigenvalue_variance"] == pytest.approx((d - 1) / d**2, abs=1e-12)
    assert values["eigenvector_isotropy"] == pytest.approx(1 / np.cosh(np.sqrt(d)), rel=1e-9)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("k", [1, 2])
def test_a_flat_has_the_closed_form_of_its_own_dimension(d, k):
    flat = np.zeros((2 * k, d))
    flat[:, :k] = cross(k)
    turned = flat @ ortho_group.rvs(d, random_state=1)
    shares, _ = principal_axes(turned)
    np.testing.assert_allclose(shares, [1 / k] * k + [0] * (d - k), atol=1e-12)
    expected = np.sqrt((d - k) / (d - 1))
    assert fractional_anisotropy(shares) == pytest.approx(expected, abs=1e-7)
    assert eigenvalue_variance(shares) == pytest.approx((1 / k - 1 / d) / d, abs=1e-12)


def test_without_the_factor_a_line_would_not_reach_one():
    for d in DIMENSIONS:
        line = np.eye(d)[0]
        bare = np.linalg.norm(line - line.mean()) / np.linalg.norm(line)
        assert bare == pytest.approx(np.sqrt((d - 1) / d))
        assert fractional_anisotropy(line) == pytest.approx(1, abs=1e-12)


def test_the_two_eigenvalue_measures_are_one_in_a_given_dimension():
    for d in DIMENSIONS:
        eigenvalues = np.random.default_rng(d).exponential(size=d)
        variance = eigenvalue_variance(eigenvalues)
        squared = d / (d - 1) * variance / (variance + 1 / d**2)
        assert fractional_anisotropy(eigenvalues) ** 2 == pytest.approx(squared)


# -- a Gaussian of known covariance ------------------------------------------------------------


@pytest.fixture(scope="module")
def gaussian() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """100,000 points, their covariance, its eigenvalues."""
    eigenvalues = np.array([1.5, 1.0, 0.5])
    turn = ortho_group.rvs(3, random_state=2)
    points = np.random.default_rng(0).standard_normal((100_000, 3)) * np.sqrt(eigenvalues)
    return points @ turn, turn.T @ np.diag(eigenvalues) @ turn, eigenvalues


def test_z_of_a_gaussian_is_its_moment_generating_function(gaussian):
    points, covariance, _ = gaussian
    for pair in random_directions(12, 3, seed=5).reshape(6, 2, 3):
        exponents = np.einsum("ai,ij,aj->a", pair, covariance, pair) / 2
        closed = np.exp(-abs(exponents[0] - exponents[1]))
        # Four standard errors of Z / n: sqrt((exp(2 l) - exp(l)) / n) < 0.013, of at least 1.28.
        assert partition_isotropy(points, pair, unit_scale=False) == pytest.approx(closed, rel=0.04)


def test_the_measures_of_a_gaussian_agree_with_the_closed_form(gaussian):
    points, _, eigenvalues = gaussian
    closed = np.exp(-(eigenvalues.max() - eigenvalues.min()) / 2)  # mean variance 1: no scale
    for unit_scale in (True, False):
        values = values_of(points, unit_scale=unit_scale, n_directions=200)
        assert values["eigenvector_isotropy"] == pytest.approx(closed, rel=0.025)
        assert values["sphere_isotropy"] == pytest.approx(closed, rel=0.04)
    # sqrt(3/2) sqrt(0.5) / sqrt(3.5)
    assert values["fractional_anisotropy"] == pytest.approx(np.sqrt(3 / 14), rel=0.01)
    assert values["eigenvalue_variance"] == pytest.approx(np.var(eigenvalues / 3), rel=0.02)


def test_a_finite_isotropic_sample_is_less_isotropic_in_more_dimensions():
    scale = scale_with_dimension([2, 8, 32], 200, repeats=4, n_directions=100)
    assert {values.shape for values in scale.values()} == {(3, 4)}
    assert (np.diff(scale["eigenvector_isotropy"].mean(axis=1)) < 0).all()
    anisotropy = scale["fractional_anisotropy"].mean(axis=1)
    # Wishart: the eigenvalues of a sample of n have mean 1 and variance (d-1)(d+2) / (d n).
    d = np.array([2, 8, 32])
    variance = (d - 1) * (d + 2) / d / 200
    closed = np.sqrt(d / (d - 1) * variance / (1 + variance))
    np.testing.assert_allclose(anisotropy[1:], closed[1:], rtol=0.1)


def test_a_row_of_the_scale_does_not_depend_on_the_others():
    both = scale_with_dimension([1, 5], 30, repeats=3, n_directions=10, seed=4)
    one = scale_with_dimension([5], 30, repeats=3, n_directions=10, seed=4)
    for name in MEASURES:
        np.testing.assert_array_equal(both[name][1], one[name][0])
    assert np.isnan(both["fractional_anisotropy"][0]).all()


# -- directions --------------------------------------------------------------------------------


def test_z_agrees_with_scipy():
    points = lopsided()
    directions = random_directions(50, 2, seed=0)
    logs = logsumexp((points - points.mean(axis=0)) @ directions.T, axis=0)
    expected = np.exp(logs.min() - logs.max())
    assert partition_isotropy(points, directions, unit_scale=False) == pytest.approx(expected)


def test_blocks_of_directions_change_nothing(monkeypatch):
    points, directions = lopsided(), random_directions(70, 2, seed=0)
    whole = partition_isotropy(points, directions)
    monkeypatch.setattr("framework.audit.isotropy._AT_ONCE", 1000)
    assert partition_isotropy(points, directions) == pytest.approx(whole, rel=1e-14)


def test_one_sign_of_the_eigenvectors_misjudges_a_lopsided_cluster():
    points = lopsided()
    _, axes = principal_axes(points)
    axes *= np.sign(axes[:, :1])  # towards +x, away from the tail
    both = partition_isotropy(points, both_signs(axes))
    assert values_of(points)["eigenvector_isotropy"] == pytest.approx(both, rel=1e-12)
    # The sign that LAPACK returns is arbitrary: away from the tail the cluster seems round.
    assert partition_isotropy(points, axes) > 0.95 and both < 0.55
    assert partition_isotropy(points, -axes) < 0.6


def test_directions_of_the_positive_orthant_misjudge_a_cluster_along_the_other_diagonal():
    draws = np.random.default_rng(0).standard_normal((3000, 2)) * [2.0, 0.2]
    points = draws @ np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    sphere = random_directions(500, 2, seed=1)
    # Closed form, mean variance 1: exp(-(4 - 0.04) / (4 + 0.04)) = 0.375.
    assert partition_isotropy(points, sphere) == pytest.approx(0.375, rel=0.03)
    assert partition_isotropy(points, np.abs(sphere)) > 0.6


def test_random_directions_are_uniform_on_the_whole_sphere():
    directions = random_directions(40_000, 5, seed=0)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(directions.T @ directions / 40_000, np.eye(5) / 5, atol=0.006)
    # A coordinate squared follows Beta(1/2, (d-1)/2), which points of a cube, normalised, do not.
    assert kstest(directions[:, 0] ** 2, beta(0.5, 2).cdf).pvalue > 0.01
    _, orthants = np.unique(directions > 0, axis=0, return_counts=True)
    assert len(orthants) == 32 and orthants.min() > 0.9 * 40_000 / 32
    np.testing.assert_array_equal(directions, random_directions(40_000, 5, seed=0))
    assert set(np.ravel(random_directions(50, 1, seed=0))) == {-1.0, 1.0}


def test_more_directions_only_lower_the_isotropy():
    directions = random_directions(400, 2, seed=0)
    values = [partition_isotropy(lopsided(), directions[:m]) for m in (10, 50, 400)]
    assert values == sorted(values, reverse=True)


# -- invariance --------------------------------------------------------------------------------


def test_measures_do_not_change_under_rotation_translation_and_permutation():
    draws = np.random.default_rng(0)
    points = draws.exponential(size=(120, 4)) * [4, 2, 1, 0.5]
    turn = ortho_group.rvs(4, random_state=7)
    before = values_of(points)
    for other in (points + 1000.0, draws.permutation(points)):
        assert values_of(other) == pytest.approx(before, rel=1e-8)
    after = values_of(points @ turn)
    for name in set(MEASURES) - {"sphere_isotropy"}:
        assert after[name] == pytest.approx(before[name], rel=1e-9)
    directions = random_directions(100, 4, seed=0)
    turned = partition_isotropy(points @ turn, directions @ turn)
    assert turned == pytest.approx(partition_isotropy(points, directions), rel=1e-9)


def test_the_order_of_points_and_the_names_of_clusters_do_not_matter():
    draws = np.random.default_rng(0)
    points, labels = draws.standard_normal((60, 3)), np.repeat([2, 0, 1], [30, 20, 10])
    order = draws.permutation(60)
    one = measure(points, labels)
    other = measure(points[order], np.array(["a", "b", "c"])[labels[order]])
    assert one.sizes.tolist() == other.sizes.tolist() == [20, 10, 30]
    assert one.labels.tolist() == [0, 1, 2] and other.labels.tolist() == ["a", "b", "c"]
    for name in MEASURES:
        np.testing.assert_allclose(one.values[name], other.values[name], rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e4, 1e200])
def test_the_unit_scale_takes_size_out(scale):
    points = lopsided()
    assert values_of(scale * points) == pytest.approx(values_of(points), rel=1e-9)


def test_without_the_unit_scale_a_small_line_looks_isotropic():
    line = np.outer(np.linspace(-1, 1, 50), [1.0, 0, 0])
    directions = both_signs(np.eye(3))
    raw = [partition_isotropy(s * line, directions, unit_scale=False) for s in (0.01, 1, 10)]
    assert raw[0] > 0.999 and raw[0] > raw[1] > raw[2] and raw[2] < 0.01
    assert partition_isotropy(0.01 * line, directions) < 0.5


def test_large_points_neither_overflow_nor_warn():
    points = 1e4 * np.random.default_rng(0).standard_normal((50, 3))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for unit_scale in (True, False):
            values = values_of(points, unit_scale=unit_scale)
            assert all(0 <= value <= 1 for value in values.values())
    far = partition_isotropy(1e5 + np.array([[0.0, 0], [900, 0], [0, 900]]), np.eye(2))
    assert far == pytest.approx(partition_isotropy([[0, 0], [1, 0], [0, 1]], np.eye(2)))


# -- sets of clusters --------------------------------------------------------------------------


def test_the_mean_is_weighted_by_size_and_leaves_out_what_has_no_shape():
    square, line = cross(2), np.outer([-1.0, 1.0], [1, 2])
    points = np.concatenate([square, line + 9, [[5.0, 5.0]], np.full((3, 2), 7.0)])
    labels = np.repeat(["square", "line", "alone", "copies"], [4, 2, 1, 3])
    found = measure(points, labels)
    assert found.labels.tolist() == ["alone", "copies", "line", "square"]
    assert found.has_shape.tolist() == [False, False, True, True]
    assert found.n_shapeless == 2 and found.shapeless_share == pytest.approx(0.4)
    assert found.means["fractional_anisotropy"] == pytest.approx((2 * 1 + 4 * 0) / 6, abs=1e-7)
    by_hand = (2 / np.cosh(np.sqrt(2)) + 4 * 1) / 6
    assert found.means["eigenvector_isotropy"] == pytest.approx(by_hand)
    for values in found.values.values():
        assert np.isnan(values).tolist() == [True, True, False, False]


def test_singletons_alone_have_no_mean_and_say_so():
    found = measure(np.eye(3), [0, 1, 2])
    assert found.n_shapeless == 3 and found.shapeless_share == 1
    assert np.isnan(list(found.means.values())).all()


def test_copies_of_one_point_whose_mean_is_rounded_have_no_shape():
    assert measure(np.full((7, 3), 0.1), np.zeros(7)).n_shapeless == 1


def test_one_dimension_has_directions_but_no_eigenvalues_to_compare():
    values = values_of(np.array([[0.0], [0.0], [0.0], [4.0]]))
    assert values["sphere_isotropy"] == values["eigenvector_isotropy"] < 0.95
    assert np.isnan(values["fractional_anisotropy"]) and np.isnan(values["eigenvalue_variance"])


@st.composite
def clusterings(draw):
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    points = draw(arrays(float, (n, d), elements=st.floats(-1e6, 1e6)))
    return points, draw(arrays(int, n, elements=st.integers(0, 3)))


@settings(max_examples=150, deadline=None)
@given(clusterings(), st.booleans())
def test_every_value_lies_in_its_range_or_its_cluster_has_no_shape(clustering, unit_scale):
    points, labels = clustering
    d = points.shape[1]
    found = measure(points, labels, n_directions=16, unit_scale=unit_scale)
    distinct = [len(np.unique(points[labels == name] + 0.0, axis=0)) for name in found.labels]
    assert found.has_shape.tolist() == [n > 1 for n in distinct]
    top = {"eigenvalue_variance": (d - 1) / d**2 * (1 + 1e-12)}
    for name, values in found.values.items():
        shaped = values[found.has_shape]
        if d == 1 and name in OF_EIGENVALUES:
            assert np.isnan(shaped).all()
            continue
        assert ((shaped >= 0) & (shaped <= top.get(name, 1))).all()
        if name not in OF_EIGENVALUES and unit_scale:
            assert (shaped > 0).all()
        if shaped.size:
            assert shaped.min() * (1 - 1e-9) <= found.means[name] <= shaped.max() * (1 + 1e-9)


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([1.0, 2.0], [0, 0], r"points has shape \(2,\); expected \(n, d\)"),
        (np.zeros((0, 3)), [], r"points has shape \(0, 3\)"),
        ([[0.0], [np.nan]], [0, 0], r"points\[1\] is not finite \(1 of 2 rows\)"),
        ([[0.0], [np.inf]], [0, 0], r"points\[1\] is not finite"),
        ([[0.0], [1.0]], [0], r"labels has shape \(1,\); points needs \(2,\)"),
        ([[0.0], [1.0]], [0, np.nan], "labels holds nan"),
    ],
)
def test_points_and_labels_that_cannot_be_used_are_named(points, labels, message):
    with pytest.raises(ValueError, match=message):
        measure(points, labels)


def test_directions_and_eigenvalues_that_cannot_be_used_are_named():
    with pytest.raises(ValueError, match=r"directions has shape \(2, 2\); points needs \(m, 3\)"):
        partition_isotropy(np.eye(3), np.eye(2))
    with pytest.raises(ValueError, match="directions must have length 1"):
        partition_isotropy(np.eye(3), 2 * np.eye(3))
    with pytest.raises(ValueError, match="the 2 points are all the same"):
        partition_isotropy(np.ones((2, 3)), np.eye(3))
    with pytest.raises(ValueError, match="n_directions is 1"):
        measure(np.eye(3), [0, 0, 0], n_directions=1)
    for eigenvalues in ([], [0.0, 0.0], [1.0, -1.0], [np.nan, 1.0], [[1.0]]):
        with pytest.raises(ValueError, match="eigenvalues must be"):
            fractional_anisotropy(eigenvalues)


def test_the_measures_need_no_matplotlib():
    code = "import sys, framework.audit.isotropy; print({'matplotlib', 'torch', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
