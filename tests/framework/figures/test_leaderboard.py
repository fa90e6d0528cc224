"""The figures of a benchmark show what the leaderboard says, also of what is not complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from framework.benchmark.figures import by_strategy, save_benchmark_figures
from framework.figures.leaderboard import leaderboard_figure
from framework.figures.ranking import recall_curves
from framework.metrics.ranking import recall_curve
from tests.framework.figures.drawn import (
    RANKED,
    RELEVANCE,
    assert_labelled,
    band,
    cell_of,
    line,
    points,
    scores_of,
)
from zoo.tasks.plausibility import Plausibility


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    """A worse contestant before a better one and two baselines; two folds and two seeds."""
    qualities = {"weak": 0.5, "strong": 2.0, "frequency": 1.2, "chance": 0.0}
    names, splits, seeds = list(qualities), ["element/O", "element/S", "time"], [0, 1]
    cells = [
        [[cell_of(scores_of(quality, 10 * i + seed)) for seed in seeds] for i in range(len(splits))]
        for quality in qualities.values()
    ]
    kept = ["score", "part", "value", "low", "high", "random", "independent", "replicates"]
    rows = [xr.concat([xr.concat(of, "seed") for of in row], "split") for row in cells]
    whole = xr.concat(rows, "encoder", data_vars="all")[kept]
    whole["part"] = whole["part"].isel(encoder=0)
    whole["validation"] = whole["value"] - 0.01
    grid = ("encoder", "split", "seed")
    for name, told in {"audit": "alive", "audit_reasons": ""}.items():
        whole[name] = (grid, np.full([whole.sizes[dim] for dim in grid], told))
    whole.attrs = {"metrics": "auroc recall_at_1pct"}
    baseline = ("encoder", [False, False, True, True])
    return whole.assign_coords(encoder=names, split=splits, seed=seeds, baseline=baseline)


def of_strategy(cube: xr.Dataset, wanted: str) -> tuple[xr.Dataset, pd.DataFrame]:
    return next((part, table) for name, part, table in by_strategy(cube) if name == wanted)


def test_the_legend_of_the_recall_curves_follows_the_leaderboard(cube: xr.Dataset) -> None:
    legend = recall_curves(*of_strategy(cube, "element")).axes[0].get_legend()
    assert legend is not None
    names = [text.get_text().split()[0] for text in legend.get_texts()]
    assert names == ["strong", "frequency", "weak", "chance", "random"]


def test_baselines_are_dashed_and_contestants_solid(cube: xr.Dataset) -> None:
    figure = recall_curves(*of_strategy(cube, "time"))
    dashed = {name: line(figure, name).is_dashed() for name in cube["encoder"].values}
    assert dashed == {"weak": False, "strong": False, "frequency": True, "chance": True}


def test_a_benchmark_curve_is_the_mean_over_folds_and_seeds(cube: xr.Dataset) -> None:
    x, y = points(line(recall_curves(*of_strategy(cube, "element")), "weak"))
    cells = cube["score"].sel(encoder="weak", split=["element/O", "element/S"])
    ranked = cells.values.reshape(4, -1)[:, RANKED]
    expected = np.mean([recall_curve(scores, RELEVANCE, x) for scores in ranked], axis=0)
    np.testing.assert_allclose(y, expected, atol=1e-9)


def test_more_runs_of_one_hold_out_do_not_narrow_its_band(cube: xr.Dataset) -> None:
    """Seeds share their positives: the doubt about these stays, as in the leaderboard."""
    same = cube.sel(split=["time"]).copy(deep=True)
    same["score"][:, :, 1] = same["score"][:, :, 0]
    widths = []
    for of in (same, same.isel(seed=[0])):
        figure = recall_curves(*of_strategy(of, "time"))
        low, high = band(figure.axes[0], points(line(figure, "strong"))[0])
        widths.append((high - low).mean())
    assert widths[0] == pytest.approx(widths[1], rel=0.05)


def test_the_forest_plot_shows_mean_interval_and_one_dot_a_seed(cube: xr.Dataset) -> None:
    figure = leaderboard_figure(*of_strategy(cube, "element"))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "strong",
        "frequency",
        "weak",
        "chance",
    ]
    seeds, interval, mean = (points(of)[0] for of in axes.get_lines()[:3])
    auroc = cube["value"].sel(encoder="strong", metric="auroc", split=["element/O", "element/S"])
    np.testing.assert_allclose(mean, auroc.mean())
    np.testing.assert_allclose(seeds, auroc.mean("split"))
    assert interval[0] < auroc.mean() < interval[1]
    assert "1 of 2 contestants beat the best baseline" in figure.get_suptitle()


def test_an_encoder_that_is_not_complete_is_named_and_not_ranked(cube: xr.Dataset) -> None:
    missing = cube.copy(deep=True)
    at = {"encoder": "strong", "split": "time", "seed": 1}
    for name in ("score", "value", "replicates"):
        missing[name].loc[at] = np.nan
    recall, forest = (
        recall_curves(*of_strategy(missing, "time")),
        leaderboard_figure(*of_strategy(missing, "time")),
    )
    assert line(recall, "strong").get_label() == "strong (incomplete)"
    assert "incomplete" in [text.get_text() for text in forest.axes[0].texts]


def test_a_strategy_of_which_nothing_finished_still_gives_figures(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    missing = cube.sel(split=["time"]).copy(deep=True)
    for name in ("score", "value", "low", "high", "random", "replicates"):
        missing[name][:] = np.nan
    missing["part"][:] = -1
    assert len(save_benchmark_figures(missing, Plausibility(), tmp_path)) == 2


def test_one_seed_and_no_baseline_give_figures(cube: xr.Dataset, tmp_path: Path) -> None:
    alone = cube.sel(encoder=["weak"], seed=[0], split=["time"])
    assert len(save_benchmark_figures(alone, Plausibility(), tmp_path)) == 2


def test_a_benchmark_has_two_figures_for_every_strategy(cube: xr.Dataset, tmp_path: Path) -> None:
    paths = save_benchmark_figures(cube, Plausibility(), tmp_path / "figures")
    assert sorted(path.name for path in paths) == [
        "leaderboard_element.png",
        "leaderboard_time.png",
        "recall_curves_element.png",
        "recall_curves_time.png",
    ]
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("draw", [recall_curves, leaderboard_figure])
def test_every_axis_has_a_label(draw: Callable[..., Figure], cube: xr.Dataset) -> None:
    assert_labelled(draw(*of_strategy(cube, "element")))
