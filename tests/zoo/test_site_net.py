"""Site-Net on labels: the three beginnings, what is frozen, a finished run as a beginning."""

import json

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from framework.base.errors import UserError
from tests.conftest import phasezoo, write_yaml
from tests.zoo.test_graph_encoders import planted, shown, unfitted
from zoo.predictors.random_forest_classifier import RandomForestClassifier
from zoo.predictors.ridge import Ridge

TINY = {"site_dim": 16, "latent_dim": 16, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def crystals():
    """Crystals and their hidden property: graphs, values, training part, hold-out."""
    cells, hidden = planted(240, np.random.default_rng(0))
    return shown(cells, basis=16), hidden, np.arange(160), np.arange(160, 240)


def learned(crystals, n, others=None, **changes):
    """The encoder, and what it says of the hold-out after n labels."""
    samples, hidden, train, held = crystals
    encoder = unfitted("site_net", samples, **{**TINY, "initialise": "none", **changes})
    encoder.fit(samples.take(train))
    others = np.empty((len(train), 0)) if others is None else others
    learner = encoder.learner(Ridge(), samples.take(train), others)
    learner.fit(samples.take(train[:n]), hidden[:n], np.arange(n))
    return encoder, learner.predict(samples.take(held))


def test_labels_teach_the_whole_network_what_they_hold(crystals):
    _, hidden, _, held = crystals
    _, found = learned(crystals, 160, steps=60)
    assert found.shape == (80,) and r2_score(hidden[held], found) > 0.8
    _, shuffled = learned((crystals[0], np.roll(hidden, 1), *crystals[2:]), 160, steps=60)
    assert r2_score(hidden[held], shuffled) < 0.3


def test_every_number_of_labels_starts_from_the_same_beginning(crystals):
    samples, hidden, train, held = crystals
    encoder = unfitted("site_net", samples, **TINY, initialise="none", steps=5).fit(samples)
    before = encoder.transform(samples)
    learner = encoder.learner(Ridge(), samples.take(train), np.empty((160, 0)))
    few = train[:20]
    first = learner.fit(samples.take(few), hidden[few], few).predict(samples.take(held))
    learner.fit(samples.take(train), hidden[train], train)
    again = learner.fit(samples.take(few), hidden[few], few).predict(samples.take(held))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(encoder.transform(samples), before)


def test_classes_are_learned_end_to_end_by_the_same_network(crystals):
    samples, hidden, train, held = crystals
    classes = (hidden > hidden.mean()).astype(int)
    encoder = unfitted("site_net", samples, **TINY, initialise="none", steps=60)
    encoder.fit(samples.take(train))
    learner = encoder.learner(RandomForestClassifier(), samples.take(train), np.empty((160, 0)))
    learner.fit(samples.take(train), classes[train] + 5, train)
    found = learner.predict_proba(samples.take(held))
    assert learner.classes_.tolist() == [5, 6]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == classes[held]).mean() > 0.8
    again = learner.fit(samples.take(train), classes[train] + 5, train)
    np.testing.assert_array_equal(again.predict_proba(samples.take(held)), found)


def test_predictions_are_in_the_unit_of_the_labels(crystals):
    samples, hidden, *parts = crystals
    _, found = learned(crystals, 40, steps=5)
    _, scaled = learned((samples, 1000 * hidden - 7, *parts), 40, steps=5)
    np.testing.assert_allclose(scaled, 1000 * found - 7, rtol=1e-3, atol=0.5)


def test_a_frozen_network_is_a_linear_model_of_its_latent_vectors(crystals):
    samples, _, _, held = crystals
    encoder, found = learned(crystals, 60, frozen=True, steps=5)
    latents = encoder.transform(samples.take(held))
    design = np.column_stack([latents, np.ones(len(held))])
    residual = found - design @ np.linalg.lstsq(design, found, rcond=None)[0]
    np.testing.assert_allclose(residual, 0, atol=1e-4)
    _, free = learned(crystals, 60, steps=5)
    residual = free - design @ np.linalg.lstsq(design, free, rcond=None)[0]
    assert np.abs(residual).max() > 1e-3


