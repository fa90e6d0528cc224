"""The encoders of crystals against matminer, scikit-learn, PyTorch and their own parts."""

import numpy as np
import pytest
import torch
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition
from sklearn.decomposition import PCA as SklearnPCA
from torch.distributions import Normal, kl_divergence

from data.datasets.oqmd_icsd import oqmd_icsd
from data.representations.composition import CompositionSamples
from data.representations.composition_diffraction import CompositionDiffraction
from data.representations.diffraction import Diffraction
from framework.base.errors import UserError
from framework.contracts.dataset import take
from framework.registry.parameters import checked, parameters
from framework.registry.registry import ENCODERS
from framework.runs.components import GIVEN, construct
from zoo.encoders.composition_vae import CompositionVAE
from zoo.encoders.concatenated_vae import ConcatenatedVAE
from zoo.encoders.diffraction_vae import DiffractionVAE
from zoo.encoders.magpie import statistics

QUICK = {"epochs": 2, "filters_1": 2, "filters_2": 2, "filters_3": 2, "units_1": 8, "units_2": 8}


@pytest.fixture(scope="module")
def crystals():
    """60 crystals of the embedded data, none of them alike."""
    return take(oqmd_icsd(), np.arange(0, 30_000, 500))


@pytest.fixture(scope="module")
def both(crystals):
    """Their fractions and patterns, of 161 points."""
    representation = CompositionDiffraction(step=0.5, broadening=0.5)
    return representation.fit(crystals, np.arange(60)).transform(crystals)


def fitted(name, samples, seed=0, **changes):
    cls = ENCODERS.load(name)
    values = checked(cls, changes, name=name, where="test", given=GIVEN)
    return construct(cls, values, samples, seed).fit(samples)


# what is read


def test_composition_and_pattern_stand_side_by_side(crystals, both):
    patterns = Diffraction(step=0.5, broadening=0.5).fit(crystals, np.arange(60))
    expected = patterns.transform(crystals).values
    assert both.width == 261
    torch.testing.assert_close(both.diffraction.values, expected)
    formula = Composition(str(crystals["formula"].values[7]))
    for element in formula:
        found = both.composition.values[7, element.Z - 1].item()
        assert found == pytest.approx(formula.get_atomic_fraction(element))
    assert both.composition.width == 100


# baselines


def test_magpie_is_the_preset_of_matminer(crystals, both):
    preset = ElementProperty.from_preset("magpie", impute_nan=True)
    formulas = [Composition(str(text)) for text in crystals["formula"].values]
    expected = np.array([preset.featurize(formula) for formula in formulas], float)
    found = statistics(both.composition.values.double().numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_magpie_is_standardised_by_what_it_was_fitted_on(both):
    train, other = both.composition.take(np.arange(40)), both.composition.take(np.arange(40, 60))
    encoder = ENCODERS.load("magpie")().fit(train)
    moving = statistics(train.values.double().numpy()).std(axis=0) > 1e-9
    found = encoder.transform(train)[:, moving]
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.std(axis=0), 1)
    scores = encoder.score_samples(other)
    np.testing.assert_allclose(scores, -np.linalg.norm(encoder.transform(other), axis=1))


def test_principal_components_of_any_vectors_are_those_of_scikit_learn(both):
    encoder = fitted("pca", both, latent_dim=5, representation="composition_diffraction")
    reference = SklearnPCA(5, svd_solver="full").fit(both.values.double().numpy())
    expected = reference.transform(both.values.double().numpy())
    signs = np.sign((encoder.transform(both) * expected).sum(axis=0))
    np.testing.assert_allclose(encoder.transform(both) * signs, expected, atol=1e-4)


def test_a_random_projection_is_orthonormal_and_keeps_distances_on_average(both):
    distances = []
    for seed in range(30):
        encoder = fitted("random_projection", both, seed, latent_dim=20)
        np.testing.assert_allclose(
            encoder.components_.T @ encoder.components_, np.eye(20), atol=1e-12
        )
        latents = encoder.transform(both)
        distances.append(((latents[0] - latents[1]) ** 2).sum())
    expected = ((both.values[0] - both.values[1]) ** 2).sum().item() * 20 / both.width
    assert np.mean(distances) == pytest.approx(expected, rel=0.15)


def test_constant_tells_nothing_apart(both):
    encoder = fitted("constant", both.composition)
    assert np.ptp(encoder.transform(both.composition)) == 0
    assert np.ptp(encoder.score_samples(both.composition)) == 0


# networks


def test_defaults_are_the_published_networks():
    composition, diffraction = CompositionVAE(100), DiffractionVAE(1601)
    assert composition.latent_dim == 24 and diffraction.latent_dim == 64
    sizes = [tuple(layer.weight.shape) for layer in composition._layers()]
    assert sizes == [(95, 100), (50, 95), (24, 50), (24, 50), (50, 24), (95, 50), (100, 95)]
    sizes = [tuple(layer.weight.shape) for layer in diffraction._layers()]
    # 1,601 points pooled by 2 three times are 201
    assert sizes == [
        *((16, 1, 4), (17, 16, 4), (37, 17, 4), (693, 37 * 201), (403, 693), (64, 403), (64, 403)),
        *((403, 64), (693, 403), (37 * 201, 693), (17, 37, 4), (16, 17, 4), (1, 16, 4)),
    ]
    whole = ConcatenatedVAE(1701)
    with torch.inference_mode():
        assert whole.encode(torch.rand(2, 1701)).shape == (2, 88)


