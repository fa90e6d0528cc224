"""The MLflow UI, as `phasezoo ui` opens it, seen by a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from framework.commands.benchmark import benchmark
from framework.commands.tune import tune
from framework.config.experiment import experiment_from
from tests.browser import (
    AVAILABLE,
    ask,
    chromium,
    draws_a_figure,
    expand,
    runs_table,
    served,
    shows,
    shows_not,
    visit,
)
from tests.conftest import REPORTED, tiny

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not AVAILABLE, reason="no chromium with chromedriver (Debian: chromium, chromium-driver)"
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a UI over a small tracked benchmark and a study."""
    folder = tmp_path_factory.mktemp("browser")
    sets = folder / "sets.txt"
    sets.write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
    data = {"name": "file", "path": str(sets)}
    seen = tiny(
        name="seen_in_a_browser", dataset=data, encoders=["element_frequency", "input_norm"]
    )
    benchmark(experiment_from(seen, where="test"), folder / "runs", progress=False)
    searched = tiny(
        name="searched",
        dataset=data,
        encoders=["pca"],
        validation_fraction=0.3,
        tuning={"trials": 5},
    )
    tune(experiment_from(searched, where="test"), folder / "runs", progress=False)
    with served(folder / "runs") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def number(site: str) -> str:
    """The id of the MLflow experiment."""
    experiments = ask(site, "experiments/search", {"max_results": 10})["experiments"]
    return str(next(e["experiment_id"] for e in experiments if e["name"] == "plausibility"))


def found(site: str, number: str, search: str) -> list[str]:
    """Ids of the runs that a filter finds."""
    runs = ask(site, "runs/search", {"experiment_ids": [number], "filter": search})["runs"]
    return [run["info"]["run_id"] for run in runs]


def test_the_runs_table_shows_benchmark_and_study_with_their_children(
    site: str, browser: Any, number: str
) -> None:
    visit(browser, runs_table(site, number))
    shows(browser, "seen_in_a_browser", "searched")
    visit(browser, runs_table(site, number, "tags.kind = 'trial'"))
    shows(browser, "searched")
    expand(browser)
    shows(browser, "pca trial 0", "pca trial 4")


def test_a_filter_by_tag_leaves_what_carries_it(site: str, browser: Any, number: str) -> None:
    visit(browser, runs_table(site, number, "tags.kind = 'cell' and tags.encoder = 'input_norm'"))
    expand(browser)
    shows(browser, "input_norm random 0")
    shows_not(browser, "element_frequency random 0", "pca trial 0")


def test_two_runs_stand_side_by_side(site: str, browser: Any, number: str) -> None:
    both = found(site, number, "tags.kind = 'cell' and tags.study = 'seen_in_a_browser'")
    assert len(both) == 2
    pair = f"runs={quote(json.dumps(both))}&experiments={quote(json.dumps([number]))}"
    visit(browser, f"{site}/#/compare-runs?{pair}")
    shows(browser, "element_frequency random 0", "input_norm random 0", "holdout/auroc")


def test_a_run_shows_its_metrics_tags_parent_and_data_set(
    site: str, browser: Any, number: str
) -> None:
    (run,) = found(site, number, "tags.encoder = 'element_frequency' and tags.kind = 'cell'")
    visit(browser, f"{site}/#/experiments/{number}/runs/{run}")
    shows(browser, "holdout/auroc", "holdout/auroc_low", "seen_in_a_browser", "config_digest")
    shows(browser, "git_commit", "split", "audit")


def test_a_run_shows_its_figures(site: str, browser: Any, number: str) -> None:
    (run,) = found(site, number, "tags.encoder = 'element_frequency' and tags.kind = 'cell'")
    artifacts = f"{site}/#/experiments/{number}/runs/{run}/artifacts"
    visit(browser, f"{artifacts}/figures/ranking_curve.png")
    shows(browser, "ranking_curve.png", "audit.png", "run.json")
    draws_a_figure(browser)


def test_a_study_shows_its_figures_and_its_table(site: str, browser: Any, number: str) -> None:
    (study,) = found(site, number, "tags.kind = 'study'")
    visit(browser, f"{site}/#/experiments/{number}/runs/{study}/artifacts/figures/history.png")
    shows(browser, "history.png", "slice.png", "parallel_coordinates.png", "importances.png")
    draws_a_figure(browser)
    visit(browser, f"{site}/#/experiments/{number}/runs/{study}")
    shows(browser, "tuned - default", "best/validation/auroc", "best_trial")


def test_a_trial_shows_what_was_tried(site: str, browser: Any, number: str) -> None:
    trials = found(site, number, "tags.kind = 'trial'")
    assert len(trials) == 5
    visit(browser, f"{site}/#/experiments/{number}/runs/{trials[0]}")
    shows(browser, "validation/auroc", "encoder.latent_dim", "worker", "slot")
