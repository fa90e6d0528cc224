"""The representation crystal_graph: what stands at sites and pairs, batches by index, bad input."""

import numpy as np
import pytest
import torch

from data import neighbours
from data.cache import VARIABLE
from data.datasets.oqmd_icsd import oqmd_icsd
from data.elements import element_table
from data.representations.crystal_graph import SITE_FEATURES, CrystalGraph
from framework.base.errors import UserError
from framework.contracts.dataset import take
from tests.data.cells import ROCKSALT, drawn_cell, elsewhere, materials_of
from tests.data.cifs import NACL, cif


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def crystals():
    return take(oqmd_icsd(), np.arange(0, 32_000, 800))


def shown(ds, train=20, **settings):
    return CrystalGraph(**settings).fit(ds, np.arange(train)).transform(ds)


def first_view(samples, index):
    index = torch.as_tensor(index)
    return samples.batch(index, torch.zeros_like(index))


def test_sites_carry_standardised_features_of_their_elements(crystals):
    samples = shown(crystals)
    assert (len(samples), samples.width, samples.n_views) == (40, 8 + 24, 1)
    batch = first_view(samples, range(20))
    np.testing.assert_allclose(batch.features.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(batch.features.std(0, correction=0), 1, rtol=1e-4)
    table = element_table("magpie")
    weight = table.values[batch.element, table.features.index("AtomicWeight")]
    column = batch.features[:, SITE_FEATURES.index("AtomicWeight")]
    assert np.corrcoef(weight, column)[0, 1] == pytest.approx(1)


def test_a_distance_stands_in_gaussians_around_it():
    samples = shown(materials_of([ROCKSALT]), 1, basis=17)
    batch = first_view(samples, [0])
    assert batch.radial.shape == (len(batch.site), 17)
    expected = np.exp(-0.5 * ((2.82 - np.linspace(0, 8, 17)) / 0.5) ** 2)
    np.testing.assert_allclose(batch.radial[0], expected, rtol=1e-4, atol=1e-6)


def test_a_batch_is_its_graphs_side_by_side(crystals):
    """In any order, one of them twice; `take` and `to` give the same."""
    samples = shown(crystals)
    index = [7, 3, 3, 39]
    whole = first_view(samples, index)
    assert len(whole) == 4 and (whole.site.diff() >= 0).all()
    sites = pairs = 0
    for place, i in enumerate(index):
        own = first_view(samples, [i])
        where, which = slice(sites, sites + len(own.element)), slice(pairs, pairs + len(own.site))
        assert torch.equal(whole.element[where], own.element)
        assert (whole.crystal[where] == place).all()
        assert torch.equal(whole.site[which] - sites, own.site)
        assert torch.equal(whole.neighbour[which] - sites, own.neighbour)
        assert torch.equal(whole.distance[which], own.distance)
        sites, pairs = where.stop, which.stop
    assert (sites, pairs) == (len(whole.element), len(whole.site))
    taken = samples.take(np.array(index)).to(torch.device("cpu"))
    for name in ("element", "site", "neighbour", "distance", "crystal"):
        again = getattr(first_view(taken, range(4)), name)
        assert torch.equal(again, getattr(whole, name))
    np.testing.assert_allclose(taken.descriptors(), samples.descriptors()[index], atol=1e-6)


def test_large_samples_come_in_parts_and_in_order(crystals, monkeypatch):
    samples = shown(crystals)
    expected = samples.mean_over_views(lambda batch: batch.mean_over_sites(batch.features))
    monkeypatch.setattr("data.graphs._MOST_PAIRS", 1500)
    assert 1 < len(list(samples.in_batches())) <= 40
    found = samples.mean_over_views(lambda batch: batch.mean_over_sites(batch.features))
    assert found.shape == (40, 8)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert len(samples.take(np.empty(0, int))) == 0


def test_descriptors_do_not_depend_on_the_cell():
    rng = np.random.default_rng(0)
    cells = [ROCKSALT, *(drawn_cell(rng) for _ in range(6))]
    one = materials_of(cells)
    other = materials_of([elsewhere(cell, rng) for cell in cells])
    fitted = CrystalGraph().fit(one, np.arange(7))
    first, second = (fitted.transform(ds).descriptors() for ds in (one, other))
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert len(np.unique(first.round(4), axis=0)) == 7


def test_neighbours_are_found_once_and_kept(crystals, monkeypatch):
    monkeypatch.setattr("data.representations.crystal_graph._FEW", 10)
    first = shown(crystals)
    monkeypatch.setattr(neighbours, "neighbours", lambda *_: pytest.fail("found again"))
    assert torch.equal(shown(crystals).distance, first.distance)
    with pytest.raises(pytest.fail.Exception):
        shown(crystals, nearest=8)


def test_a_checkpoint_shows_the_same_and_a_cif_is_read(crystals, tmp_path):
    fitted = CrystalGraph(nearest=6).fit(crystals, np.arange(20))
    fitted.save(tmp_path / "x.npz")
    again = CrystalGraph(nearest=6).restore(tmp_path / "x.npz")
    path = tmp_path / "salt.cif"
    path.write_text(cif(NACL, 5.64))
    one, other = (each.transform(each.parse([str(path)])) for each in (fitted, again))
    assert len(one) == 1
    np.testing.assert_array_equal(one.descriptors(), other.descriptors())
    with pytest.raises(UserError, match="is a checkpoint of CrystalGraph"):
        CrystalGraph().restore(tmp_path / "x.npz")


def test_elements_without_features_are_named_and_a_missing_value_is_the_mean():
    lattice, _, positions = ROCKSALT
    with pytest.raises(UserError, match="no site features for Nh, which 1 of 2 crystals hold"):
        shown(materials_of([ROCKSALT, (lattice, np.full(8, 113), positions)]), 1)
    xenon = shown(materials_of([ROCKSALT, (lattice, np.full(8, 54), positions)]), 1)
    assert np.isfinite(xenon.descriptors()).all()


def test_a_data_set_without_crystals_and_a_too_large_cell_are_refused():
    formulas = materials_of([ROCKSALT])[["formula", "element_set"]]
    with pytest.raises(UserError, match="made up: no crystal structures"):
        shown(formulas, 1)
    many = (np.eye(3) * 60, np.full(1001, 14), np.random.default_rng(0).random((1001, 3)))
    with pytest.raises(UserError, match="at most 1,000"):
        CrystalGraph().fit(materials_of([many]), np.arange(1))
