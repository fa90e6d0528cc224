"""The contract of a tracker suffices: a small one of our own learns all that happens, without
MLflow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from framework.benchmark.benchmark import benchmark
from framework.benchmark.leaderboard import leaderboard
from framework.config.experiment import experiment_from
from framework.config.optimisation import read_optimisation
from framework.contracts.tracker import (
    NOT_TRACKED,
    Piece,
    Record,
    State,
    Summary,
    Tracked,
    Tracker,
    Work,
)
from framework.runs.cell import read_cell
from framework.search.optimisation.optimisation import optimise
from framework.search.tuning.tuning import tune
from tests.conftest import tiny, write_yaml

pytestmark = pytest.mark.usefixtures("blank_figures")

DIVERGING = {"name": "autoencoder", "optimiser": "sgd", "learning_rate": 0.1, "epochs": 3}


@dataclass
class Remembered(Tracked):
    """All that was told of one work."""

    work: Work
    above: Work | None
    key: str
    pieces: dict[str, tuple[Piece, Record]] = field(default_factory=dict)
    summary: Summary | None = None
    ended_by: type[BaseException] | None = None
    all_of_it: list[Remembered] = field(default_factory=list)

    def __exit__(self, kind, *_):
        self.ended_by = kind

    def ended(self, piece):
        self.pieces[piece.key] = piece, piece.record()

    def over(self, summary):
        self.summary = summary

    def below(self):
        return Memory(self.all_of_it, self.work)


@dataclass
class Memory(Tracker):
    """A tracker that keeps everything in a list."""

    works: list[Remembered] = field(default_factory=list)
    above: Work | None = None

    def begin(self, work):
        key = f"{work.kind} {len(self.works)}"
        self.works.append(Remembered(work, self.above, key, all_of_it=self.works))
        return self.works[-1]


@pytest.fixture
def memory() -> Memory:
    return Memory()


def experiment(**changes):
    return experiment_from(tiny(name="t", **changes), "t")


def test_a_benchmark_tells_of_every_run_and_of_its_leaderboard(desk, memory):
    wanted = experiment(encoders=["element_frequency", DIVERGING], seeds=[0, 1])
    outcome = benchmark(wanted, Path("runs"), tracker=memory, progress=False)
    (told,) = memory.works
    assert outcome.tracked == told.key
    assert told.work.kind == "benchmark" and told.work.group == "plausibility"
    assert set(told.pieces) == {run.digest for run in outcome.plan}
    for run in outcome.plan:
        piece, record = told.pieces[run.digest]
        assert piece.kind == "cell"
        assert record.settings["encoder"] == run.settings["encoder"]
        assert record.data.name == "element_set_list"
        if run.encoder == "autoencoder":
            assert piece.state == State.FAILED and "no longer finite" in piece.cause
            continue
        cell = read_cell(run.folder(Path("runs")))
        assert record.metrics["holdout/auroc"] == float(cell["value"].sel(metric="auroc"))
        names = {path.name for path in record.files}
        assert names >= {"run.json", "figures", "cell.nc", "ranking.csv"}
        assert record.ended - record.started == pytest.approx(
            cell.attrs["seconds_fit"] + cell.attrs["seconds_score"], abs=1e-3
        )
    assert told.summary.state == State.FAILED
    assert "| encoder |" in told.summary.text
    assert told.summary.tags["winner"] == leaderboard(outcome.results)["encoder"][0]
    assert (told.summary.winner.folder / "run.json").exists()


def test_curves_are_told_epoch_by_epoch(desk, memory):
    encoder = {"name": "autoencoder", "epochs": 3, "hidden": [4], "latent_dim": 2}
    benchmark(experiment(encoders=[encoder]), Path("runs"), tracker=memory, progress=False)
    ((_, record),) = memory.works[0].pieces.values()
    loss = record.curves["train/loss"]
    assert [point.step for point in loss] == [1, 2, 3]
    assert np.isfinite([point.value for point in loss]).all()
    assert [point.step for point in record.curves["latent/variance"]] == [0, 1]


def test_a_repeated_benchmark_tells_the_same_again(desk, memory):
    """Whether it has them already is for the tracker to know."""
    for _ in range(2):
        benchmark(experiment(), Path("runs"), tracker=memory, progress=False)
    one, two = memory.works
    assert one.work == two.work
    assert set(one.pieces) == set(two.pieces)
    assert one.summary == two.summary


def test_a_run_is_told_as_soon_as_it_has_ended(desk):
    present: list[int] = []

    class Watching(Remembered):
        def ended(self, piece):
            super().ended(piece)
            present.append(len(list(Path("runs/cells").glob("[!.]*"))))

    class Watch(Memory):
        def begin(self, work):
            return Watching(work, None, "1")

    wanted = experiment(encoders=["element_frequency", "pca", "input_norm"])
    benchmark(wanted, Path("runs"), tracker=Watch(), progress=False)
    assert present == [1, 2, 3]


def test_a_study_tells_of_its_trials_and_its_benchmark_is_below_it(desk, memory):
    wanted = experiment(encoders=["pca"], validation_fraction=0.3, tuning={"trials": 3})
    tuned = tune(wanted, Path("runs"), tracker=memory, progress=False)
    study, final = memory.works
    assert (study.work.kind, final.work.kind) == ("study", "benchmark")
    assert study.above is None and final.above == study.work
    assert tuned.tracked == study.key and tuned.outcome.tracked == final.key
    assert set(study.pieces) == {"0", "1", "2"}
    for number, (piece, record) in study.pieces.items():
        assert piece.kind == "trial" and piece.state == State.FINISHED
        assert record.documents["trial.json"]["settings"] == record.settings
        if number == study.summary.tags["best_trial"]:
            best = {f"best/{name}": v for name, v in record.metrics.items() if "val" in name}
            assert best.items() <= study.summary.metrics.items()
    assert study.summary.state == State.FINISHED
    assert "tuned - default" in study.summary.text
    assert study.summary.winner.key in final.pieces


def test_a_study_that_waits_to_go_on_is_stopped(desk, memory):
    wanted = experiment(encoders=["pca"], validation_fraction=0.3, tuning={"trials": 3})
    tune(wanted, Path("runs"), timeout=0, tracker=memory, progress=False)
    assert memory.works[0].summary.state == State.STOPPED
    assert memory.works[0].summary.winner is None


@pytest.mark.parametrize("workers", [1, 2])
def test_searches_are_told_with_their_curves(desk, memory, workers):
    rows = [f"Li{n}S,{(n - 3) ** 2}" for n in range(1, 13)]
    Path("field.csv").write_text("\n".join(["composition,hull", *rows]) + "\n")
    table = {"name": "table", "path": "field.csv", "column": "hull"}
    content = {
        "name": "o", "objectives": [table], "samplers": ["random", "tpe"],
        "seeds": [0], "trials": 4,
    }  # fmt: skip
    wanted = read_optimisation(write_yaml(content))
    done = optimise(wanted, Path("runs"), workers=workers, tracker=memory, progress=False)
    (told,) = memory.works
    assert len(told.pieces) == 2
    for piece, record in told.pieces.values():
        place = {"objective": "table", "sampler": piece.tags["sampler"], "seed": 0}
        best = done.results["best"].sel(place).values
        assert [(p.step, p.value) for p in record.curves["best"]] == list(enumerate(best, 1))
        assert piece.steps == 4
    assert "table/tpe/best" in told.summary.metrics


def test_an_exception_ends_the_work(desk, memory, monkeypatch):
    def interrupted(*_: object) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Remembered, "ended", interrupted)
    with pytest.raises(KeyboardInterrupt):
        benchmark(experiment(), Path("runs"), tracker=memory, progress=False)
    assert memory.works[0].ended_by is KeyboardInterrupt


def test_a_tracker_that_keeps_nothing_reads_nothing(desk):
    def never():
        raise AssertionError

    with NOT_TRACKED.begin(Work("k", "n", "g", {}, {}, {}, {}, "")) as tracked:
        tracked.ended(Piece("cell", "1", "1", {}, record=never))
        tracked.over(Summary(State.FINISHED))
        tracked.below().require()
    assert tracked.key is None


def test_the_engine_needs_no_mlflow():
    code = (
        "import sys, framework.benchmark.benchmark, framework.search.tuning.tuning, "
        "framework.search.optimisation.optimisation; assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
