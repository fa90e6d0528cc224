"""Deep InfoMax over elements: symmetric, of the right sign, and it learns which go together."""

import itertools
import math
import random

import numpy as np
import pytest
import torch
import xarray as xr

from data.element_sets import SYMBOLS
from data.representations.phase_field import PhaseField
from framework.base.errors import UserError
from framework.metrics.ranking import ranking_metrics
from framework.registry.parameters import parameters
from framework.runs.components import GIVEN, construct
from zoo.encoders.element_infomax import ElementInfomax

PAIRS = (("Li", "Sn"), ("Na", "Al"), ("K", "Zn"), ("Ca", "Ti"), ("Mg", "La"), ("Sr", "Cu"))
"""Cations that always stand together, so that each is as common as any other."""
FIELDS = [
    " ".join((*pair, *anions))
    for pair in PAIRS
    for anions in itertools.combinations(("O", "S", "Cl", "F", "N"), 2)
]
SEEN, UNSEEN = (random.Random(0).sample(FIELDS, 60)[part] for part in (slice(45), slice(45, 60)))


def atomic_numbers(field):
    return [SYMBOLS.index(symbol) + 1 for symbol in field.split()]


def materials(fields):
    return xr.Dataset({"element_set": ("material", np.array(fields, dtype=str))})


@pytest.fixture(scope="module")
def representation():
    return PhaseField().fit(materials(SEEN), np.arange(len(SEEN)))


def fit(representation, **changes):
    values = {n: p.default for n, p in parameters(ElementInfomax, given=GIVEN).items()}
    values |= {"epochs": 2, "hidden": (16,), "latent_dim": 4} | changes
    samples = representation.transform(materials(SEEN))
    return construct(ElementInfomax, values, samples, seed=0).fit(samples)


@pytest.fixture(scope="module")
def encoder(representation):
    return fit(representation, beta=0.5)


def belief(encoder, sets, table):
    """T of every element beside the others (n, k), one field and one element after the other."""
    out = []
    for numbers in sets.tolist():
        for z in numbers:
            pooled = torch.stack([encoder.of_element(table[o]) for o in numbers if o != z]).mean(0)
            own = encoder.of_element(table[z])
            vector = encoder.mean(encoder.of_field(pooled))
            out.append(float(encoder.local(own) @ vector + encoder.bias(own)))
    return np.reshape(out, (len(sets), -1))


def test_a_score_is_the_mean_belief_in_each_element_beside_the_others(encoder, representation):
    samples = representation.transform(materials(UNSEEN))
    with torch.inference_mode():
        expected = belief(encoder, samples.elements, samples.table).mean(1)
    np.testing.assert_allclose(encoder.score_samples(samples), expected, rtol=1e-4, atol=1e-6)


def test_a_score_is_the_same_to_the_bit_however_a_field_is_typed(encoder, representation):
    turned = [" ".join(order) for order in itertools.permutations(UNSEEN[0].split())]
    scores = encoder.score_samples(representation.transform(representation.parse(turned)))
    assert set(scores) == {scores[0]}


def test_the_network_itself_knows_no_order(encoder, representation):
    samples = representation.transform(materials(UNSEEN))
    index, view = torch.arange(len(UNSEEN)).repeat_interleave(24), torch.arange(24).repeat(15)
    with torch.inference_mode():
        latents = encoder.encode(samples.batch(index, view)).reshape(15, 24, -1)
    torch.testing.assert_close(latents, latents[:, :1].expand_as(latents), rtol=1e-4, atol=1e-5)
    assert latents[:, 0].std(0).min() > 1e-3


def test_the_loss_is_the_published_one_with_the_sign_on_the_discriminators_output(
    encoder, representation
):
    samples = representation.transform(materials(SEEN[:6]))
    batch = next(samples.in_batches())
    with torch.no_grad():
        torch.manual_seed(3)
        terms = encoder.loss(batch)
        torch.manual_seed(3)
        noise = torch.randn(6, 4, encoder.latent_dim)
        true, false, divergence = [], [], []
        occurring = sorted({z for field in SEEN for z in atomic_numbers(field)})
        for i, numbers in enumerate(samples.elements.tolist()):
            for j, z in enumerate(numbers):
                others = [encoder.of_element(samples.table[o]) for o in numbers if o != z]
                hidden = encoder.of_field(torch.stack(others).mean(0))
                mean, log_variance = encoder.mean(hidden), encoder.log_variance(hidden)
                posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
                prior = torch.distributions.Normal(0.0, 1.0)
                divergence.append(torch.distributions.kl_divergence(posterior, prior).sum())
                vector = mean + noise[i, j] * posterior.scale

                def told(element, vector=vector):
                    own = encoder.of_element(samples.table[element])
                    return float(encoder.local(own) @ vector + encoder.bias(own))

                true.append(math.log1p(math.exp(-told(z))))
                false.append(np.mean([math.log1p(math.exp(told(e))) for e in occurring]))
    expected = {"true": true, "false": false, "kl": 0.5 * np.array(divergence)}
    assert list(terms) == list(expected)
    for name, values in expected.items():
        assert float(terms[name]) == pytest.approx(np.mean(values), rel=1e-4), name


def test_held_out_fields_of_planted_pairs_rank_above_fields_with_a_cation_swapped(representation):
    """Every cation and every anion is as common in one as in the other, so only pairs can tell."""
    changes = {"hidden": (64, 64), "latent_dim": 16, "epochs": 25, "batch_size": 128}
    encoder = fit(representation, **changes, dropout=0.0, learning_rate=0.01)
    partners = [second for _, second in PAIRS]
    swapped = [
        field.replace(own, other)
        for field in UNSEEN
        for own, other in itertools.permutations(partners, 2)
        if own in field.split()
    ]
    scores = encoder.score_samples(representation.transform(materials([*UNSEEN, *swapped])))
    relevance = np.arange(len(scores)) < len(UNSEEN)
    assert ranking_metrics(scores, relevance, prior=0.0)["auroc"] > 0.95


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_false_elements_are_drawn_by_a_power_of_their_frequency(exponent, representation):
    encoder = fit(representation, exponent=exponent)
    counts = np.bincount([z for field in SEEN for z in atomic_numbers(field)], minlength=119)
    expected = np.where(counts > 0, counts**exponent, 0)
    np.testing.assert_allclose(encoder.share, expected / expected.sum(), rtol=1e-6)


def test_a_field_of_one_element_is_refused():
    with pytest.raises(UserError, match="has no others"):
        ElementInfomax(width=45, n_elements=1)
