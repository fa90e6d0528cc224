"""The probes against scikit-learn."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from framework.predictor import Predictor
from framework.registry import PREDICTORS
from zoo.predictors.gradient_boosting import GradientBoosting
from zoo.predictors.ridge import Ridge


@pytest.fixture(autouse=True)
def _one_thread():
    """As the task has it; threads that wait for one another are slower than one."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def drawn():
    """120 vectors of 8 dimensions, one of them constant, in 40 groups of three."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(120, 8)) * 10.0 ** np.arange(-3, 5)
    vectors[:, 3] = 7.0
    values = vectors[:, 4] + 0.3 * vectors[:, 5] / 10 + rng.normal(size=120) + 5
    return vectors, values, np.repeat([f"set {i}" for i in range(40)], 3)


@pytest.mark.parametrize("name", PREDICTORS.names())
def test_every_predictor_keeps_the_contract(name, drawn):
    vectors, values, groups = drawn
    predictor = PREDICTORS.load(name)()
    assert isinstance(predictor, Predictor)
    found = predictor.fit(vectors, values, groups).predict(vectors[:7])
    assert found.shape == (7,) and np.isfinite(found).all()
    again = PREDICTORS.load(name)().fit(vectors, values, groups).predict(vectors[:7])
    np.testing.assert_array_equal(found, again)


def test_ridge_is_that_of_scikit_learn_on_standardised_vectors(drawn):
    vectors, values, groups = drawn
    own = Ridge().fit(vectors[:90], values[:90], groups[:90])
    other = make_pipeline(StandardScaler(), SklearnRidge(own.alpha_))
    other.fit(vectors[:90], values[:90])
    np.testing.assert_allclose(own.predict(vectors[90:]), other.predict(vectors[90:]), rtol=1e-6)


def test_the_penalty_is_that_of_the_least_error_over_held_out_groups(drawn):
    vectors, values, groups = drawn
    own = Ridge(folds=4).fit(vectors, values, groups)
    fold = own._fold(groups)
    assert all(len(set(fold[groups == name])) == 1 for name in set(groups))
    assert set(fold) == set(range(4))
    points = StandardScaler().fit_transform(vectors)
    errors = []
    for alpha in Ridge.ALPHAS:
        error = 0.0
        for held in (fold == i for i in range(4)):
            model = SklearnRidge(alpha).fit(points[~held], values[~held])
            error += ((model.predict(points[held]) - values[held]) ** 2).sum()
        errors.append(error)
    assert own.alpha_ == Ridge.ALPHAS[np.argmin(errors)]


def test_noise_gets_a_strong_penalty_and_a_line_a_weak_one(drawn):
    vectors, _, groups = drawn
    noise = np.random.default_rng(1).normal(size=len(vectors))
    assert Ridge().fit(vectors, noise, groups).alpha_ >= 100
    assert Ridge().fit(vectors, vectors @ np.full(8, 2.0), groups).alpha_ < 0.1


def test_vectors_that_tell_nothing_give_the_mean(drawn):
    _, values, groups = drawn
    for probe in (Ridge(), GradientBoosting()):
        found = probe.fit(np.zeros((120, 1)), values, groups).predict(np.zeros((3, 1)))
        np.testing.assert_allclose(found, values.mean())


def test_trees_are_those_of_scikit_learn(drawn):
    vectors, values, groups = drawn
    own = GradientBoosting(trees=50, leaves=8).fit(vectors, values, groups)
    other = HistGradientBoostingRegressor(
        max_iter=50, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=5, random_state=0
    ).fit(vectors, values)
    np.testing.assert_array_equal(own.predict(vectors), other.predict(vectors))
