"""Expected calibration error: by hand, of right and of certain probabilities, with its interval."""

import itertools

import numpy as np
import pytest

from framework.metrics.classification import Answers, class_metrics, evaluate_classes
from zoo.metrics.expected_calibration_error import BINS, expected_calibration_error

METRIC = (expected_calibration_error,)


def answers(probability: np.ndarray, true: np.ndarray) -> Answers:
    both = np.stack([1 - probability, probability], axis=1)
    return Answers(both, true.astype(int), np.ones(len(true), dtype=bool))


def of(probability, true) -> float:
    told = class_metrics(answers(np.asarray(probability), np.asarray(true)), METRIC)
    return told["expected_calibration_error"]


def test_it_is_that_computed_by_hand():
    """Confidences .9, .9, .6, .6 with answers right, wrong, right, right: |1 - 1.8| and |2 - 1.2|."""
    assert of([0.9, 0.9, 0.4, 0.6], [1, 0, 0, 1]) == pytest.approx((0.8 + 0.8) / 4)
    assert of([1.0, 0.0], [1, 0]) == 0 and of([1.0, 0.0], [0, 1]) == 1


def test_it_is_that_of_plain_bins_and_small_where_probabilities_are_right():
    generator = np.random.default_rng(0)
    probability = generator.random(20_000)
    true = generator.random(20_000) < probability
    confidence = np.maximum(probability, 1 - probability)
    right = (probability > 0.5) == true
    edges = np.linspace(0, 1, BINS + 1)
    plain = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            plain += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert of(probability, true) == pytest.approx(plain, abs=1e-9) and plain < 0.02
    assert of((probability > 0.5).astype(float), true) == pytest.approx(0.25, abs=0.02)


def test_its_interval_holds_its_value_though_resampling_raises_it():
    generator = np.random.default_rng(1)
    probability = generator.random(300)
    true = generator.random(300) < probability
    told = evaluate_classes(answers(probability, true), METRIC, np.arange(300), 500)
    value = told.values["expected_calibration_error"]
    assert told.replicates[0].mean() == pytest.approx(value, rel=0.05)
