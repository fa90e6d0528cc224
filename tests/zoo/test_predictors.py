"""The predictors: their contract, against scikit-learn, and the networks among them."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble import RandomForestClassifier as Forest
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import nn

from framework.base.errors import UserError
from framework.checks import predictors as predictor_contract
from framework.registry.registry import PREDICTORS
from tests.conftest import phasezoo
from zoo.early_stopping import outputs, trained
from zoo.predictors import ridge, space_group_network
from zoo.predictors.dense_network import DenseNetwork
from zoo.predictors.gradient_boosting import GradientBoosting
from zoo.predictors.gradient_boosting_classifier import GradientBoostingClassifier
from zoo.predictors.random_forest_classifier import RandomForestClassifier
from zoo.predictors.ridge import Ridge
from zoo.predictors.space_group_network import SpaceGroupNetwork


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
def test_every_registered_predictor_holds_every_check(name):
    results = list(predictor_contract.check(PREDICTORS.load(name)))
    assert [problem for _, problem in results if problem] == []
    assert len(results) == len(predictor_contract.CHECKS)


class Shaky(Ridge):
    """Another answer each time."""

    def predict(self, vectors):
        return super().predict(vectors) + np.random.default_rng().random()


class Batched(RandomForestClassifier):
    """Probabilities of the whole batch."""

    def predict_proba(self, vectors):
        return np.tile(super().predict_proba(vectors).mean(axis=0), (len(vectors), 1))


class Unsure(RandomForestClassifier):
    """Probabilities that do not add up to 1."""

    def predict_proba(self, vectors):
        return super().predict_proba(vectors) / 2


@pytest.mark.parametrize(
    ("cls", "problem"),
    [
        (Shaky, "two fits with the same seed differ"),
        (Batched, "the answer for a vector changes with what is asked beside it"),
        (Unsure, "the probabilities of a vector do not add up to 1"),
    ],
)
def test_a_predictor_that_breaks_the_contract_is_caught(cls, problem):
    *_, (_, told) = predictor_contract.check(cls)
    assert told is not None and told.startswith(problem)


def test_a_predictor_of_a_file_is_checked_and_a_registered_one_is_shown(tmp_path):
    path = tmp_path / "shaky.py"
    path.write_text(inspect.getsource(ridge).replace("class Ridge", "class Shaky"))
    said = phasezoo("check", path)
    assert said.code == 0 and "Shaky holds all 9 checks" in said.out, said.err
    said = phasezoo("models", "space_group_network")
    assert said.out.startswith("space_group_network (predictor): Convolutional network that reads")
    assert "int 1..1024, default 104" in said.out
    assert {"ridge", "pca"} <= set(phasezoo("models").out.split())


def test_ridge_is_that_of_scikit_learn_on_standardised_vectors(drawn):
    vectors, values, groups = drawn
    own = Ridge().fit(vectors[:90], values[:90], groups[:90])
    other = make_pipeline(StandardScaler(), SklearnRidge(own.alpha_))
    other.fit(vectors[:90], values[:90])
    inside = vectors[90:].clip(vectors[:90].min(axis=0), vectors[:90].max(axis=0))
    np.testing.assert_allclose(own.predict(inside), other.predict(inside), rtol=1e-6)
    assert np.array_equal(own.predict(vectors[90:]), own.predict(inside))


def test_a_dimension_that_hardly_varies_carries_no_prediction_away():
    """As the magnetic moment of a rare element among few labels."""
    generator = np.random.default_rng(0)
    vectors, values = generator.normal(size=(50, 3)), generator.normal(size=50)
    vectors[:, 2] = 0.0
    vectors[7, 2] = 1e-6
    groups = np.array([str(i) for i in range(50)])
    predicted = Ridge().fit(vectors, values, groups).predict(vectors + np.eye(3)[2])
    assert np.ptp([*predicted, *values]) < 3 * np.ptp(values)


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
            inside = points[held].clip(points[~held].min(axis=0), points[~held].max(axis=0))
            error += ((model.predict(inside) - values[held]) ** 2).sum()
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


def test_a_dense_network_learns_a_line_and_is_not_misled_by_scale(drawn):
    vectors, _, groups = drawn
    values = 1e3 * vectors[:, 4] + 5e6
    own = DenseNetwork(epochs=40, dropout=0.0).fit(vectors, values, groups)
    assert np.corrcoef(own.predict(vectors), values)[0, 1] > 0.95
    layers = [layer for layer in own.network_.modules() if isinstance(layer, nn.Linear)]
    assert [(each.in_features, each.out_features) for each in layers] == [(8, 171), (171, 1)]


def test_a_single_group_is_learned_from_and_a_step_too_long_is_told(drawn):
    vectors, values, _ = drawn
    own = DenseNetwork(epochs=30).fit(vectors, values, np.zeros(120))
    assert np.corrcoef(own.predict(vectors), values)[0, 1] > 0.3
    with pytest.raises(
        UserError, match=r"no longer finite in epoch \d+; lower learning_rate \(1e\+30"
    ):
        DenseNetwork(learning_rate=1e30).fit(vectors, values, np.arange(120))


def test_training_stops_by_groups_that_are_not_learned_from_and_keeps_the_best():
    """Values that nothing tells: whatever is learned makes the watched groups worse."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 20)).astype(np.float32)
    targets = rng.normal(size=60).astype(np.float32)
    groups = np.repeat(np.arange(20), 3)
    seen, watched = [], []

    def loss(said, true):
        (watched if torch.is_inference(said) else seen).append(set(true.tolist()))
        return nn.functional.mse_loss(said, true)

    build = lambda: nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))  # noqa: E731
    settings = {"seed": 1, "epochs": 60, "batch_size": 16, "learning_rate": 1e-2}
    network = trained(build, loss, inputs, targets, groups, patience=3, **settings)
    assert len(watched) < 60
    held = np.isin(targets, list(watched[0]))
    assert held.sum() == 6 and not set.union(*seen) & watched[0]
    assert all(
        held[groups == group].all() or not held[groups == group].any() for group in range(20)
    )
    final = float(
        nn.functional.mse_loss(
            outputs(network, torch.tensor(inputs[held])), torch.tensor(targets[held])
        )
    )
    longer = trained(build, loss, inputs, targets, groups, patience=60, **settings)
    assert final >= float(
        nn.functional.mse_loss(
            outputs(longer, torch.tensor(inputs[held])), torch.tensor(targets[held])
        )
    )


