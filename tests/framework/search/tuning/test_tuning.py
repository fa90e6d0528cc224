"""The search for settings: chosen on validation, scored once on one hold-out, the same again."""

import json
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from data.element_sets import numbers
from framework.base.errors import UserError
from framework.benchmark.leaderboard import leaderboard
from framework.config.experiment import experiment_from
from framework.config.schema import Component
from framework.execution.processes import Processes
from framework.registry.registry import ENCODERS
from framework.runs.items import divided
from framework.runs.plan import plan as plan_runs
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.study.work import work
from framework.search.tuning import tuning
from framework.search.tuning.outcome import outcome_of
from framework.search.tuning.plan import TuningPlan, hold_out_benchmark, plan_tuning
from framework.search.tuning.trial import FitTrial
from tests.conftest import FIELDS, REPORTED, phasezoo, tiny, write_yaml
from tests.framework.audit.planted import Recorder
from tests.framework.search.killed import sequence

pytestmark = pytest.mark.usefixtures("blank_figures")

SMALL_NET = {"hidden": [8], "latent_dim": {"low": 1, "high": 4}, "epochs": 10, "weight_decay": 0.0}


def experiment(encoder: str = "pair_cooccurrence", **changes):
    """The tiny experiment with one encoder to tune, and an honest baseline."""
    own = {key: changes.pop(key) for key in ("splits", "encoders", "seeds") if key in changes}
    content = {
        **tiny(name="t", encoders=[encoder, "element_frequency"], validation_fraction=0.3),
        **own,
        "tuning": {"encoder": encoder, "trials": 3, **changes},
    }
    return experiment_from(content, "t")


def searched(wanted, runs: str = "runs", **options) -> TuningPlan:
    """The trials alone: figures and the final runs take seconds."""
    search = plan_tuning(wanted, Path(runs), **options)
    work(search.study, FitTrial(search))
    return search


def what_happened(search: TuningPlan):
    return sequence(search.study)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished search and what it left; only read."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("sets.txt").write_text("\n".join(REPORTED) + "\n")
        wanted = experiment(
            "pca", seeds=[0, 1], space={"latent_dim": {"high": 20}}, objectives=["auroc", "bedroc_20"],
            trials=6,
        )  # fmt: skip
        tuned = tuning.tune(wanted, folder / "runs", progress=False)
    return tuned, folder


class TestValidationOnly:
    @pytest.fixture
    def recorder(self, monkeypatch):
        """An encoder of another package, as `Registry` finds them."""
        point = EntryPoint("recorder", "tests.framework.audit.planted:Recorder", ENCODERS.group)
        monkeypatch.setitem(ENCODERS._external, "recorder", point)
        monkeypatch.setattr(Recorder, "noted", [])
        return Recorder

    def test_no_trial_is_shown_the_hold_out(self, desk, recorder):
        search = searched(experiment("recorder", pruner="median"))
        items, split = divided(search.base.settings)
        names = items["element_set"].values
        parts = {
            part: set(map(tuple, np.sort(numbers(names[getattr(split, part)])).tolist()))
            for part in ("train", "validation", "holdout", "unexplored")
        }
        assert all(parts.values())
        noted = {
            what: {s for w, sets in recorder.noted if w == what for s in sets}
            for what, _ in recorder.noted
        }
        assert noted["fit"] == parts["train"]
        assert noted["watch"] == parts["validation"]
        assert noted["score"] == parts["validation"] | parts["unexplored"]
        assert not parts["holdout"] & set().union(*noted.values())

    def test_the_hold_out_is_scored_once_at_the_end(self, desk, recorder):
        wanted = experiment("recorder")
        searched(wanted)
        before = len(recorder.noted)
        tuned = tuning.tune(wanted, Path("runs"), progress=False)
        scored = [sets for what, sets in recorder.noted[before:] if what == "score"]
        n_items = len(FIELDS)
        assert [len(sets) for sets in scored if len(sets) == n_items] == [n_items] * 2  # two runs
        assert len(tuned.outcome.computed) == 3
        n_before = len(recorder.noted)
        tuning.tune(wanted, Path("runs"), progress=False)
        assert len(recorder.noted) == n_before

    def test_what_was_chosen_has_the_best_validation_score_not_the_best_hold_out_score(self, whole):
        tuned, _ = whole
        values = [trial.values[0] for _, trial in ended(open_study(tuned.plan.study))]
        assert tuned.chosen.values[0] == max(values)

    def test_a_trial_scores_as_the_run_of_its_setting_does(self, whole):
        """Its validation figures are those that the finished cell of the same seed shows."""
        tuned, _ = whole
        cube = tuned.outcome.results.sel(encoder="pca tuned", split="random", seed=0)
        for name in ("auroc", "average_precision"):
            shown = float(cube["validation"].sel(metric=name))
            assert tuned.chosen.user_attrs["values"][name] == pytest.approx(shown, abs=1e-6)