@pytest.mark.parametrize("name", ["composition_vae", "diffraction_vae"])
def test_what_is_searched_is_the_published_table(name):
    cls = ENCODERS.load(name)
    found = parameters(cls, given=GIVEN)
    for each in ("l1", "l2"):
        assert (found[each].marker.low, found[each].marker.high) == (1e-7, 3e-5)
        assert found[each].marker.log
    assert set(found["optimiser"].marker.options) == {
        *("sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam")
    }
    expected = {"units_1": (48, 96), "units_2": (20, 64), "dropout": (0, 0.1)}
    if name == "diffraction_vae":
        expected = {"filters_1": (8, 16), "filters_2": (16, 32), "filters_3": (32, 64)}
        expected |= {"kernel": (2, 5), "pool": (2, 5), "dropout": (0, 0.06)}
        expected |= {"units_1": (512, 1024), "units_2": (256, 512)}
    for each, ends in expected.items():
        assert (found[each].marker.low, found[each].marker.high) == ends
    assert not found["latent_dim"].marker.tuned and not found["beta"].marker.tuned


@pytest.mark.parametrize("pool", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_a_decoded_pattern_has_as_many_points_as_the_original(pool, kernel):
    encoder = DiffractionVAE(161, pool=pool, kernel=kernel)
    with torch.inference_mode():
        found = encoder.decode(encoder.encode(torch.rand(3, 161)))
    assert found.shape == (3, 161) and found.min() >= 0 and found.max() <= 1


def test_pooling_beyond_the_last_point_is_refused():
    with pytest.raises(UserError, match="161 points pooled by 8 three times leaves 1; lower pool"):
        DiffractionVAE(161, pool=8)


def test_the_terms_of_the_loss_are_those_of_pytorch():
    torch.manual_seed(0)
    encoder = CompositionVAE(100, l1=0.02, l2=0.03, beta=2.0, dropout=0.0)
    encoder.reset()
    batch = torch.rand(5, 100)
    mean, log_variance = encoder.posterior(batch)
    torch.manual_seed(1)
    terms = encoder.loss(batch)
    sum(terms.values()).backward()
    gradient = encoder.mean.weight.grad.clone()

    torch.manual_seed(1)
    output = encoder.decode(encoder.draw(batch))
    cross = -(batch * output.log() + (1 - batch) * (1 - output).log()).sum(1).mean()
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0, 1)).sum(1).mean()
    weights = [layer.weight for layer in encoder._layers()]
    penalty = sum(0.02 * w.abs().sum() + 0.03 * (w**2).sum() for w in weights)
    expected = {"reconstruction": cross, "kl": 2 * divergence, "weights": penalty}
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-4)
    encoder.zero_grad()
    sum(expected.values()).backward()
    torch.testing.assert_close(gradient, encoder.mean.weight.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("initialiser", "variance"), [("lecun_normal", 1), ("he_normal", 2), ("he_uniform", 2)]
)
def test_weights_are_drawn_with_the_variance_of_their_kind(initialiser, variance):
    torch.manual_seed(0)
    encoder = DiffractionVAE(161, initialiser=initialiser)
    encoder.reset()
    for layer in (encoder.encoder[5][0], encoder.encoder[3][1]):  # dense; convolution
        fan_in = layer.weight[0].numel()
        assert layer.weight.var().item() * fan_in == pytest.approx(variance, rel=0.1)
        assert (layer.bias == 0).all()
    if initialiser.endswith("normal"):  # cut at two deviations
        dense = encoder.encoder[5][0].weight
        assert dense.abs().max() < 2.3 * dense.std()


def test_the_concatenation_is_its_two_parts_trained_apart(both):
    settings = {"composition": {"epochs": 3}, "diffraction": QUICK}
    whole = fitted("concatenated_vae", both, 3, **settings)
    first = fitted("composition_vae", both.composition, 3, epochs=3)
    second = fitted("diffraction_vae", both.diffraction, 3, **QUICK)
    expected = np.hstack([first.transform(both.composition), second.transform(both.diffraction)])
    np.testing.assert_allclose(whole.transform(both), expected, rtol=1e-6, atol=1e-8)
    errors = [part.score_samples(own) for part, own in
              ((first, both.composition), (second, both.diffraction))]  # fmt: skip
    np.testing.assert_allclose(-whole.score_samples(both), np.hypot(*errors), rtol=1e-5)
    curves = whole.history
    assert curves["train_composition_kl"] == first.history["train_kl"]
    longer, shorter = first.history["train_loss"], second.history["train_loss"]
    assert curves["train_loss"][-1] == longer[-1] + shorter[-1] and len(curves["train_loss"]) == 3


def test_an_unknown_setting_of_a_part_is_named(both):
    with pytest.raises(UserError, match=r"composition\.epoch is not a parameter .* 'epochs'"):
        fitted("concatenated_vae", both, composition={"epoch": 3})


def test_a_strong_prior_leaves_no_active_dimension_and_a_weak_one_does():
    """What the audit reads off the posterior: variance of its mean, divergence."""
    rng = np.random.default_rng(0)
    fractions = np.zeros((128, 100), np.float32)
    fractions[np.arange(128), rng.integers(0, 4, 128)] = 1
    samples = CompositionSamples(torch.from_numpy(fractions))
    active = {}
    for beta in (50.0, 0.1):
        encoder = fitted("composition_vae", samples, beta=beta, epochs=25)
        active[beta] = (encoder.transform(samples).var(axis=0) > 0.01).sum()
    assert active[50.0] == 0 and active[0.1] >= 2
