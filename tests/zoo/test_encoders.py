"""The encoders against independent calculations."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.neighbors import NearestNeighbors as SklearnNeighbours

from data.elements import element_table
from framework.config.schema import Component
from framework.registry.parameters import parameters
from framework.registry.registry import ENCODERS
from framework.runs.components import GIVEN, construct, represented, resolve_task
from framework.runs.items import items_of


@pytest.fixture(scope="module")
def shown():
    """60 reported and 40 unexplored fields, and all of them as samples."""
    task = resolve_task(Component(name="plausibility"), "test")
    items = items_of({"dataset": {"name": "oqmd_icsd", "parameters": {}}, "task": task})
    n = int(items["reported"].sum())
    items = items.isel(material=np.r_[0:n:26, n : items.sizes["material"] : 3400])
    train = np.arange(60)
    settings = {"name": "phase_field", "parameters": {"features": "magpie"}}
    return items.isel(material=slice(0, 100)), represented(settings, items, train)[1], train


def fit(name, shown, seed=0, **changes):
    _, samples, train = shown
    cls = ENCODERS.load(name)
    values = {n: p.default for n, p in parameters(cls, given=GIVEN).items()} | changes
    return construct(cls, values, samples, seed).fit(samples.take(train))


def vectors(samples, views=None):
    """All presentations (n, views, width), straight from the element table."""
    k = samples.elements.shape[1]
    orders = list(itertools.permutations(range(k)))[:views]
    each = samples.table.numpy()[samples.elements.numpy()]
    return np.stack([each[:, order].reshape(len(each), -1) for order in orders], axis=1)


def test_a_view_is_an_order_of_the_elements_side_by_side(shown):
    _, samples, _ = shown
    expected = vectors(samples)
    assert samples.n_views == 24
    for view in (0, 7, 23):
        index = torch.arange(len(samples))
        found = samples.batch(index, torch.full_like(index, view)).numpy()
        np.testing.assert_array_equal(found, expected[:, view])


def test_inputs_are_standardised_by_the_training_part_alone(shown):
    _items, samples, train = shown
    table = element_table("magpie")
    own = samples.take(train)
    flat = own.table.numpy()[own.elements.numpy()].reshape(-1, own.table.shape[1])
    moving = flat.std(axis=0) > 0
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(flat.std(axis=0)[moving], 1, atol=1e-4)
    assert flat.shape[1] <= len(table.features)


def test_input_norm_is_the_norm_of_any_presentation(shown):
    _, samples, _ = shown
    scores = fit("input_norm", shown).score_samples(samples)
    norms = np.linalg.norm(vectors(samples), axis=2)
    np.testing.assert_allclose(norms, np.broadcast_to(-scores[:, None], norms.shape), rtol=1e-5)


def test_descriptors_come_through_unchanged_and_the_nearest_to_the_mean_is_most_plausible(shown):
    _, samples, train = shown
    own = fit("descriptors", shown, representation="phase_field")
    given = samples.descriptors()
    np.testing.assert_array_equal(own.transform(samples), given)
    distance = np.sqrt(((given - given[train].mean(axis=0)) ** 2).sum(axis=1))
    np.testing.assert_allclose(own.score_samples(samples), -distance, rtol=1e-4)


def test_pca_agrees_with_scikit_learn_on_all_presentations(shown):
    _, samples, train = shown
    views = vectors(samples).astype(float)
    reference = SklearnPCA(12, svd_solver="full").fit(views[train].reshape(-1, views.shape[2]))
    flat = views.reshape(-1, views.shape[2])
    back = reference.inverse_transform(reference.transform(flat))
    errors = np.linalg.norm(flat - back, axis=1).reshape(len(samples), -1).mean(axis=1)
    scores = fit("pca", shown, latent_dim=12).score_samples(samples)
    np.testing.assert_allclose(-scores, errors, rtol=2e-3)


def test_nearest_neighbours_agrees_with_scikit_learn(shown):
    _, samples, train = shown
    each = np.sort(samples.table.numpy()[samples.elements.numpy()], axis=1)
    points = each.reshape(len(each), -1)
    spread = points[train].std(axis=0)
    points = (points - points[train].mean(axis=0))[:, spread > 1e-6] / spread[spread > 1e-6]
    reference = SklearnNeighbours(n_neighbors=4).fit(points[train])
    expected = -reference.kneighbors(points)[0].mean(axis=1)
    scores = fit("nearest_neighbours", shown, k=4).score_samples(samples)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "size"), [("element_frequency", 1), ("pair_cooccurrence", 2)])
def test_counting_baselines_count_what_they_say(name, size, shown):
    items, samples, train = shown
    sets = [text.split() for text in items["element_set"].values]
    counts = {}
    for i in train:
        for part in itertools.combinations(sorted(sets[i]), size):
            counts[part] = counts.get(part, 0) + 1
    expected = [
        sum(np.log(counts.get(part, 0) + 0.5) for part in itertools.combinations(sorted(s), size))
        for s in sets
    ]
    scores = fit(name, shown, smoothing=0.5).score_samples(samples)
    np.testing.assert_allclose(scores, expected)


def test_random_scores_are_uniform_and_change_with_the_seed(shown):
    _, samples, _ = shown
    first, second = (fit("random_score", shown, seed).score_samples(samples) for seed in (0, 1))
    assert np.unique(first).size == len(samples)
    assert 0.4 < first.mean() < 0.6
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


FIELDS = [
    name
    for name in ENCODERS.names()
    if ENCODERS.load(name).representation == "phase_field" and not ENCODERS.load(name).uses_context
]


@pytest.mark.parametrize("name", FIELDS)
def test_scores_do_not_depend_on_the_order_of_the_elements(name, shown):
    _, samples, _ = shown
    encoder = fit(
        name, shown, **({"epochs": 2} if hasattr(ENCODERS.load(name), "settings") else {})
    )
    expected = encoder.score_samples(samples)
    if name not in ("random_score", "pair_cooccurrence"):
        turned = samples.take(np.arange(len(samples)))
        turned.elements = turned.elements.flip(1)
        np.testing.assert_allclose(encoder.score_samples(turned), expected, rtol=1e-4, atol=1e-5)


def test_a_score_is_the_mean_error_over_all_24_orders(shown):
    _, samples, _ = shown
    encoder = fit("phase_field_vae", shown, epochs=2)
    views = torch.from_numpy(vectors(samples)).flatten(0, 1)
    with torch.inference_mode():
        errors = (encoder.decode(encoder.encode(views)) - views).norm(dim=1)
    expected = -errors.reshape(len(samples), -1).mean(1)
    np.testing.assert_allclose(encoder.score_samples(samples), expected, rtol=1e-4)


def test_noisy_passes_come_close_to_their_expectation_and_can_be_repeated(shown):
    _, samples, _ = shown
    encoder = fit("phase_field_vae", shown, epochs=2, score_draws=1)
    once, again = encoder.score_samples(samples), encoder.score_samples(samples)
    many = fit("phase_field_vae", shown, epochs=2, score_draws=30).score_samples(samples)
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, many)
    np.testing.assert_allclose(once, many, rtol=0.2)


def test_the_published_sigmoid_output_answers_zero_and_scores_the_norm(shown):
    """Decoded by a sigmoid, standardised inputs give the norm of the input as score."""
    _, samples, _ = shown
    quick = {"epochs": 15, "batch_size": 64, "learning_rate": 5e-3}
    encoder = fit("phase_field_vae", shown, output="sigmoid", dropout=0.0, **quick)
    norm = fit("input_norm", shown).score_samples(samples)
    assert np.corrcoef(encoder.score_samples(samples), norm)[0, 1] > 0.98
