"""Classifiers of element sets: similar sets by hand, symmetry, calibration, and the same table."""

import numpy as np
import pytest
import xarray as xr
from sklearn.ensemble import ExtraTreesClassifier as Trees
from sklearn.metrics import log_loss

from data.element_sets import ATOMIC_NUMBERS
from data.representations.element_set import ElementSet, ElementSetSamples
from framework.base.errors import UserError
from framework.neural.training import Settings
from framework.runs.run import code_of
from zoo.encoders.element_descriptors import ElementDescriptors
from zoo.encoders.element_set_autoencoder import ElementSetAutoencoder as Ranking
from zoo.predictors.element_set_trees import ElementSetTrees
from zoo.predictors.extra_trees_classifier import ExtraTreesClassifier
from zoo.predictors.gradient_boosting_classifier import GradientBoostingClassifier
from zoo.predictors.logistic_regression import LogisticRegression
from zoo.predictors.phase_select import PhaseSelect, _temperature
from zoo.predictors.ridge import Ridge
from zoo.similar_sets import PRIOR_WEIGHT, class_shares, cross_fitted


def holds(*sets: str) -> np.ndarray:
    out = np.zeros((len(sets), 118), np.float32)
    for row, text in zip(out, sets, strict=True):
        row[[ATOMIC_NUMBERS[symbol] - 1 for symbol in text.split()]] = 1
    return out


def samples(*sets: str) -> ElementSetSamples:
    ds = xr.Dataset({"element_set": ("material", np.array(sets))})
    return ElementSet().fit(ds, np.arange(len(sets))).transform(ds)


@pytest.fixture(scope="module")
def drawn():
    """Sets of 2 to 5 elements; likelier of class 1 the more of Cu, O and Ba they hold."""
    generator = np.random.default_rng(0)
    pool = np.array([3, 8, 9, 11, 16, 17, 20, 26, 29, 38, 50, 56]) - 1
    sets = np.zeros((500, 118), np.float32)
    for row in sets:
        row[generator.choice(pool, generator.integers(2, 6), replace=False)] = 1
    signal = sets[:, [28, 7, 55]].sum(axis=1)
    probability = 1 / (1 + np.exp(3 - 2.0 * signal))
    classes = (generator.random(500) < probability).astype(int)
    return sets, classes, np.array([str(i) for i in range(500)]), probability


def test_shares_among_similar_sets_are_those_computed_by_hand():
    """Jaccard of Li-O with Li-O-S: 2/3, with Na-Cl: 0; a share of power 2, and the subsets."""
    known = holds("Li O S", "Cl Na", "O")
    classes = np.array([[1.0], [0.0], [0.0]], np.float32)
    row = class_shares(holds("Li O"), known, classes)[0]
    weights = np.array([2 / 3, 0, 1 / 2]) ** 2
    share = (weights[0] + PRIOR_WEIGHT / 3) / (weights.sum() + PRIOR_WEIGHT)
    assert row[0] == pytest.approx(share, rel=1e-5)
    assert row[1] == pytest.approx(np.log(weights.sum() + PRIOR_WEIGHT), rel=1e-5)
    assert row[-4] == pytest.approx((0 + PRIOR_WEIGHT / 3) / (1 + PRIOR_WEIGHT), rel=1e-5)
    assert row[-2] == pytest.approx((1 + PRIOR_WEIGHT / 3) / (1 + PRIOR_WEIGHT), rel=1e-5)


def test_the_order_of_the_known_sets_does_not_matter(drawn):
    sets, classes, _, _ = drawn
    order = np.random.default_rng(1).permutation(400)
    labels = classes[:400, None].astype(np.float32)
    one = class_shares(sets[400:], sets[:400], labels)
    other = class_shares(sets[400:], sets[:400][order], labels[order])
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_set_is_not_described_by_its_own_class(drawn):
    """The planted leak: flipping a class changes no description of the set that has it."""
    sets, classes, groups, _ = drawn
    labels = classes[:, None].astype(np.float32)
    before = cross_fitted(sets, labels, groups, 5, 0)
    flipped = labels.copy()
    flipped[7] = 1 - flipped[7]
    after = cross_fitted(sets, flipped, groups, 5, 0)
    assert np.array_equal(before[7], after[7]) and not np.array_equal(before, after)


CLASSIFIERS = [
    (ElementSetTrees, {"trees": 50, "rounds": 50}),
    (PhaseSelect, {"networks": 2, "epochs": 60}),
    (LogisticRegression, {}),
    (ExtraTreesClassifier, {"trees": 50, "samples_a_leaf": 5}),
]


@pytest.mark.parametrize(("cls", "settings"), CLASSIFIERS)
def test_probabilities_add_up_to_one_and_are_close_to_the_true_ones(cls, settings, drawn):
    sets, classes, groups, probability = drawn
    fitted = cls(**settings).fit(sets[:400], classes[:400], groups[:400])
    said = fitted.predict_proba(sets[400:])
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    assert fitted.classes_.tolist() == [0, 1]
    constant = np.full(100, classes[:400].mean())
    assert log_loss(classes[400:], said) < log_loss(classes[400:], constant) - 0.03
    assert np.abs(said[:, 1] - probability[400:]).mean() < 0.2


