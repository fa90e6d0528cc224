"""The figures show what the metrics say, and survive what an encoder can throw at them."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from framework.audit.quantities import Audit
from framework.figures import run
from framework.figures.audit import audit_figure
from framework.figures.canvas import save_all
from framework.figures.ranking import ranking_curve, score_distribution
from framework.figures.run import latent_map, run_figures, training_curves
from framework.metrics.ranking import recall_curve
from tests.framework.figures.drawn import (
    CODES,
    HISTORY,
    RANKED,
    RELEVANCE,
    SIZES,
    assert_labelled,
    band,
    cell_of,
    line,
    points,
    scores_of,
)
from zoo.tasks.plausibility import Plausibility


@pytest.fixture(scope="module")
def cell() -> xr.Dataset:
    return cell_of(scores_of(1.0))


# -- recall ------------------------------------------------------------------------------------


def save_figures(cell: xr.Dataset, folder: Path) -> list[Path]:
    return save_all({**Plausibility().figures(cell), **run_figures(cell)}, folder)


def test_the_ranking_curve_passes_through_recall_at_one_percent(cell: xr.Dataset) -> None:
    drawn = np.interp(0.01, *points(line(ranking_curve(cell), "hold-out")))
    reported = cell["value"].sel(metric="recall_at_1pct").item()
    assert drawn == pytest.approx(reported, abs=1 / SIZES["holdout"])


@pytest.mark.parametrize("decimals", [6, 0, -1])
def test_the_ranking_curve_is_the_recall_curve_of_the_metrics_also_with_ties(
    decimals: int,
) -> None:
    scores = scores_of(1.0).round(decimals)
    x, y = points(line(ranking_curve(cell_of(scores)), "hold-out"))
    np.testing.assert_allclose(y, recall_curve(scores[RANKED], RELEVANCE, x), atol=1e-6)
    assert x[0] == pytest.approx(1 / RANKED.sum())
    assert x[-1] == 1


@pytest.mark.parametrize("quality", [0.0, 1.0, 8.0])
def test_the_band_encloses_the_curve(quality: float) -> None:
    figure = ranking_curve(cell_of(scores_of(quality)))
    x, y = points(line(figure, "hold-out"))
    low, high = band(figure.axes[0], x)
    assert (low <= y + 1e-9).all()
    assert (high >= y - 1e-9).all()


def test_the_band_at_one_percent_is_the_interval_of_the_metric(cell: xr.Dataset) -> None:
    figure = ranking_curve(cell)
    x, _ = points(line(figure, "hold-out"))
    low, high = (np.interp(0.01, x, edge) for edge in band(figure.axes[0], x))
    recall = cell.sel(metric="recall_at_1pct")
    assert low == pytest.approx(recall["low"].item(), abs=0.03)
    assert high == pytest.approx(recall["high"].item(), abs=0.03)


def test_random_order_is_drawn_as_recall_equal_to_the_explored_share(cell: xr.Dataset) -> None:
    x, y = points(line(ranking_curve(cell), "random order"))
    np.testing.assert_array_equal(x, y)


def test_the_title_quotes_the_metrics_with_their_intervals(cell: xr.Dataset) -> None:
    title = ranking_curve(cell).axes[0].get_title(loc="left")
    at = cell.sel(metric="auroc")
    assert "vae, split time, seed 3" in title
    assert f"AUROC {at['value']:.3f} [{at['low']:.3f}, {at['high']:.3f}]" in title
    assert "recall at 1 % " in title


# -- densities and maps ------------------------------------------------------------------------


def test_each_density_integrates_to_one_also_with_an_outlier() -> None:
    scores = scores_of(1.0)
    scores[-1] = -1e7
    axes = score_distribution(cell_of(scores)).axes[0]
    shapes = [shape.get_data() for shape in axes.patches if isinstance(shape, StepPatch)]
    assert len(shapes) == 3
    for density, edges, _ in shapes:
        assert (density * np.diff(edges)).sum() == pytest.approx(1)
        assert np.ptp(edges) < 20


@pytest.mark.parametrize("constant", [0.0, -3.5, 1e9])
def test_a_constant_score_gives_every_figure(constant: float, tmp_path: Path) -> None:
    cell = cell_of(np.full(len(CODES), constant))
    assert len(save_figures(cell, tmp_path)) == 4


def test_the_map_keeps_distances_and_names_the_explained_variance() -> None:
    generator = np.random.default_rng(2)
    latent = generator.normal(size=(len(CODES), 5)) * [0.5, 4.0, 0.0, 3.0, 0.0]
    rotation, _ = np.linalg.qr(generator.normal(size=(5, 5)))
    axes = latent_map(cell_of(scores_of(1.0), latent @ rotation)).axes[0]
    variances = np.sort(latent.var(axis=0))[::-1]
    shares = 100 * variances / variances.sum()
    assert f"{shares[0]:.0f} % of variance" in axes.get_xlabel()
    assert f"{shares[1]:.0f} % of variance" in axes.get_ylabel()
    assert axes.get_aspect() == 1
    drawn = np.hstack([points(of) for of in axes.get_lines()])
    np.testing.assert_allclose(drawn.var(axis=1), variances[:2], rtol=0.05)


def test_the_map_draws_every_train_and_hold_out_item_above_a_sample_of_the_unexplored(
    monkeypatch: pytest.MonkeyPatch, cell: xr.Dataset
) -> None:
    monkeypatch.setattr(run, "_POINTS_OF_MAP", 500)
    lines = latent_map(cell).axes[0].get_lines()
    assert [str(of.get_label()) for of in lines] == [
        "unexplored (500)",
        f"train ({SIZES['train']})",
        f"hold-out ({SIZES['holdout']})",
    ]
    assert [len(points(of)[0]) for of in lines] == [500, 150, 80]


@pytest.mark.parametrize("width", [1, 2, 180])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_latent_vectors_of_any_width_can_be_drawn(
    width: int, spread: float, tmp_path: Path
) -> None:
    latent = spread * np.random.default_rng(3).normal(size=(len(CODES), width))
    latent_map(cell_of(scores_of(1.0), latent)).savefig(tmp_path / "map.png")


# -- training ----------------------------------------------------------------------------------


def test_no_training_curves_without_history() -> None:
    assert training_curves(cell_of(scores_of(1.0), history={})) is None


def test_training_curves_show_the_loss_and_its_terms_over_the_epochs(cell: xr.Dataset) -> None:
    figure = training_curves(cell)
    assert figure is not None
    loss, terms = figure.axes
    assert [of.get_label() for of in loss.get_lines()] == ["train", "validation"]
    assert len(terms.get_lines()) == 4
    epochs, values = points(loss.get_lines()[0])
    np.testing.assert_array_equal(epochs, np.arange(1, 9))
    np.testing.assert_array_equal(values, HISTORY["train_loss"])


def test_the_only_term_of_a_loss_is_not_drawn_twice() -> None:
    history = {"train_loss": [3.0, 2.0], "train_reconstruction": [3.0, 2.0]}
    figure = training_curves(cell_of(scores_of(1.0), history=history))
    assert figure is not None
    assert len(figure.axes) == 1


@pytest.mark.parametrize(
    ("values", "scale"), [([3.0, 2.0], "log"), ([3.0, -2.0], "linear"), ([0.0], "linear")]
)
def test_the_loss_is_on_a_logarithmic_axis_only_where_it_is_positive(
    values: list[float], scale: str, tmp_path: Path
) -> None:
    figure = training_curves(cell_of(scores_of(1.0), history={"train_loss": values}))
    assert figure is not None
    assert figure.axes[0].get_yscale() == scale
    figure.savefig(tmp_path / "curves.png")


# -- the audit ---------------------------------------------------------------------------------


def audit_of(
    *, network: bool = True, posterior: bool = True, width: int = 4, **changed: Any
) -> Any:
    generator = np.random.default_rng(0)
    norm = generator.uniform(5, 20, 3000)
    values = {"norm_correlation": 0.987, "combination_auroc": 0.53, "shuffle_auroc": 0.51}
    evidence = {
        "norm": norm,
        "score": -norm,
        "real": generator.normal(size=300),
        "shuffled": generator.normal(size=1400),
    }
    if network:
        evidence["variance"] = np.geomspace(1e-5, 2, width)
        values |= {"effective_rank": 1.2}
        values |= {"explained_variance": -7.0, "explained_variance_seen": 0.6}
        values |= {"explained_variance_zero": 0.1}
    if network and posterior:
        evidence["kl"] = np.geomspace(1e-4, 5, width)
    reasons = ("the score is the norm of the input", "a long reason " * 20)
    return Audit("collapsed", reasons, values, evidence | changed)


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def test_the_audit_shows_verdict_reasons_and_quantities() -> None:
    shown = words(audit_figure(audit_of(), "vae"))
    assert "vae: collapsed" in shown
    assert "the score is the norm of the input" in shown
    assert "norm: 0.987" in shown
    assert "AUROC 0.53, of the whole score 0.51" in shown
    assert "effective rank 1.2 of 4" in shown
    assert "0.60" in shown and "\N{MINUS SIGN}7.00" in shown


def test_the_audit_draws_every_item_and_the_threshold() -> None:
    figure = audit_figure(audit_of(), "vae")
    x, y = points(figure.axes[0].get_lines()[0])
    np.testing.assert_array_equal(x, -y)
    assert len(x) == 3000
    _, threshold = points(line(figure, "active"))
    assert set(threshold) == {0.01}


@pytest.mark.parametrize(("network", "panels"), [(True, 4), (False, 2)])
def test_an_encoder_without_latent_space_has_two_panels(network: bool, panels: int) -> None:
    assert len(audit_figure(audit_of(network=network), "pca").axes) == panels


def test_an_encoder_without_posterior_has_no_divergence_and_no_threshold() -> None:
    shown = words(audit_figure(audit_of(posterior=False), "autoencoder"))
    assert "KL" not in shown and "active" not in shown


@pytest.mark.parametrize(
    "audit",
    [
        audit_of(),
        audit_of(width=180),
        audit_of(width=1, posterior=False),
        audit_of(network=False),
        audit_of(variance=np.zeros(4), kl=np.zeros(4)),
        audit_of(score=np.full(3000, 1e9), real=np.zeros(300), shuffled=np.zeros(1400)),
    ],
)
def test_all_text_of_the_audit_lies_inside_the_figure_and_apart(audit: Any) -> None:
    name = "an_encoder_with_a_name_that_goes_on_and_on " * 3
    figure = audit_figure(audit, name)
    assert_labelled(figure)
    FigureCanvasAgg(figure).draw()
    outer = figure.bbox
    parts = [axes.get_tightbbox() for axes in figure.axes]
    parts += [text.get_window_extent() for text in figure.texts]
    for part in parts:
        assert part is not None
        assert outer.x0 <= part.x0 and part.x1 <= outer.x1
        assert outer.y0 <= part.y0 and part.y1 <= outer.y1
    for one, other in combinations(parts, 2):
        assert not one.overlaps(other)


def test_rounding_noise_of_a_sum_is_not_drawn_as_a_distribution() -> None:
    noise = 1e-13 * np.random.default_rng(0).normal(size=300)
    axes = audit_figure(audit_of(real=noise, shuffled=noise), "additive").axes[1]
    for shape in axes.patches:
        assert isinstance(shape, StepPatch)
        assert np.count_nonzero(shape.get_data().values) == 1


# -- tables and files --------------------------------------------------------------------------


def test_a_run_without_history_has_one_figure_fewer(tmp_path: Path, cell: xr.Dataset) -> None:
    names = ["ranking_curve.png", "score_distribution.png", "latent_map.png", "training_curves.png"]
    trained = save_figures(cell, tmp_path / "a" / "figures")
    assert [path.name for path in trained] == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in trained)
    closed = save_figures(cell_of(scores_of(1.0), history={}), tmp_path / "b")
    assert [path.name for path in closed] == names[:3]


def test_figures_are_the_same_to_the_byte_when_drawn_again(
    tmp_path: Path, cell: xr.Dataset
) -> None:
    first = save_figures(cell, tmp_path / "a")
    again = save_figures(cell, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_importing_the_figures_brings_neither_torch_nor_a_window() -> None:
    code = "import sys, framework.figures.run; print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_every_axis_has_a_label(cell: xr.Dataset) -> None:
    one_dimensional = cell_of(scores_of(1.0), np.arange(float(len(CODES)))[:, None])
    for draw in (
        ranking_curve,
        score_distribution,
        latent_map,
        training_curves,
    ):
        assert_labelled(draw(cell))
    assert_labelled(latent_map(one_dimensional))
