"""The annotations are the search space: narrowed, widened, fixed or given choices by an experiment."""

import re

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from framework.base.errors import UserError
from framework.config.experiment import experiment_from
from framework.config.schema import Component
from framework.registry.parameters import Choice, parameters
from framework.registry.registry import ENCODERS
from framework.runs.components import GIVEN
from framework.search.tuning.plan import plan_tuning
from framework.search.tuning.space import clipped, from_optuna, search_space, to_optuna
from tests.conftest import tiny

VAE = Component(name="phase_field_vae")


def space_of(component: Component = VAE, **wanted: object):
    return search_space(component, wanted, "x.yaml: tuning.space")


class TestFromAnnotations:
    @pytest.mark.parametrize("name", ENCODERS.names())
    def test_every_range_of_an_encoder_is_searched_as_it_stands(self, name):
        known = parameters(ENCODERS.load(name), given=GIVEN)
        ranges = {n: p.marker for n, p in known.items() if p.marker and p.marker.tuned}
        if not ranges:
            with pytest.raises(UserError, match=f"'{name}' has nothing to tune"):
                space_of(Component(name=name))
            return
        space, fixed = space_of(Component(name=name))
        assert list(space) == list(ranges)
        assert fixed == {}
        for key, marker in ranges.items():
            if isinstance(marker, Choice):
                assert space[key] == CategoricalDistribution(marker.options)
            else:
                at = space[key]
                assert (at.low, at.high, at.log) == (marker.low, marker.high, marker.log)

    def test_what_the_experiment_sets_by_hand_is_fixed(self):
        component = Component(name="phase_field_vae", parameters={"beta": 0.5, "dropout": 0.1})
        space, _ = space_of(component)
        assert not {"beta", "dropout"} & set(space)
        again, _ = space_of(component, beta={"low": 0.1, "high": 1.0})
        assert again["beta"] == FloatDistribution(0.1, 1.0)

    def test_what_only_costs_time_is_not_searched_unless_wanted(self):
        assert "score_draws" not in space_of()[0]
        space, _ = space_of(score_draws={"low": 0, "high": 10})
        assert space["score_draws"] == IntDistribution(0, 10)


