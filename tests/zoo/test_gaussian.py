"""What encoders declare that they can do, and the Gaussian posterior that several share."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from framework.contracts.encoder import Encoder
from framework.neural.encoder import NeuralEncoder
from framework.registry.registry import ENCODERS
from zoo.gaussian import divergence, drawn

DECODE = {
    "autoencoder",
    "composition_vae",
    "concatenated_vae",
    "diffraction_vae",
    "element_set_autoencoder",
    "phase_field_vae",
}
POSTERIOR = (DECODE - {"autoencoder", "element_set_autoencoder"}) | {
    "deep_infomax",
    "element_infomax",
    "site_net",
}


@pytest.mark.parametrize("name", ENCODERS.names())
def test_encoders_declare_whether_they_decode_and_have_a_posterior(name):
    cls = ENCODERS.load(name)
    encoder = cls.__new__(cls)  # the declaration is the class's
    assert (encoder.decodes, encoder.has_posterior) == (name in DECODE, name in POSTERIOR)
    assert issubclass(cls, NeuralEncoder) == (cls.settings is not None)
    assert isinstance(encoder, Encoder) and encoder.context is None


def test_what_an_encoder_cannot_do_it_says():
    class Plain(NeuralEncoder): ...

    with pytest.raises(NotImplementedError, match="Plain has no decoder"):
        Plain().decode(torch.zeros(1, 2))
    with pytest.raises(NotImplementedError, match="Plain has no posterior"):
        Plain().posterior(torch.zeros(1, 2))


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    found = divergence(mean, log_variance)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_draws_have_the_mean_and_the_variance_of_the_posterior():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = drawn(mean.expand(40_000, 2), log_variance.expand(40_000, 2))
    np.testing.assert_allclose(draws.mean(0), mean[0], atol=0.03)
    np.testing.assert_allclose(draws.var(0).log(), log_variance[0], atol=0.03)
