"""Searches: fair against random, the same after a kill, told as they are."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import optuna
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

import phasezoo as phasezoo_face
from framework.base.errors import UserError
from framework.config.optimisation import OPTUNAS, Optimisation, read_optimisation
from framework.config.schema import validated
from framework.contracts.objective import PoolObjective
from framework.metrics.intervals import over_seeds, p_over_seeds
from framework.neural.threads import one_thread
from framework.search.optimisation import results
from framework.search.optimisation import table as tables
from framework.search.optimisation.evaluations import Evaluation
from framework.search.optimisation.optimisation import optimise
from framework.search.optimisation.plan import plan_optimisation
from framework.search.study.plan import StudyPlan
from framework.search.study.sampling import BySlot
from framework.search.study.surrogate import Surrogate
from framework.search.study.work import work
from tests.conftest import phasezoo, write_yaml
from tests.framework.search.killed import STARTER, Dies, in_process, sequence

SAMPLERS = ["tpe", "gp", "cmaes", "random", "gaussian_process"]
ELEMENTS = ("Li", "S", "Cl")
COLUMN = "hull (meV/atom)"


class Bowl(PoolObjective):
    """A pool of points on a bowl, low in one corner."""

    def __init__(self, n: int = 30) -> None:
        points = np.random.default_rng(7).uniform(size=(n, 2))
        values = ((points - [0.8, 0.1]) ** 2).sum(1)
        super().__init__(points, values, [f"p{i}" for i in range(n)], ["a", "b"])


def pooled(folder: Path, sampler: str, trials: int, objective: PoolObjective, seed=0) -> StudyPlan:
    """A study of a pool, as an experiment plans it."""
    return StudyPlan(
        name="s",
        storage=str(folder / "study.journal"),
        maximise=(objective.maximise,),
        space=dict(objective.space),
        start={},
        content={"sampler": sampler},
        trials=trials,
        sampler=sampler,
        seed=seed,
        surrogate=None if sampler in OPTUNAS else Surrogate(sampler),
        pool=objective.points,
    )


def in_memory(plan: StudyPlan, objective: PoolObjective) -> list[int]:
    """The candidates that a study goes through, in order."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=BySlot(plan))
    found = []
    with one_thread():
        for _ in range(plan.trials):
            trial = study.ask(plan.space)
            found.append(objective.index(trial.params))
            study.tell(trial, objective.measure(trial.params).values[0])
    return found


def field(**changes: object) -> dict:
    """An experiment on a table of thirty compositions of Li-S-Cl in the working directory."""
    counts = np.random.default_rng(3).integers(1, 9, size=(60, 3))
    _, distinct = np.unique(counts / counts.sum(1, keepdims=True), axis=0, return_index=True)
    rows = [f"composition,{COLUMN}"]
    for n in counts[np.random.default_rng(0).permutation(distinct)[:30]]:
        text = "".join(f"{e}{i}" for e, i in zip(ELEMENTS, n, strict=True))
        rows.append(f"{text},{100 * abs(n[0] / n.sum() - 0.5) + n[2]:.3f}")
    Path("field.csv").write_text("\n".join(rows) + "\n")
    content = {
        "objectives": [{"name": "table", "column": COLUMN, "path": "field.csv"}],
        "samplers": ["tpe", "random"],
        "trials": 12,
        "seeds": [0, 1, 2],
        "target": 10,
    }
    return {k: v for k, v in (content | changes).items() if v is not None}


def read(content: dict, name: str = "e") -> Optimisation:
    return validated(Optimisation, {"name": name, **content}, name)


def searched(content: dict, **options):
    """An experiment without its figures, which take most of the time."""
    with patch("framework.search.optimisation.optimisation.save_figures"):
        return optimise(read(content), Path("runs"), progress=False, **options)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished experiment in a folder of its own; only read."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(folder)
        return optimise(read(field()), Path("runs"), progress=False), folder