class TestWishes:
    def test_narrowed(self):
        space, _ = space_of(latent_dim={"low": 3, "high": 5}, learning_rate={"high": 0.001})
        assert space["latent_dim"] == IntDistribution(3, 5)
        assert space["learning_rate"] == FloatDistribution(1e-4, 1e-3, log=True)

    def test_widened_as_far_as_is_valid(self):
        space, _ = space_of(latent_dim={"low": 1, "high": 1024, "log": True}, dropout={"high": 0.9})
        assert space["latent_dim"] == IntDistribution(1, 1024, log=True)
        assert space["dropout"] == FloatDistribution(0.0, 0.9)

    def test_fixed_at_a_value(self):
        space, fixed = space_of(epochs=1, hidden=[8, 4], optimiser="nadam")
        assert fixed == {"epochs": 1, "hidden": (8, 4), "optimiser": "nadam"}
        assert not set(fixed) & set(space)

    def test_choices_of_lists(self):
        space, _ = space_of(hidden={"choices": [[8], [16, 8], []]}, epochs={"choices": [1, 30]})
        assert space["hidden"] == CategoricalDistribution(["[8]", "[16, 8]", "[]"])
        assert space["epochs"] == CategoricalDistribution([1, 30])
        assert from_optuna({"hidden": "[16, 8]", "epochs": 30}) == {"hidden": [16, 8], "epochs": 30}

    def test_the_order_is_that_of_the_signature(self):
        one, _ = space_of(beta={"high": 1.0}, latent_dim={"high": 4})
        other, _ = space_of(latent_dim={"high": 4}, beta={"high": 1.0})
        assert list(one) == list(other)

    @pytest.mark.parametrize(
        ("wanted", "told"),
        [
            ({"latent_dmi": 3}, ".latent_dmi is not a parameter of 'phase_field_vae'; did you mean"),
            ({"latent_dim": {"high": 2000}}, ".latent_dim.high: 2000 is out of range; 'latent_dim' is int 1..1024"),
            ({"latent_dim": {"low": 0}}, ".latent_dim.low: 0 is out of range"),
            ({"latent_dim": {"low": 2.5}}, ".latent_dim.low: 2.5 is not of type int"),
            ({"latent_dim": {"low": "2"}}, ".latent_dim.low: '2' is not of type int"),
            ({"latent_dim": {"low": 9, "high": 3}}, ".latent_dim: low 9 is above high 3"),
            ({"latent_dim": {"low": 100}}, ".latent_dim: low 100 is above high 32"),
            ({"latent_dim": {}}, ".latent_dim: give {low: 2, high: 32, log: true}, {choices: [...]}"),
            ({"latent_dim": {"min": 2}}, ".latent_dim: give {low: 2"),
            ({"latent_dim": {"low": 2, "choices": [1]}}, ".latent_dim: give {low: 2"),
            ({"latent_dim": {"choices": []}}, ".latent_dim: give {low: 2"),
            ({"latent_dim": {"choices": 3}}, ".latent_dim: give {low: 2"),
            ({"latent_dim": {"choices": [2, 5000]}}, ".latent_dim.choices: 5000 is out of range"),
            ({"latent_dim": {"choices": [2, 2]}}, ".latent_dim.choices: 2 is listed twice"),
            ({"hidden": {"choices": [[4], [4]]}}, ".hidden.choices: [4] is listed twice"),
            ({"latent_dim": 5000}, ".latent_dim: 5000 is out of range"),
            ({"latent_dim": None}, ".latent_dim: None is not of type int"),
            ({"dropout": {"high": float("inf")}}, ".dropout.high: inf is not a finite number"),
            ({"dropout": {"log": True}}, ".dropout: a logarithmic search cannot start at 0.0"),
            ({"dropout": {"log": "yes"}}, ".dropout.log: must be true or false"),
            ({"hidden": {"low": 1, "high": 2}}, ".hidden: give {choices: [...]} or a single value"),
            ({"hidden": {"choices": [8]}}, ".hidden.choices: 8 is not of type tuple[int, ...]"),
            ({"hidden": {"choices": [["a"]]}}, ".hidden.choices: ['a'] is not of type"),
            ({"optimiser": {"choices": ["adamm"]}}, ".optimiser.choices: 'adamm' is no option"),
            ({"optimiser": {"low": 1}}, ".optimiser: give {choices: [...]}"),
            ({"width": 3}, ".width is not a parameter"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused_with_its_place(self, wanted, told):
        with pytest.raises(UserError, match=re.escape(f"x.yaml: tuning.space{told}")):
            space_of(**wanted)

    def test_where_everything_is_fixed_nothing_is_left(self):
        with pytest.raises(UserError, match="'pca' has nothing to tune"):
            space_of(Component(name="pca"), latent_dim=3)


class TestTheDefaults:
    def test_they_start_the_search_moved_into_it_where_they_lie_outside(self):
        assert clipped(IntDistribution(2, 8), 4) == 4
        assert clipped(IntDistribution(2, 8), 16) == 8
        assert clipped(FloatDistribution(0.5, 1.0), 0.1) == 0.5
        assert clipped(CategoricalDistribution(["[8]", "[4]"]), to_optuna((4,))) == "[4]"
        assert clipped(CategoricalDistribution(["[8]", "[4]"]), to_optuna((5,))) == "[8]"

    def test_those_of_an_experiment_are_its_own(self, desk):
        encoders = [{"name": "pca", "latent_dim": 40}, "input_norm"]
        content = tiny(name="t", encoders=encoders, tuning={"space": {"latent_dim": {"high": 20}}})
        search = plan_tuning(experiment_from(content, "t"), desk / "runs", encoder="pca")
        assert search.study.start == {"latent_dim": 20}
        assert search.base.settings["encoder"]["parameters"]["latent_dim"] == 40
        trial = search.run_of({"latent_dim": 7})
        assert trial.settings["encoder"]["parameters"]["latent_dim"] == 7

    def test_what_is_fixed_is_fixed_in_every_trial(self, desk):
        space = {"hidden": {"choices": [[8], [4, 4]]}, "epochs": 1, "latent_dim": {"high": 3}}
        content = tiny(name="t", encoders=["autoencoder"], tuning={"space": space})
        search = plan_tuning(experiment_from(content, "t"), desk / "runs")
        run = search.run_of({"hidden": "[4, 4]", "latent_dim": 2})
        settings = run.settings["encoder"]["parameters"]
        assert (settings["epochs"], settings["hidden"], settings["latent_dim"]) == (1, (4, 4), 2)
