"""A tensor factorisation of one product is element frequency, of several it learns who goes together."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data.element_sets import ATOMIC_NUMBERS
from data.representations.phase_field import PhaseFieldSamples
from zoo.encoders.tensor_factorisation import TensorFactorisation
from zoo.reported_sets import IS_ANION

HARD, SOFT = (("Li", "Na", "Mg", "Al"), ("O", "F")), (("Ag", "Cu", "Pb", "Tl"), ("S", "I"))


def samples(fields) -> PhaseFieldSamples:
    numbers = [sorted(ATOMIC_NUMBERS[symbol] for symbol in field) for field in fields]
    return PhaseFieldSamples(torch.tensor(numbers), torch.zeros(119, 1))


def fields(cations, anions):
    return [(*pair, *anions) for pair in itertools.combinations(cations, 2)]


@pytest.fixture
def two_worlds():
    return samples([*fields(*HARD), *fields(*SOFT)])


def test_one_product_is_the_share_of_every_element(two_worlds):
    smoothing = 2.0
    scores = TensorFactorisation(1, smoothing).fit(two_worlds).score_samples(two_worlds)
    elements = two_worlds.elements.numpy()
    counts = np.bincount(elements.ravel(), minlength=119) + smoothing / 119
    expected = np.zeros(len(elements))
    for role in (IS_ANION, ~IS_ANION):
        log_share = np.where(role, np.log(counts / counts[role].sum()), 0)
        expected += log_share[elements].sum(axis=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-9)


def test_elements_that_are_reported_together_go_together(two_worlds):
    encoder = TensorFactorisation(rank=2, smoothing=1.0).fit(two_worlds)
    within = encoder.score_samples(two_worlds)
    across = encoder.score_samples(samples([("Li", "Ag", "O", "F"), ("Na", "Mg", "S", "I")]))
    assert within.min() > across.max() + 1
    assert np.ptp(within) < 0.1  # every element is as common as any other


def test_the_likelihood_rises_with_every_iteration(two_worlds):
    many = samples(
        [
            (a, b, c, d)
            for i, (a, b) in enumerate(
                itertools.combinations(["Li", "Na", "Mg", "Al", "Ag", "Cu"], 2)
            )
            for j, (c, d) in enumerate(itertools.combinations(["O", "F", "S"], 2))
            if (i * j) % 3 != 1
        ]
    )
    sums = [
        TensorFactorisation(3, 1e-6, iterations=n).fit(many).score_samples(many).sum()
        for n in (1, 2, 4, 8, 16, 32)
    ]
    assert (np.diff(sums) > 0).all()


def test_the_order_of_elements_never_matters(two_worlds):
    encoder = TensorFactorisation(rank=2).fit(two_worlds)
    turned = SimpleNamespace(elements=two_worlds.elements.flip(1))
    np.testing.assert_allclose(
        encoder.score_samples(turned), encoder.score_samples(two_worlds), rtol=1e-12
    )


def test_fields_with_other_numbers_of_cations_are_scored_too(two_worlds):
    encoder = TensorFactorisation(rank=2).fit(two_worlds)
    assert np.isfinite(encoder.score_samples(samples([("Li", "Na", "Mg", "O")]))).all()