def test_forest_and_boosted_classifiers_are_those_of_scikit_learn(drawn):
    vectors, values, groups = drawn
    classes = np.digitize(values, [-20, 5, 30])
    own = RandomForestClassifier(trees=50).fit(vectors, classes, groups)
    forest = Forest(50, random_state=0).fit(vectors, classes)
    np.testing.assert_array_equal(own.predict_proba(vectors), forest.predict_proba(vectors))
    trees = GradientBoostingClassifier(trees=50, leaves=8).fit(vectors, classes, groups)
    other = HistGradientBoostingClassifier(
        max_iter=50, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=5, random_state=0
    ).fit(vectors, classes)
    np.testing.assert_array_equal(trees.predict_proba(vectors), other.predict_proba(vectors))


def test_the_space_group_network_has_the_published_layers():
    network = SpaceGroupNetwork()
    network.classes_ = np.arange(230)
    layers = list(network._build(1601, space_group_network._points_left(1601)).modules())
    convolutions = [each for each in layers if isinstance(each, nn.Conv1d)]
    assert [each.out_channels for each in convolutions] == [104, 51, 117]
    assert [each.kernel_size for each in convolutions] == [(34,), (37,), (13,)]
    assert [each.stride for each in convolutions] == [(2,), (1,), (2,)]
    assert [each.kernel_size for each in layers if isinstance(each, nn.AvgPool1d)] == [(3,)] * 3
    assert [each.out_features for each in layers if isinstance(each, nn.Linear)] == [2047, 943, 230]


def test_the_space_group_network_tells_patterns_apart_and_refuses_short_ones():
    rng = np.random.default_rng(0)
    classes = np.tile([3, 7], 20)
    patterns = np.zeros((40, 600), np.float32)
    for row, name in zip(patterns, classes, strict=True):
        row[rng.integers(0, 40, size=5) + (100 if name == 3 else 400)] = 1
    small = {"filters_1": 8, "filters_2": 8, "filters_3": 8, "units_1": 32, "units_2": 32}
    network = SpaceGroupNetwork(**small, epochs=15, batch_size=8)
    found = network.fit(patterns, classes, np.arange(40)).predict_proba(patterns)
    assert network.classes_.tolist() == [3, 7]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (network.classes_[found.argmax(axis=1)] == classes).mean() > 0.9
    least = next(n for n in range(1, 2000) if space_group_network._points_left(n))
    message = f"reads patterns of at least {least} points, not vectors of {least - 1}; give it raw"
    with pytest.raises(UserError, match=message):
        SpaceGroupNetwork().fit(np.zeros((40, least - 1)), classes, np.arange(40))
    network = SpaceGroupNetwork(**small, epochs=1)
    network.fit(np.zeros((40, least)), classes, np.arange(40))  # the least is enough


def test_the_uncertainty_of_ridge_is_the_prediction_interval_of_least_squares(drawn):
    """Where the penalty is next to nothing; of new values as many lie within one and two standard
    deviations as of a Gaussian."""
    rng = np.random.default_rng(3)
    vectors, noise = rng.normal(size=(4000, 3)), rng.normal(scale=0.7, size=4000)
    values = vectors @ [1.0, -2.0, 0.5] + 3 + noise
    few = slice(0, 40)
    probe = Ridge().fit(vectors[few], values[few], np.arange(40))
    probe.low_, probe.high_ = np.full(3, -np.inf), np.full(3, np.inf)  # nothing is cut off
    stated = probe.uncertainty(vectors)
    design = np.column_stack([np.ones(40), vectors[few]])
    _, residual, *_ = np.linalg.lstsq(design, values[few], rcond=None)
    asked = np.column_stack([np.ones(4000), vectors])
    inverse = np.linalg.inv(design.T @ design)
    expected = np.sqrt(residual / 36 * (1 + np.einsum("nd,de,ne->n", asked, inverse, asked)))
    np.testing.assert_allclose(stated, expected, rtol=0.02)
    off = np.abs(values - probe.predict(vectors))[40:] / stated[40:]
    assert 0.6 < (off < 1).mean() < 0.76 and 0.9 < (off < 2).mean() < 0.99


def test_ridge_is_less_sure_where_it_has_seen_nothing_and_others_state_nothing(drawn):
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(30, 80))  # more dimensions than labels
    probe = Ridge().fit(vectors, vectors[:, 0], np.arange(30))
    stated = probe.uncertainty(np.vstack([vectors.mean(axis=0), vectors.max(axis=0)]))
    assert 0 < stated[0] < stated[1]
    assert (
        GradientBoosting().fit(vectors, vectors[:, 0], np.arange(30)).uncertainty(vectors) is None
    )