class TestTheFinalBenchmark:
    def test_all_rows_and_seeds_share_one_hold_out(self, whole, desk):
        tuned, _ = whole
        runs = tuned.outcome.plan
        assert {run.encoder for run in runs} == {"pca default", "pca tuned", "element_frequency"}
        assert {run.seed for run in runs} == {0, 1}
        assert {run.settings["split"]["seed"] for run in runs} == {0}
        parts = tuned.outcome.results["part"].values.reshape(-1, len(FIELDS))
        assert len(np.unique(parts, axis=0)) == 1
        _, split = divided(tuned.plan.base.settings)
        assert (parts[0] == split.codes).all()

    def test_the_default_row_is_the_default_and_the_tuned_row_the_choice(self, whole):
        tuned, _ = whole
        of = {run.encoder: run.settings["encoder"]["parameters"] for run in tuned.outcome.plan}
        assert of["pca default"]["latent_dim"] == 16
        assert of["pca tuned"] == of["pca default"] | tuned.chosen.params

    def test_tuned_and_default_differ_in_nothing_but_what_was_searched(self, desk):
        fixed = {"hidden": (8,), "epochs": 3, "batch_size": 16}
        space = {**fixed, "hidden": [8], "latent_dim": {"high": 4}, "dropout": 0.0}
        plan = plan_tuning(experiment("autoencoder", space=space), Path("runs"))
        best = Component(name="autoencoder", label="autoencoder tuned")
        default = plan_runs(hold_out_benchmark(plan, best))[0]
        assert default.encoder == plan.default_title == "autoencoder default"
        settings = default.settings["encoder"]["parameters"]
        assert settings.items() >= fixed.items()
        assert settings == plan.base.settings["encoder"]["parameters"]
        params = {"latent_dim": 2, "learning_rate": 0.5}
        assert plan.run_of(params).settings["encoder"]["parameters"] == settings | params

    def test_the_gain_is_the_paired_difference_of_the_two_rows(self, whole):
        tuned, _ = whole
        cube = tuned.outcome.results
        for name, found in tuned.differences().items():
            rows = cube["value"].sel(metric=name, split="random").mean("seed")
            expected = float(rows.sel(encoder="pca tuned") - rows.sel(encoder="pca default"))
            assert found["difference"] == pytest.approx(expected, abs=1e-9)
            if np.isfinite(found["difference_low"]):  # of few hits there is no interval
                assert found["difference_low"] <= expected <= found["difference_high"]
        assert "| pca tuned |" in tuned.to_markdown()
        assert "auroc: tuned - default = " in tuned.to_markdown()

    def test_the_files_say_what_was_searched_and_found(self, whole):
        tuned, _ = whole
        folder = tuned.plan.folder
        table = pd.read_csv(folder / "trials.csv")
        assert list(table["slot"]) == list(range(6))
        assert set(table["state"]) == {"complete"}
        assert list(table.columns[:3]) == ["slot", "trial", "state"]
        assert {"auroc", "bedroc_20", "latent_dim"} <= set(table.columns)
        assert not table["concurrent"].any() and "- timing: " not in tuned.to_markdown()
        best = Component.model_validate(yaml.safe_load((folder / "best.yaml").read_text()))
        assert best == tuned.best
        figures = {path.stem for path in (folder / "figures").glob("*.png")}
        assert figures >= {
            "history",
            "slice",
            "parallel_coordinates",
            "importances",
            "pareto_front",
        }

    def test_repeated_it_computes_and_changes_nothing(self, whole, tmp_path):
        tuned, folder = whole
        shutil.copytree(folder, tmp_path / "again")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path / "again")
            search = tuned.plan
            wanted = search.experiment
            again = tuning.tune(wanted, Path("runs"), progress=False)
        assert again.outcome.computed == []
        assert again.chosen.params == tuned.chosen.params
        journal = "runs/t/tuning/pca/study.journal"
        assert (tmp_path / "again" / journal).read_bytes() == (folder / journal).read_bytes()

    def test_the_labelled_winner_is_an_encoder_of_the_results(self, whole):
        tuned, _ = whole
        table = leaderboard(tuned.outcome.results)
        assert "pca tuned" in set(table["encoder"])