def test_another_property_teaches_before_the_labels(crystals):
    """It is known for half of the training part, and says nearly what is asked."""
    _, hidden, train, held = crystals
    others = 3 * hidden[train, None] + np.random.default_rng(0).normal(0, 0.1, (160, 1))
    others[::2] = np.nan
    settings = {"epochs": 12, "batch_size": 32, "steps": 50}
    _, plain = learned(crystals, 12, others, **settings)
    _, taught = learned(crystals, 12, others, **settings, initialise="supervised")
    errors = [mean_absolute_error(hidden[held], each) for each in (plain, taught)]
    assert errors[1] < 0.8 * errors[0]
    with pytest.raises(UserError, match="the task has none beside what is learned; add one"):
        learned(crystals, 12, **settings, initialise="supervised")


def test_a_run_and_another_beginning_exclude_each_other(crystals):
    with pytest.raises(UserError, match="pretrained is a run of deep_infomax, and initialise is"):
        unfitted("site_net", crystals[0], pretrained="abcd", initialise="none")


def experiment(name, *encoders, **changes):
    content = {
        "name": name,
        "dataset": "oqmd_icsd",
        "task": {"name": "property", "properties": ["formation_energy"], "labels": [20]}
        | {"sample": 70},
        "representations": {"crystal_graph": {"nearest": 4, "basis": 8}},
        "splits": ["random"],
        "seeds": [0],
        "split_seed": 0,
        "resamples": 100,
        "metrics": ["formation_energy/20/mae"],
        "encoders": list(encoders),
    }
    return write_yaml(content | changes, f"{name}.yaml")


def digest_of(encoder, runs):
    for path in (runs / "cells").glob("*/run.json"):
        if json.loads(path.read_text())["encoder"]["name"] == encoder:
            return path.parent.name
    raise AssertionError(encoder)


def test_a_finished_run_is_a_beginning_where_it_learned_from_the_same(desk, blank_figures):
    few = {"site_dim": 8, "latent_dim": 4}
    infomax = {"name": "deep_infomax", "epochs": 1, **few}
    runs = desk / "elsewhere"  # the folder that --runs names, wherever that is
    constant = {"name": "constant", "representation": "crystal_graph"}
    said = phasezoo(
        "benchmark", experiment("first", infomax, constant), "--no-track", "--runs", runs
    )
    assert said.code == 0, said.err
    net = {"name": "site_net", "steps": 2, **few, "pretrained": digest_of("deep_infomax", runs)}
    said = phasezoo("benchmark", experiment("second", net), "--no-track", "--runs", runs)
    assert said.code == 0, said.err
    other = {"crystal_graph": {"nearest": 5, "basis": 8}}
    before = {
        "differs in its split (random: fraction 0.2, seed 0, not random: fraction 0.2, seed 1), so it "
        "may have learned from this run's hold-out": {"split_seed": 1},
        "differs in its representation (crystal_graph: radius 8.0, nearest 4": {
            "representations": other
        },
        "differs in its items (": {
            "task": {"name": "property", "properties": ["formation_energy"], "labels": [20]}
            | {"sample": 60}
        },
        "is not a finished run": {"encoders": [net | {"pretrained": "0123456"}]},
        "has another network (": {"encoders": [net | {"site_dim": 16}]},
        "is a run of Constant; take one of deep_infomax": {
            "encoders": [net | {"pretrained": digest_of("constant", runs)}]
        },
    }
    for problem, changes in before.items():
        said = phasezoo(
            "benchmark", experiment("third", net, **changes), "--no-track", "--runs", runs
        )
        assert problem in said.message and "third.yaml: encoders[0].pretrained: " in said.message
    near = {"representations": {"crystal_graph": {"radius": 2.0}}}
    said = phasezoo("benchmark", experiment("third", net, **near), "--no-track", "--runs", runs)
    assert "has no neighbour within 2 angstrom; raise the radius" in said.message
