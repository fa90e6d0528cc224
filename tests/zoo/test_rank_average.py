"""Ranks by hand; an average is saved, restored and digested with all that it is made of."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from data.representations.phase_field import PhaseFieldSamples
from framework.base.errors import UserError
from framework.config.experiment import experiment_from
from framework.registry.registry import ENCODERS
from framework.runs.execution import execute
from framework.runs.plan import plan
from framework.runs.saved import SavedRun
from tests.conftest import phasezoo, tiny, write_yaml
from zoo.encoders.element_frequency import ElementFrequency
from zoo.encoders.pair_cooccurrence import PairCooccurrence
from zoo.encoders.rank_average import RankAverage, normal_scores


def test_ranks_among_others_are_those_of_scipy():
    drawn = np.random.default_rng(0)
    among = np.sort(drawn.integers(20, size=50)).astype(float)
    expected = norm.ppf(rankdata(among) / 51)
    np.testing.assert_allclose(normal_scores(among, among), expected, rtol=1e-12)


def test_between_two_ranks_it_is_interpolated_and_beyond_the_last_it_ends():
    among = np.array([0.0, 1.0, 3.0])
    scores = normal_scores(np.array([2.0, 1.5, -5.0, 9.0]), among)
    np.testing.assert_allclose(norm.cdf(scores) * 4, [2.5, 2.25, 0.5, 3.5], rtol=1e-12)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30),
)
def test_a_higher_score_never_has_a_lower_rank(among, scores):
    ranks = normal_scores(np.sort(scores), np.sort(among))
    assert np.isfinite(ranks).all() and (np.diff(ranks) >= -1e-9).all()


@pytest.fixture
def world():
    drawn = np.random.default_rng(0)
    rows = np.sort(np.stack([drawn.permutation(np.arange(1, 20))[:4] for _ in range(300)]))
    every = PhaseFieldSamples(torch.from_numpy(rows), torch.zeros(119, 2))
    unlabelled = every.take(np.arange(100, 300))
    return every, SimpleNamespace(unlabelled=unlabelled, reported=np.array(["H He"]))


def test_the_score_is_the_mean_of_what_each_encoder_says_alone(world):
    every, context = world
    train = every.take(np.arange(100))
    encoder = RankAverage(of=("element_frequency", {"name": "pair_cooccurrence", "smoothing": 0.1}))
    encoder.context = context
    scores = encoder.fit(train).score_samples(every)
    expected = []
    for alone in (ElementFrequency().fit(train), PairCooccurrence(0.1).fit(train)):
        among = alone.score_samples(context.unlabelled)
        expected.append(normal_scores(alone.score_samples(every), np.sort(among)))
    np.testing.assert_allclose(scores, np.mean(expected, axis=0), rtol=1e-12)
    one = [encoder.score_samples(every.take(np.array([i])))[0] for i in (0, 150)]
    np.testing.assert_array_equal(one, scores[[0, 150]])


def test_without_unexplored_fields_there_is_one_message(world):
    with pytest.raises(UserError, match="run it with task 'plausibility'"):
        RankAverage(of=("pca",)).fit(world[0])


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ([], "of: is empty"),
        (["pac"], "'pac' is not a registered encoder; .*'pca'"),
        ([{"name": "pca", "latent_dmi": 3}], "latent_dmi is not a parameter of 'pca'"),
        (["pca", {"name": "pca"}], "'pca' with these settings is listed twice"),
        (["pca", "composition_vae"], "reads the representation 'composition'"),
        ([{"name": "rank_average", "of": ["pac"]}], "'pac' is not a registered encoder"),
        ([{"latent_dim": 3}], "give a name"),
    ],
)
def test_what_cannot_be_averaged_is_refused_before_anything_is_computed(desk, of, message):
    content = tiny(name="t", encoders=[{"name": "rank_average", "of": of}])
    with pytest.raises(UserError, match=message) as refused:
        plan(experiment_from(content, "t"))
    assert "encoders[0]" in str(refused.value)


def test_a_finished_run_scores_as_it_did_with_networks_and_closed_forms_in_it(desk):
    of = ["pair_cooccurrence", {"name": "autoencoder", "epochs": 1}, {"name": "rank_average", "of": ["pca"]}]  # fmt: skip
    (run,) = plan(
        experiment_from(tiny(name="t", encoders=[{"name": "rank_average", "of": of}]), "")
    )
    folder = execute(run, desk / "runs")
    opened = SavedRun.open(folder)
    first = opened.score(["Li Na O", "K Al Cl"])
    np.testing.assert_array_equal(SavedRun.open(folder).score(["K Al Cl", "Li Na O"])[::-1], first)
    shown = opened.representation.transform(opened.representation.parse(["Li Na O"]))
    assert opened.encoder.transform(shown).shape == (1, 3)


def test_the_digest_covers_the_code_of_every_encoder_in_it():
    of = ("pca", {"name": "rank_average", "of": ["element_frequency"]})
    sources = RankAverage.sources({"of": of, "representation": "phase_field"})
    names = ("pca", "rank_average", "element_frequency")
    assert set(sources) == {ENCODERS.source(name) for name in names}


def test_a_change_in_an_encoder_changes_the_digest_of_the_average(desk, monkeypatch):
    content = tiny(name="t", encoders=[{"name": "rank_average", "of": ["pca"]}])
    (before,) = plan(experiment_from(content, "t"))
    mine = desk / "pca.py"
    mine.write_text(ENCODERS.source("pca").read_text() + "\nCHANGED = 1\n")
    source = ENCODERS.source
    monkeypatch.setattr(ENCODERS, "source", lambda name: mine if name == "pca" else source(name))
    (after,) = plan(experiment_from(content, "t"))
    assert dataclasses.replace(before, settings={}) == dataclasses.replace(after, settings={})
    assert before.digest != after.digest


def test_the_command_line_ranks_with_an_average(desk):
    of = ["pair_cooccurrence", "element_frequency"]
    path = write_yaml(tiny(encoders=[{"name": "rank_average", "of": of}, "pair_cooccurrence"]))
    said = phasezoo("benchmark", path)
    assert said.code == 0 and "rank_average" in said.out, said.err