class TestSamplersAndPruners:
    @pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random", "grid"])
    def test_every_sampler_goes_on_to_the_bit(self, desk, sampler):
        changes = {"sampler": sampler, "trials": 13}
        if sampler == "grid":
            wanted = experiment("pca", **changes, space={"latent_dim": {"high": 16}})
        else:
            wanted = experiment("phase_field_vae", **changes, space={**SMALL_NET, "epochs": 1})
        one = searched(wanted, "one")
        for trials in (1, 5, 13):
            other = searched(wanted, "other", trials=trials)
        assert what_happened(other) == what_happened(one)
        assert len(what_happened(one)) == 13
        defaults = plan_tuning(wanted, Path("one")).study.start
        assert what_happened(one)[0][2] == defaults

    @pytest.mark.parametrize("pruner", ["median", "hyperband"])
    def test_a_pruner_ends_trials_of_a_network_early(self, desk, pruner):
        wanted = experiment("autoencoder", pruner=pruner, trials=9, space=SMALL_NET)
        search = searched(wanted)
        states = [state for _, state, *_ in what_happened(search)]
        assert set(states) == {"COMPLETE", "PRUNED"}
        for _, state, _, _, intermediate in what_happened(search):
            assert list(intermediate) == list(range(1, len(intermediate) + 1))
            assert len(intermediate) == 9 if state == "COMPLETE" else len(intermediate) < 9 + 1

    def test_watching_a_fit_does_not_change_it(self, desk):
        """A trial that is looked at on its way ends with the same weights."""
        plain = searched(experiment("autoencoder", pruner="none", space=SMALL_NET), "plain")
        watched = searched(experiment("autoencoder", pruner="median", space=SMALL_NET), "watched")
        assert [t[2:4] for t in what_happened(plain)] == [t[2:4] for t in what_happened(watched)]

    def test_several_objectives_with_a_pruner_are_refused(self, desk):
        content = tiny(tuning={"objectives": ["auroc", "seconds_fit"], "pruner": "median"})
        message = phasezoo("tune", write_yaml(content), "--no-track").message
        assert "tiny.yaml: tuning: pruner: 'median' needs a single objective" in message

    def test_of_several_objectives_the_choice_stands_on_the_front(self, whole, desk):
        tuned, _ = whole
        study = open_study(tuned.plan.study)
        assert tuned.chosen.number in {trial.number for trial in study.best_trials}
        assert [d.name for d in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
        quick = plan_tuning(experiment(objectives=["auroc", "seconds_fit"]), Path("runs"))
        assert quick.study.maximise == (True, False)
        assert quick.study.pruner == "none"

    def test_numbers_do_not_depend_on_the_number_of_workers_or_the_order_of_encoders(self, desk):
        space = {**SMALL_NET, "epochs": 1}
        wanted = experiment("autoencoder", sampler="random", space=space, trials=6)
        one = searched(wanted, "one")
        encoders = ["element_frequency", "autoencoder"]
        turned = experiment(
            "autoencoder", sampler="random", space=space, trials=6, encoders=encoders
        )
        from framework.search.workers import work_through

        other = plan_tuning(turned, Path("other"))
        study = open_study(other.study)
        work_through(other.study, FitTrial(other), study, Processes(3))
        assert what_happened(other) == what_happened(one)


class TestOtherSettings:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"seed": 5}, "tuning.seed: 0 -> 5"),
            ({"sampler": "random"}, 'tuning.sampler: "tpe" -> "random"'),
            ({"space": {"smoothing": {"high": 2.0}}}, "tuning.space.smoothing.high: 100.0 -> 2.0"),
            ({"objectives": ["bedroc_20"]}, 'tuning.objectives: ["auroc"] -> ["bedroc_20"]'),
            ({"pruner": "hyperband"}, 'tuning.pruner: "median" -> "hyperband"'),
            ({"splits": ["leave_one_cluster_out"]}, "splits[0]"),
        ],
    )
    def test_changed_settings_are_named(self, desk, changes, told):
        searched(experiment())
        with pytest.raises(UserError) as refused:
            searched(experiment(**changes))
        assert told in str(refused.value)

    def test_a_changed_value_of_what_is_not_searched_is_named(self, desk):
        fixed = {**SMALL_NET, "epochs": 3}
        searched(experiment("autoencoder", trials=2, space=fixed))
        with pytest.raises(UserError, match=r"run\.encoder\.parameters\.epochs: 3 -> 2"):
            searched(experiment("autoencoder", trials=2, space={**fixed, "epochs": 2}))
        by_hand = {"name": "autoencoder", "epochs": 2}
        del fixed["epochs"]
        with pytest.raises(UserError, match=r"run\.encoder\.parameters\.epochs: 3 -> 2"):
            searched(
                experiment(
                    "autoencoder", trials=2, space=fixed, encoders=[by_hand, "element_frequency"]
                )
            )

    def test_changed_data_are_named(self, desk):
        content = tiny(
            encoders=["pair_cooccurrence"], tuning={"trials": 2}, validation_fraction=0.3
        )
        assert phasezoo("tune", write_yaml(content), "--no-track", "--timeout", 0).code == 0
        Path("sets.txt").write_text("\n".join([*REPORTED[1:], "Li Sr F"]) + "\n")
        message = phasezoo("tune", write_yaml(content), "--no-track").message
        assert "study 'tiny/pair_cooccurrence'" in message
        assert "run.items: " in message
        assert "give the experiment another 'name'" in message

    def test_more_trials_and_another_encoder_are_no_other_settings(self, desk):
        searched(experiment())
        search = searched(experiment(), trials=5)
        assert len(what_happened(search)) == 5
        other = searched(experiment(), encoder="element_frequency")
        assert other.folder.name == "element_frequency"

    def test_the_space_of_one_encoder_is_not_used_for_another(self, desk):
        wanted = experiment("pca", space={"latent_dim": {"high": 4}})
        search = plan_tuning(wanted, Path("runs"), encoder="element_frequency")
        assert list(search.study.space) == ["smoothing"]


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"encoders": ["input_norm"], "tuning": {}}, "'input_norm' has nothing to tune"),
            ({"tuning": {"encoder": "pcaa"}}, "tuning.encoder: 'pcaa' is not a registered encoder; did you mean 'pca'"),
            ({"tuning": {"encoder": "pca"}}, "tuning.encoder: no encoder here is 'pca'; valid: element_frequency"),
            ({"tuning": {"objectives": ["aurocc"]}}, "tuning.objectives: 'aurocc' is not a valid objective; did you mean 'auroc'"),
            ({"tuning": {"objectives": ["auroc", "auroc"]}}, "'auroc' is listed twice"),
            ({"tuning": {"objectives": []}}, "tuning.objectives"),
            ({"tuning": {"sampler": "tpee"}}, "tuning.sampler"),
            ({"tuning": {"trials": 0}}, "tuning.trials"),
            ({"tuning": {"trails": 3}}, "tuning.trails is not a key of a tuning; did you mean 'trials'"),
            ({"tuning": {"sampler": "grid"}}, "'smoothing' is continuous"),
            ({"validation_fraction": 0.0, "tuning": {}}, "validation_fraction: is 0"),
            ({"validation_fraction": 0.01, "tuning": {}}, "validation_fraction: leaves no field to choose settings on"),
            ({"splits": [{"name": "leave_one_element_out", "elements": ["O", "S"]}], "tuning": {}}, "folds, and the hold-out of one is training data of another"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_searched_is_told_before_anything_is_computed(self, desk, changes, told):
        message = phasezoo("tune", write_yaml(tiny(**changes)), "--no-track").message
        assert message.startswith("tiny.yaml: ")
        assert told in message
        assert not Path("runs").exists()

    def test_nothing_can_be_registered_without_mlflow(self, desk):
        message = phasezoo("tune", write_yaml(tiny()), "--no-track", "--register", "x").message
        assert "--register" in message


class TestFailures:
    def test_failed_trials_are_told_and_the_others_decide(self, desk):
        rates = {"choices": [0.001, 0.1]}
        space = {**SMALL_NET, "optimiser": "sgd", "learning_rate": rates, "batch_size": 8}
        wanted = experiment("autoencoder", space=space, trials=8, sampler="random")
        search = searched(wanted)
        counted = outcome_of(search, open_study(search.study))
        assert counted.failed > 0
        assert counted.finished > 0
        assert counted.failed + counted.finished + counted.pruned == 8
        assert all("no longer finite" in cause for cause in counted.causes)
        assert counted.best.parameters["learning_rate"] == 0.001

    def test_where_every_trial_fails_the_cause_is_told(self, desk):
        space = {**SMALL_NET, "optimiser": "sgd", "learning_rate": 1.0, "batch_size": 8}
        content = tiny(
            encoders=["autoencoder"],
            validation_fraction=0.3,
            tuning={"space": space, "trials": 3},
        )
        message = phasezoo("tune", write_yaml(content), "--no-track").message
        assert "none of 3 trials succeeded; the first: trial 0: the loss of Autoencoder" in message


class TestTheCommand:
    def test_it_stops_in_time_and_goes_on(self, desk):
        path = write_yaml(
            tiny(encoders=["pair_cooccurrence"], validation_fraction=0.3, tuning={"trials": 2})
        )
        said = phasezoo("tune", path, "--no-track", "--timeout", 0)
        assert said.code == 0
        assert "trials   0 of 2" in said.out
        assert "Time limit reached. Run the same command to continue." in said.out
        said = phasezoo("tune", path, "--no-track", "--workers", 2)
        assert said.code == 0, said.err
        assert "trials   2 of 2: 2 finished, 0 pruned, 0 failed" in said.out
        assert "tuned - default [95 % interval]" in said.out
        assert "pair_cooccurrence tuned" in said.out

    @pytest.mark.parametrize(
        "space", [{"latent_dim": {"low": 3, "high": 3}}, {"latent_dim": {"choices": [2]}}]
    )
    def test_a_space_of_one_point_is_searched(self, desk, space):
        tuned = tuning.tune(experiment("pca", space=space, trials=5), Path("runs"), progress=False)
        assert len({json.dumps(t.params) for _, t in ended(open_study(tuned.plan.study))}) == 1
        assert (tuned.plan.folder / "figures" / "history.png").exists()