class TestPool:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_every_sampler_takes_each_candidate_once_until_none_is_left(self, tmp_path, sampler):
        objective = Bowl(12)
        found = in_memory(pooled(tmp_path, sampler, 12, objective), objective)
        assert sorted(found) == list(range(12))

    def test_random_search_finds_what_drawing_without_replacement_would(self, tmp_path):
        """Hypergeometric: mean tK/N, variance tK(N-K)(N-t) / N^2(N-1), over 300 seeds."""
        objective, n, k, t, seeds = Bowl(12), 12, 4, 5, 300
        hits = set(np.argsort(objective.values)[:k].tolist())
        counts = [
            len(hits & set(in_memory(pooled(tmp_path, "random", t, objective, seed), objective)))
            for seed in range(seeds)
        ]
        mean, variance = t * k / n, t * k * (n - k) * (n - t) / (n**2 * (n - 1))
        assert np.mean(counts) == pytest.approx(mean, abs=4 * np.sqrt(variance / seeds))
        assert np.var(counts) == pytest.approx(variance, rel=0.35)

    def test_all_samplers_of_a_seed_begin_alike_and_search_better_than_random(self, tmp_path):
        objective = Bowl(40)
        found = {s: in_memory(pooled(tmp_path, s, 20, objective), objective) for s in SAMPLERS}
        assert len({tuple(order[:10]) for order in found.values()}) == 1
        assert len({tuple(order) for order in found.values()}) == len(SAMPLERS)
        best = set(np.argsort(objective.values)[:10].tolist())
        counts = {sampler: len(best & set(order)) for sampler, order in found.items()}
        assert counts["gp"] >= 8 > counts["random"] and counts["gaussian_process"] == 10
        assert min(counts["tpe"], counts["cmaes"]) > counts["random"]

    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_killed_it_goes_on_to_the_bit(self, tmp_path, sampler):
        evaluated = Evaluation(Bowl())
        whole = pooled(tmp_path / "whole", sampler, 13, evaluated.objective)
        work(whole, evaluated)
        plan = pooled(tmp_path / "killed", sampler, 13, evaluated.objective)
        for call in (3, 8):  # among the first draws, and where the sampler proposes
            assert in_process(work, plan, Dies(call, evaluated)) == -9
        work(plan, evaluated)
        assert [t[:4] for t in sequence(plan)] == [t[:4] for t in sequence(whole)]
        assert len(sequence(plan)) == 13

    def test_two_candidates_at_one_point_are_an_authors_mistake(self):
        with pytest.raises(ValueError, match="have the same point"):
            PoolObjective([[1.0], [1.0]], [1, 2], ["a", "b"], ["x"])


