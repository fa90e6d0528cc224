"""Classification metrics against scikit-learn and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    top_k_accuracy_score,
)

from framework.metrics.classification import (
    CLASSIFICATION,
    OF_MANY,
    OF_TWO,
    Answers,
    class_metrics,
    evaluate_classes,
    random_order,
)

EVERY = tuple(CLASSIFICATION)


def drawn(seed=0, n=80, k=9):
    """Answers that are often right; every class is true of one material at least."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(k), rng.integers(k, size=n - k)])
    probabilities = rng.dirichlet(np.ones(k), size=n)
    probabilities[np.arange(n), true] += rng.random(n) * 0.4
    return Answers(probabilities, true, rng.random(n) < 0.9)


def reference(answers):
    true, predicted = answers.true, answers.probabilities.argmax(axis=1)
    k = answers.probabilities.shape[1]
    return {
        "accuracy": accuracy_score(true, predicted),
        "top_5_accuracy": top_k_accuracy_score(
            true, answers.probabilities, k=5, labels=np.arange(k)
        ),
        "balanced_accuracy": balanced_accuracy_score(true, predicted),
        "f1": f1_score(true == 1, predicted == 1, zero_division=0),
        "macro_f1": f1_score(true, predicted, average="macro", zero_division=0),
        "seen": answers.seen.mean(),
    }


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_values_and_replicates_are_those_of_scikit_learn(seed):
    answers = drawn(seed)
    assert class_metrics(answers, EVERY) == pytest.approx(reference(answers))
    found = evaluate_classes(answers, EVERY, 3, seed)
    generator = np.random.default_rng(seed)
    for i in range(3):
        resample = answers.take(generator.integers(80, size=80))
        replicates = dict(zip(EVERY, found.replicates[:, i], strict=True))
        assert replicates == pytest.approx(reference(resample))


def test_a_resample_is_the_same_for_every_encoder_and_however_many_are_drawn_at_once(monkeypatch):
    answers = drawn(1)
    whole = evaluate_classes(answers, OF_MANY, 20)
    monkeypatch.setattr("framework.metrics.classification._DRAWN_AT_ONCE", 300)
    np.testing.assert_array_equal(
        evaluate_classes(answers, OF_MANY, 20).replicates, whole.replicates
    )
    for name in OF_MANY:
        assert whole.low[name] <= whole.values[name] <= whole.high[name]


def test_random_order_is_the_mean_over_many_orders():
    true, rng = np.random.default_rng(0).integers(4, size=60), np.random.default_rng(1)
    one = np.eye(4)
    found = [
        class_metrics(Answers(one[rng.permutation(true)], true, true < 3), EVERY)
        for _ in range(1500)
    ]
    answers = Answers(one[true], true, true < 3)
    for name, expected in random_order(answers).items():
        if name != "top_5_accuracy":
            assert np.mean([each[name] for each in found]) == pytest.approx(expected, abs=0.01)
    five = [np.any([rng.permutation(true) == true for _ in range(5)], axis=0) for _ in range(1500)]
    assert np.mean(five) == pytest.approx(random_order(answers)["top_5_accuracy"], abs=0.01)


def test_ties_count_by_chance_and_a_class_of_no_probability_never():
    even = Answers(np.full((3, 10), 0.1), np.array([0, 4, 9]), np.ones(3, bool))
    assert even.among_top == pytest.approx([0.5, 0.5, 0.5])
    certain = Answers(np.eye(10)[[0, 0]], np.array([0, 7]), np.array([True, False]))
    assert certain.among_top.tolist() == [1, 0]
    found = class_metrics(certain, OF_MANY)
    assert (found["accuracy"], found["seen"]) == (0.5, 0.5)


def test_counts_stand_by_true_and_predicted_class():
    answers = Answers(np.eye(2)[[1, 1, 0]], np.array([0, 1, 1]), np.ones(3, bool))
    assert answers.counts.tolist() == [[0, 1], [1, 1]]
    assert class_metrics(answers, OF_TWO)["f1"] == pytest.approx(0.5)