@pytest.mark.parametrize("cls", [ElementSetTrees, PhaseSelect])
def test_vectors_that_are_not_of_element_sets_are_refused(cls):
    classes, groups = np.arange(20) % 2, np.array([str(i) for i in range(20)])
    with pytest.raises(
        UserError, match=r"reads element sets.*by the encoder 'element_descriptors'"
    ):
        cls().fit(np.ones((20, 8)), classes, groups)
    with pytest.raises(UserError, match=r"by .*'element_descriptors'"):
        cls().fit(np.zeros((20, 118)), classes, groups)


def test_attention_answers_sets_of_one_and_of_eight_elements_alike_alone_and_side_by_side(drawn):
    sets, classes, groups, _ = drawn
    fitted = PhaseSelect(networks=1, epochs=2).fit(sets, classes, groups)
    asked = holds("O", "B Be C F H Li N O")
    together = fitted.predict_proba(asked)
    np.testing.assert_allclose(together[:1], fitted.predict_proba(asked[:1]), atol=1e-6)
    assert together.shape == (2, 2)


def test_the_temperature_undoes_logits_that_are_too_sharp():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(5000, 2))
    odds = np.exp(logits[:, 1] - logits[:, 0])
    classes = (generator.random(5000) < odds / (1 + odds)).astype(int)
    assert _temperature(3 * logits, classes) == pytest.approx(3, rel=0.15)
    assert _temperature(logits, classes) == pytest.approx(1, rel=0.15)


def test_extra_trees_are_those_of_scikit_learn(drawn):
    sets, classes, groups, _ = drawn
    own = ExtraTreesClassifier(trees=50).fit(sets, classes, groups)
    other = Trees(50, random_state=0).fit(sets, classes)
    assert np.array_equal(own.predict_proba(sets), other.predict_proba(sets))


def test_elements_are_indicators_with_the_statistics_of_equal_shares():
    shown = samples("Li O", "Cl Na", "Fe")
    assert ElementDescriptors().fit(shown).transform(shown).shape == (3, 118)
    both = ElementDescriptors(magpie=True).fit(shown).transform(shown)
    assert both.shape == (3, 250) and np.array_equal(both[:, :118], holds("Li O", "Cl Na", "Fe"))
    assert both[0, 118:124].tolist() == [3, 8, 5, 5.5, 2.5, 3]  # of the atomic number


@pytest.mark.parametrize("cls", [ElementDescriptors, lambda **given: Ranking(width=118, **given)])
def test_an_encoder_may_bring_a_probe_of_its_own(cls):
    encoder = cls(probe={"name": "logistic_regression", "strength": 0.5})
    encoder.seed = 3
    learner = encoder.learner(GradientBoostingClassifier(), None, np.empty((0, 0)))
    assert isinstance(learner, LogisticRegression) and learner.strength == 0.5
    assert learner.seed == 3
    probe = GradientBoostingClassifier()
    assert cls().learner(probe, None, np.empty((0, 0))) is probe
    with pytest.raises(UserError, match="probe: 'logistic_regression' is not a predictor"):
        encoder.learner(Ridge(), None, np.empty((0, 0)))
    with pytest.raises(UserError, match="logistic_regression"):
        cls(probe="logistic_regresion")


def test_sets_like_those_reported_are_more_accessible_than_others():
    pairs = [f"{metal} {anion}" for metal in ("Li", "Na", "K", "Mg") for anion in ("O", "S", "Cl")]
    reported = samples(*[" ".join(sorted(pair.split())) for pair in pairs * 20])
    ranking = Ranking(width=118, latent_dim=4)
    ranking.settings = Settings(epochs=60, batch_size=64)
    ranking.fit(reported)
    likely, unlikely = ranking.score_samples(samples("Cl Na", "He Xe"))
    assert likely > unlikely
    assert ranking.learner_input(reported).shape == (240, 118)


def test_the_source_of_a_probe_of_its_own_is_part_of_the_code_that_decides_a_run():
    def code(probe):
        named = {
            "representation": "element_set",
            "split": "random",
            "dataset": "oqmd_icsd",
            "task": "classification",
        }
        settings = {kind: {"name": name, "parameters": {}} for kind, name in named.items()}
        settings["task"]["parameters"] = {"target": "band_gap", "above": 2.0}
        settings["encoder"] = {"name": "element_descriptors", "parameters": {"probe": probe}}
        return code_of(settings)

    codes = [code(""), code("logistic_regression"), code("extra_trees_classifier")]
    assert len(set(codes)) == 3
    assert code({"name": "logistic_regression", "strength": 0.5}) == codes[1]