class TestResults:
    def test_the_cube_is_what_the_evaluations_say(self, done):
        """Recomputed from evaluations.csv and the user's file, row by row."""
        outcome, folder = done
        at = folder / "runs" / "e"
        table = pd.read_csv(folder / "field.csv")
        true = outcome.plan.objectives["table"]
        assert sorted(true.values) == sorted(table[COLUMN])
        n_hits = (table[COLUMN] <= 10).sum()
        rows = pd.read_csv(at / "evaluations.csv")
        cube = xr.load_dataset(at / "results.nc")
        assert len(rows) == 2 * 3 * 12
        for (sampler, seed), own in rows.groupby(["sampler", "seed"]):
            of = cube.sel(objective="table", sampler=sampler, seed=seed)
            assert own["candidate"].is_unique
            assert [
                dict(zip(true.candidates, true.values, strict=True))[c] for c in own["candidate"]
            ] == list(own["value"])
            assert list(of["value"]) == list(own["value"])
            assert list(of["best"]) == list(own["value"].cummin())
            assert np.allclose(of["hits"], (own["value"] <= 10).cumsum() / n_hits)
        assert (cube["n_hits"].item(), cube["candidates"].item()) == (n_hits, 30)

    def test_the_table_is_the_mean_over_seeds_and_the_paired_difference(self, done):
        outcome, _ = done
        best = outcome.results["best"].isel(objective=0, evaluation=-1)
        row = tables.table(outcome.results).set_index("sampler").loc["tpe"]
        pairs = (best.sel(sampler="tpe") - best.sel(sampler="random")).values
        assert row["best"] == pytest.approx(best.sel(sampler="tpe").mean())
        assert row["difference"] == pytest.approx(pairs.mean())
        ends = (row["difference_low"], row["difference_high"])
        assert ends == scipy.stats.t.interval(0.95, 2, pairs.mean(), scipy.stats.sem(pairs))
        first = [
            next(i for i, v in enumerate(seed, 1) if v <= 10)
            for seed in outcome.results["value"].sel(sampler="tpe").values[0]
            if seed.min() <= 10
        ]
        assert row["reached"] == len(first)

    def test_an_interval_is_students_t_over_seeds(self):
        values = np.random.default_rng(0).normal(size=(5, 2))
        mean, low, high = over_seeds(values)
        expected = scipy.stats.t.interval(0.95, 4, values.mean(axis=0), scipy.stats.sem(values))
        assert np.allclose((low, high), expected)
        assert np.allclose(mean, values.mean(axis=0))
        differences = values[:, 0] - values[:, 1]
        assert p_over_seeds(differences) == pytest.approx(scipy.stats.ttest_rel(*values.T).pvalue)

    def test_equal_differences_are_judged_by_their_sign(self):
        assert p_over_seeds([0.0, 0.0, 0.0]) == 1
        assert p_over_seeds([2.0] * 5) == pytest.approx(scipy.stats.binomtest(5, 5).pvalue)

    def test_several_samplers_are_several_comparisons(self, desk):
        """p of .03 alone is significant, but not as the better one of two."""
        random = np.zeros((5, 1))
        better = np.array([1.0, 2.0, 0.4, 1.5, 0.3])[:, None]
        alone, several = (
            self._rows(["tpe", "random"], better, random),
            self._rows(
                ["gp", "tpe", "random"], random - [[0.1], [-0.2], [0], [0.1], [0]], better, random
            ),
        )
        assert alone["verdict"]["tpe"] == "beats random"
        assert several["verdict"]["tpe"] == "no significant difference"
        assert several["p"]["tpe"] == pytest.approx(2 * alone["p"]["tpe"])

    @staticmethod
    def _rows(samplers, *best):
        values = -np.array([best])
        cube = results.cube(
            read(field(samplers=samplers, trials=1, target=None, seeds=list(range(5)))),
            {"flat": Bowl(1)},
            values=values,
            best=values,
            kept=np.ones_like(values),
        )
        return tables.table(cube).set_index("sampler")

    def test_evaluations_until_the_target_by_hand(self):
        best = [[9.0, 4.0, 4.0], [9.0, 9.0, 9.0], [3.0, 3.0, 3.0]]
        assert list(tables.first_hits(best, 4, maximise=False)) == [2, np.inf, 1]
        assert list(tables.first_hits(best, 9, maximise=True)) == [1, 1, np.inf]

    def test_it_says_where_random_is_not_beaten(self, desk):
        """On a function that is flat, nothing can be."""
        values = [[[[3.0, 2.0]] * 3, [[9.0, 7.0], [9.0, 8.0], [9.0, 8.5]], [[3.0, 2.0]] * 3]]
        falling = np.array(values)
        cube = results.cube(
            read(field(samplers=["gp", "tpe", "random"], trials=2, target=None)),
            {"flat": Bowl(3)},
            values=falling,
            best=falling,
            kept=np.ones_like(falling),
        )
        rows = tables.table(cube)
        assert list(rows["verdict"]) == ["no significant difference", "below random", "baseline"]
        text = tables.to_markdown(rows, cube)
        assert "- flat: no significant difference from random search: gp" in text
        assert "- flat: worse than random search: tpe" in text

    def test_one_seed_has_no_interval(self, desk):
        outcome = searched(field(seeds=[0], trials=2, samplers=["random", "tpe"]))
        rows = tables.table(outcome.results)
        assert list(rows["verdict"]) == ["baseline", "one seed"]
        assert rows["best_low"].isna().all()

    def test_figures_are_drawn(self, done):
        _, folder = done
        figures = {path.stem for path in (folder / "runs/e/figures").glob("*.png")}
        assert figures == {"convergence", "hits", "composition_map_table"}

    def test_higher_is_better_where_it_is_wanted(self, desk):
        table = {"name": "table", "column": COLUMN, "path": "field.csv", "direction": "maximise"}
        outcome = searched(field(objectives=[table], target=40, seeds=[0, 1]))
        values = outcome.results["value"]
        assert (outcome.results["best"].isel(evaluation=-1) == values.max("evaluation")).all()
        objective = outcome.plan.objectives["table"]
        assert outcome.results["n_hits"].item() == (objective.values >= 40).sum()


