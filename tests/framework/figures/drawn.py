"""Planted cells, and what stands in a figure: shared by the tests of figures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from framework.contracts.split import PARTS
from framework.metrics.ranking import RANKING, evaluate

SIZES = {"train": 150, "validation": 20, "holdout": 80, "unexplored": 4000}
CODES = np.repeat(np.arange(len(PARTS), dtype=np.int8), list(SIZES.values()))
RANKED = PARTS.index("holdout") <= CODES
RELEVANCE = CODES[RANKED] == PARTS.index("holdout")
HISTORY = {
    f"{part}_{name}": [start / epoch for epoch in range(1, 9)]
    for part in ("train", "validation")
    for name, start in {"loss": 50.0, "reconstruction": 48.0, "kl": 2.0}.items()
}


def scores_of(quality: float, seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=len(CODES))
    reported = PARTS.index("unexplored") > CODES
    scores[reported] += quality
    return scores


def cell_of(
    scores: np.ndarray, latent: np.ndarray | None = None, history: Any = HISTORY
) -> xr.Dataset:
    evaluation = evaluate(scores[RANKED], RELEVANCE, prior=0.05, n_resamples=400)
    if latent is None:
        latent = np.random.default_rng(1).normal(size=(len(CODES), 3)) * [3.0, 2.0, 1.0]
    ends = {"value": evaluation.values, "low": evaluation.low, "high": evaluation.high}
    return xr.Dataset(
        {
            "score": ("candidate", scores.astype(np.float32)),
            "part": ("candidate", CODES),
            "replicates": (("metric", "resample"), evaluation.replicates),
            "random": ("metric", list(evaluation.random.values())),
            "independent": ("metric", list(evaluation.independent.values())),
            **{name: ("metric", list(of.values())) for name, of in ends.items()},
            "latent": (("latent_item", "latent_dim"), latent.astype(np.float32)),
            "latent_candidate": ("latent_item", np.arange(len(CODES))),
        },
        coords={"metric": list(RANKING)},
        attrs={"encoder": "vae", "split": "time", "seed": 3, "history": json.dumps(history)},
    )


def line(figure: Figure, label: str) -> Line2D:
    return next(
        found
        for axes in figure.axes
        for found in axes.get_lines()
        if str(found.get_label()).startswith(label)
    )


def points(drawn: Line2D) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())


def band(axes: Axes, x: np.ndarray, i: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge at x of the i-th shaded band."""
    corners = np.asarray(axes.collections[i].get_paths()[0].vertices)
    at = [corners[np.isclose(corners[:, 0], value, rtol=1e-9), 1] for value in x]
    return np.array([of.min() for of in at]), np.array([of.max() for of in at])


def assert_labelled(figure: Figure | None) -> None:
    """Every axis has a label, and ticks that can be read."""
    assert figure is not None
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert all(float(label.get_fontsize()) >= 10 for label in axes.get_xticklabels())
