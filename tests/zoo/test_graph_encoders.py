"""Deep InfoMax and what is built on it: symmetries, the loss, a planted link."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from data.representations.crystal_graph import CrystalGraph
from framework.base.errors import UserError
from framework.registry.parameters import checked
from framework.registry.registry import ENCODERS
from framework.runs.components import construct
from tests.data.cells import ROCKSALT, drawn_cell, elsewhere, materials_of
from zoo.encoders.deep_infomax import DeepInfoMax, _one_pair_a_site, _partners, misfit

SMALL = {"site_dim": 16, "latent_dim": 8}


def shown(cells, **settings):
    materials = materials_of(cells)
    return CrystalGraph(**settings).fit(materials, np.arange(len(cells))).transform(materials)


def first_view(samples, index):
    index = torch.as_tensor(index)
    return samples.batch(index, torch.zeros_like(index))


def unfitted(name, samples, seed=0, **changes):
    cls = ENCODERS.load(name)
    values = checked(cls, changes, name=name, where="test", given=("width",))
    return construct(cls, values, samples, seed)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    return [ROCKSALT, *(drawn_cell(rng) for _ in range(9))]


# symmetries


def test_the_vector_of_a_crystal_is_that_of_any_cell_of_it(drawn):
    """Sites in another order, rotated, translated, in a supercell with other vectors."""
    rng = np.random.default_rng(1)
    samples = shown([*drawn, *(elsewhere(cell, rng) for cell in drawn)])
    torch.manual_seed(0)
    encoder = DeepInfoMax(samples.width).eval()
    with torch.inference_mode():
        found = encoder.encode(first_view(samples, range(20)))
    torch.testing.assert_close(found[:10], found[10:], rtol=1e-4, atol=1e-5)
    assert torch.pdist(found[:10]).min() > 1e-2


def test_species_and_structure_both_matter(drawn):
    lattice, numbers, positions = drawn[3]
    other = 92 - numbers
    samples = shown([drawn[3], (lattice * 1.1, numbers, positions), (lattice, other, positions)])
    torch.manual_seed(0)
    with torch.inference_mode():
        found = DeepInfoMax(samples.width).encode(first_view(samples, range(3)))
    assert torch.pdist(found).min() > 1e-2


# the loss


def test_the_loss_falls_when_the_output_for_what_belongs_together_rises():
    """The sign: softplus(-T) of the true, softplus(T) of the false; 2 ln 2 by chance."""
    true, false = torch.tensor([0.5, -1.0]), torch.tensor([0.2, 1.5, -2.0])
    expected = np.log1p(np.exp([-0.5, 1.0])).mean() + np.log1p(np.exp([0.2, 1.5, -2.0])).mean()
    assert misfit(true, false).item() == pytest.approx(expected)
    assert misfit(torch.zeros(4), torch.zeros(2)).item() == pytest.approx(2 * math.log(2))
    assert misfit(torch.full((1,), 9.0), torch.full((1,), -9.0)) < 1e-3
    # many of one kind weigh as much as few of another
    kinds = misfit(true, torch.zeros(100), torch.full((1,), 9.0)) - misfit(true, torch.zeros(1))
    assert kinds.item() == pytest.approx((math.log1p(math.exp(9)) - math.log(2)) / 2, rel=1e-4)


def test_engineered_crystals_keep_a_structure_and_take_species_of_another(drawn):
    torch.manual_seed(0)
    batch = first_view(shown(drawn), range(10))
    for _ in range(20):
        partner, source = _partners(batch)
        assert sorted(partner.tolist()) == list(range(10))
        assert (partner != torch.arange(10)).all()
        assert torch.equal(batch.crystal[source], partner[batch.crystal])
        for crystal in range(10):
            for element in batch.element[batch.crystal == crystal].unique():
                equal = (batch.crystal == crystal) & (batch.element == element)
                assert len(source[equal].unique()) == 1  # equal sites stay equal
        mixed = batch.with_elements(batch.element[source])
        assert torch.equal(mixed.features, batch.table[batch.element[source]])
        assert mixed.pairs is batch.pairs or torch.equal(mixed.site, batch.site)
    own = _one_pair_a_site(batch)
    assert torch.equal(batch.site[own], torch.arange(len(batch.element)))


def test_the_divergence_is_that_of_pytorch(drawn):
    from torch.distributions import Normal, kl_divergence

    samples = shown(drawn)
    batch = first_view(samples, range(10))
    torch.manual_seed(0)
    encoder = DeepInfoMax(samples.width, prior=0.3)
    mean, log_variance = encoder.posterior(batch)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0, 1)).mean()
    assert encoder.loss(batch)["kl"].item() == pytest.approx(0.3 * expected.item(), rel=1e-4)


def test_a_batch_of_one_crystal_of_one_site_has_a_loss():
    copper = (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.805, np.array([29]), np.zeros((1, 3)))
    samples = shown([copper, ROCKSALT])
    terms = unfitted("deep_infomax", samples, **SMALL).loss(first_view(samples, [0]))
    assert all(value.isfinite() for value in terms.values())


def test_heads_that_cannot_share_the_width_are_refused(drawn):
    with pytest.raises(UserError, match=r"3 heads cannot share a site_dim of 64 evenly; .* 63"):
        unfitted("deep_infomax", shown(drawn), heads=3)


@pytest.mark.parametrize("name", ["pca", "random_projection"])
def test_a_linear_map_refuses_graphs(drawn, name):
    encoder = unfitted(name, shown(drawn), representation="crystal_graph")
    with pytest.raises(UserError, match="'crystal_graph' shows no vectors, and a linear map reads"):
        encoder.fit(shown(drawn))


def planted(n, rng):
    """Crystals whose hidden property is their structure: CsCl, or rocksalt, of any two elements, in
    cells of any size from 10 % less to 10 % more than the same for both."""
    metals, anions = [3, 11, 19, 20, 38, 56], [9, 17, 35, 53, 8, 16]
    cells, hidden = [], rng.random(n) < 0.5
    for is_rocksalt in hidden:
        pair = np.array([rng.choice(metals), rng.choice(anions)])
        size = rng.uniform(0.9, 1.1)
        if is_rocksalt:
            cells.append((np.eye(3) * 5.6 * size, np.repeat(pair, 4), ROCKSALT[2]))
        else:
            cells.append((np.eye(3) * 3.5 * size, pair, np.array([[0, 0, 0], [0.5, 0.5, 0.5]])))
    return cells, hidden.astype(float)


def test_a_planted_link_of_structure_and_property_is_recovered_without_labels():
    cells, hidden = planted(360, np.random.default_rng(0))
    samples = shown(cells, basis=16)
    train, held = np.arange(260), np.arange(260, 360)
    few = {"site_dim": 16, "latent_dim": 16, "epochs": 12, "batch_size": 32}
    encoder = unfitted("deep_infomax", samples, **few)
    encoder.fit(samples.take(train), samples.take(held))
    chance = 2 * math.log(2)
    assert encoder.history["validation_local"][-1] < chance - 0.2
    assert encoder.history["validation_global"][-1] < chance - 0.2
    composition = samples.descriptors()[:, :16]
    found = {
        name: r2_score(hidden[held], RidgeCV().fit(x[train], hidden[train]).predict(x[held]))
        for name, x in (("latent", encoder.transform(samples)), ("composition", composition))
    }
    assert found["latent"] > 0.6 and found["composition"] < 0.1