class TestGoingOn:
    def test_repeated_it_makes_and_changes_nothing(self, done):
        _, folder = done
        at = folder / "runs"
        before = {
            p: p.stat().st_mtime_ns
            for p in at.rglob("*")
            if p.is_file() and p.name != "command.lock"
        }
        with pytest.MonkeyPatch.context() as moved:
            moved.chdir(folder)
            assert searched(field()).computed == 0
        assert before == {p: p.stat().st_mtime_ns for p in before}

    def test_more_trials_continue_the_searches_whatever_the_number_of_workers(self, done, desk):
        outcome, _ = done
        assert searched(field(trials=5)).computed == 2 * 3 * 5
        again = searched(field(), workers=2)
        assert again.computed == 2 * 3 * 7
        assert again.results.identical(outcome.results)

    def test_two_commands_at_once_share_the_work_and_one_killed_loses_none(self, done, desk):
        outcome, _ = done
        content = field()
        first, second = (STARTER.Process(target=searched, args=(content,)) for _ in range(2))
        first.start()
        second.start()
        while not (begun := [*Path("runs").rglob("study.journal")]):
            time.sleep(0.01)
        first.kill()
        for process in (first, second):
            process.join(120)
        assert second.exitcode == 0
        assert begun
        again = searched(content)
        assert again.computed == 0
        assert again.results.identical(outcome.results)

    def test_fewer_trials_show_the_first_ones(self, desk):
        more = searched(field(seeds=[0]))
        fewer = searched(field(seeds=[0], trials=4))
        assert fewer.computed == 0
        assert fewer.results["value"].equals(more.results["value"].isel(evaluation=slice(4)))

    def test_a_file_may_move_but_not_change(self, desk):
        searched(field(seeds=[0], trials=2))
        content = field(seeds=[0], trials=3)
        Path("field.csv").rename("moved.csv")
        assert searched(content, data="moved.csv").computed == 2
        text = Path("moved.csv").read_text().splitlines()
        Path("moved.csv").write_text("\n".join([*text[:-1], text[-1] + "1"]) + "\n")
        with pytest.raises(UserError, match="started with other settings") as refused:
            searched(content, data="moved.csv")
        assert "data: " in str(refused.value)

    def test_functions_begin_alike_and_differ_by_seed(self, desk):
        content = {
            "objectives": [{"name": "test_function", "function": "ackley", "dimensions": 3}],
            "samplers": SAMPLERS,
            "trials": 3,
            "seeds": [0, 1],
        }
        values = searched(content).results["value"].isel(objective=0)
        assert len(np.unique(values.isel(evaluation=0).sel(seed=0))) == 1
        assert len(np.unique(values.isel(evaluation=0))) == 2


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"objectives": ["tabel"]}, "objectives[0]: 'tabel' is not a registered objective; did you mean 'table'"),
            ({"objectives": []}, "objectives: "),
            ({"objectives": ["table"]}, "objectives[0]: 'table' reads a file; name it with --data FILE"),
            ({"objectives": [{"name": "table", "path": "field.csv"}]}, "objectives[0]: 'table' needs 'column'"),
            ({"objectives": [{"name": "table", "path": "field.csv", "column": "hul"}]}, "field.csv: no column 'hul'; valid: composition, hull (meV/atom)"),
            ({"objectives": [{"name": "table", "path": "feild.csv", "column": "x"}]}, "feild.csv: no such file"),
            ({"objectives": [{"name": "table", "path": "text.csv", "column": "hull"}]}, "text.csv: none of the 2 rows is usable; line 2: column 'hull' holds 'low', not a number"),
            ({"objectives": [{"name": "table", "path": "one.csv", "column": "hull"}]}, "one.csv: the compositions hold only Li"),
            ({"objectives": [{"name": "table", "path": "two.csv", "column": "hull"}], "samplers": ["cmaes", "random"], "trials": 2}, "'cmaes' needs two or more coordinates"),
            ({"objectives": [{"name": "test_function", "function": "brannin"}]}, "objectives[0].function: 'brannin' is no option; did you mean 'branin'"),
            ({"objectives": [{"name": "test_function", "function": "branin", "dimensions": 10}]}, "dimensions: 'branin' has 2, not 10"),
            ({"objectives": [{"name": "test_function", "function": "ackley", "dimensions": 1}]}, "objectives[0].dimensions: 1 is out of range"),
            ({"objectives": [{"name": "test_function", "function": f} for f in ("ackley", "branin")]}, "objectives: 'test_function' is listed twice; give one of them a 'label'"),
            ({"objectives": [{"name": "test_function", "function": "ackley"}], "target": -1}, "target: nothing reaches -1; the best value is 0, so give one above it"),
            ({"target": 5000}, "target: every one of the 30 candidates reaches 5000; the hull goes from"),
            ({"target": -5}, "target: none of the 30 candidates reaches -5"),
            ({"target": float("nan")}, "target: nan is not a finite number"),
            ({"target": "low"}, "target must be a number, not 'low'"),
            ({"trials": 31}, "trials: 31 are more than the 30 candidates"),
            ({"trials": 0}, "trials: "),
            ({"samplers": ["tpe"]}, "samplers: 'random' is missing"),
            ({"samplers": ["tpe", "tpe", "random"]}, "samplers: 'tpe' is listed twice; give one of them a 'label'"),
            ({"samplers": ["tpee", "random"]}, "samplers[0]: 'tpee' is not a sampler; did you mean 'tpe'"),
            ({"samplers": ["gradient_boosting", "random"]}, "samplers[0]: 'gradient_boosting' states no uncertainty"),
            ({"samplers": [{"name": "ridge", "batch": 0}, "random"]}, "samplers[0].batch: 0 is out of range"),
            ({"samplers": [{"name": "ridge", "fold": 3}, "random"]}, "samplers[0].fold is not a parameter of 'ridge'; did you mean 'folds'"),
            ({"samplers": [{"name": "tpe", "batch": 3}, "random"]}, "samplers[0].batch is not a parameter of 'tpe'"),
            ({"samplers": [{"name": "ridge", "acquisition": "reach_target"}, "random"], "target": None}, "'reach_target' needs a value to reach"),
            ({"samplers": [{"name": "ridge", "label": "random"}]}, "samplers: the label 'random' of 'ridge'"),
            ({"samplers": [{"name": "random", "label": "chance"}]}, "samplers: the label 'chance' of 'random'"),
            ({"top": 0.1}, "hits are those of 'target' or of 'top'"),
            ({"top": 0.9, "target": None}, "top"),
            ({"seeds": [0, 0]}, "seeds: 0 is listed twice"),
            ({"seeds": [-1]}, "seeds[0]"),
            ({"name": "cells"}, "'cells' is taken in the folder of results"),
            ({"sampler": "tpe"}, "sampler is not a key of an experiment; did you mean 'samplers'"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_searched_is_told_before_anything_is_computed(self, desk, changes, told):
        Path("text.csv").write_text("composition,hull\nLiCl,low\nLi2S,high\n")
        Path("one.csv").write_text("composition,hull\nLi,0\nLi2,4\n")
        Path("two.csv").write_text("composition,hull\nLiCl,0\nLi2Cl,4\nLi3Cl,2\n")
        message = phasezoo("optimise", write_yaml(field(**changes)), "--no-track").message
        assert message.startswith("tiny.yaml: ")
        assert told in message
        assert not Path("runs").exists()

    def test_more_trials_than_candidates_on_the_command_line(self, desk):
        message = phasezoo("optimise", write_yaml(field()), "--no-track", "--trials", 99).message
        assert "trials: 99 are more than the 30 candidates" in message

    def test_data_for_what_reads_none(self, desk):
        content = field(objectives=[{"name": "test_function", "function": "branin"}])
        message = phasezoo("optimise", write_yaml(content), "--data", "field.csv").message
        assert "--data field.csv: no objective here reads data" in message

    def test_a_benchmark_is_no_search(self, desk):
        message = phasezoo("optimise", write_yaml({"encoders": ["pca"], "dataset": "x"})).message
        assert "tiny.yaml: encoders is not a key of an experiment; valid: " in message


class TestTheCommand:
    def test_it_tells_tables_and_places_and_never_needs_mlflow(self, desk):
        content = field(seeds=[0, 1], trials=3)
        Path("field.csv").write_text(Path("field.csv").read_text() + "LiXx,3\n")
        program = (
            "import sys; from framework.commands.main import main\n"
            f"sys.argv = ['phasezoo', 'optimise', '{write_yaml(content)}', '--no-track']\n"
            "try: main()\nexcept SystemExit as end: assert not end.code\n"
            "assert 'mlflow' not in sys.modules"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        assert "30 compositions of Cl-Li-S, from 30 rows of field.csv" in said.stdout
        assert "evaluations to 10" in said.stdout
        assert "searched 12 evaluations made, 0 reused" in said.stdout
        assert "1 left out: 'Xx' in 'LiXx' is not an element" in said.stdout
        (side,) = Path("runs/tiny").glob("unusable_rows_*.csv")
        assert "'Xx' in 'LiXx' is not an element" in side.read_text()

    def test_the_experiments_that_come_along_can_be_searched(self, desk):
        experiments = Path(__file__).parents[4] / "experiments"
        functions = read_optimisation(experiments / "optimise_test_functions.yaml")
        planned = plan_optimisation(functions, Path("runs"))
        assert len(planned.searches) == len(functions.objectives) * 4 * len(functions.seeds)
        assert read(json.loads(functions.model_dump_json())).objectives == functions.objectives
        own = read_optimisation(experiments / "optimise_li_sn_s_cl.yaml")
        assert own.target == 25
        assert read_optimisation(experiments / "optimise_materials.yaml").target is None


class TestTracking:
    @pytest.fixture
    def tracked(self, desk, monkeypatch):
        from mlflow.tracking import MlflowClient

        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        content = field(seeds=[0, 1], trials=3)

        def again(trials):
            wanted = read({**content, "trials": trials})
            done = phasezoo_face.optimise(wanted, "runs", progress=False)
            client = MlflowClient(f"sqlite:///{Path('runs').resolve()}/mlflow.db")
            (where,) = [e for e in client.search_experiments() if e.name == "optimisation"]
            return done, client, client.search_runs([where.experiment_id])

        return again

    def test_a_parent_an_experiment_a_child_a_search_and_nothing_twice(self, tracked):
        done, client, runs = tracked(3)
        parent = client.get_run(done.tracked)
        children = [r for r in runs if r.info.run_id != done.tracked]
        assert len(children) == 4 and len(runs) == 5
        assert {r.data.tags["mlflow.parentRunId"] for r in children} == {done.tracked}
        assert {r.info.status for r in runs} == {"FINISHED"}
        names = {f.path for f in client.list_artifacts(done.tracked)}
        assert names == {
            "experiment.yaml",
            "table.csv",
            "table.md",
            "evaluations.csv",
            "results.nc",
            "figures",
        }
        assert len(client.list_artifacts(done.tracked, "figures")) == 3
        assert "| tpe |" in parent.data.tags["mlflow.note.content"]
        assert "table/tpe/hits_difference" in parent.data.metrics
        for child in children:
            tags = child.data.tags
            place = {"objective": "table", "sampler": tags["sampler"], "seed": int(tags["seed"])}
            of = done.results.sel(place)
            for name in ("value", "best", "hits"):
                history = client.get_metric_history(child.info.run_id, name)
                assert [(m.step, m.value) for m in history] == list(enumerate(of[name].values, 1))
            assert child.data.params["objective.column"] == COLUMN
            (data,) = child.inputs.dataset_inputs
            assert data.dataset.name == "field.csv"
        before = sorted(r.info.run_id for r in runs)

        done, client, runs = tracked(3)
        assert sorted(r.info.run_id for r in runs) == before

        done, client, runs = tracked(5)
        assert sorted(r.info.run_id for r in runs) == before
        for child in (r for r in runs if r.info.run_id != done.tracked):
            steps = [m.step for m in client.get_metric_history(child.info.run_id, "best")]
            assert sorted(steps) == [1, 2, 3, 4, 5]
            assert child.data.tags["evaluations"] == "5"

        open_, ids = runs[0].info.run_id, {r.info.run_id for r in runs}
        if open_ == done.tracked:
            open_ = runs[1].info.run_id
        client.update_run(open_, status="RUNNING")  # as a killed command leaves it
        done, client, runs = tracked(5)
        assert Counter(r.info.status for r in runs) == {"FINISHED": 5}
        assert len(ids - {r.info.run_id for r in runs}) == 1
