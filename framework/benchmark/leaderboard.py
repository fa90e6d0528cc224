"""The leaderboard of a benchmark, made from its cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from framework.base.markdown import markdown_table
from framework.contracts.split import PARTS
from framework.metrics.bootstrap import interval, paired_difference
from framework.metrics.names import higher_is_better


def leaderboard(cube: xr.Dataset, metrics: list[str] | None = None) -> pd.DataFrame:
    """One row an encoder and split strategy, best first by the first metric.

    Per metric: mean over folds and seeds, its 95 % bootstrap interval (``_low``, ``_high``), the
    standard deviation over seeds (``_sd``) and the value under random order (``_random``). Then
    the first metric on the validation part (``validation_``), by which settings are chosen, and
    the paired difference to the best baseline in the first metric, with its interval, the
    verdict (``beats``, ``below``, ``not told apart``, ``baseline``, ``best baseline``), and what
    the audit said of the fits (``alive``, ``weak``, ``collapsed``) with its reasons.
    """
    metrics = metrics or cube.attrs["metrics"].split()
    rows = []
    for strategy in dict.fromkeys(str(s).split("/")[0] for s in cube["split"].values):
        of = [str(s).split("/")[0] == strategy for s in cube["split"].values]
        rows += _ranked(cube.isel(split=of), strategy, metrics)
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame, cube: xr.Dataset) -> str:
    """The leaderboard as Markdown, one table a split strategy."""
    metrics = cube.attrs["metrics"].split()
    lines = []
    for strategy, rows in table.groupby("split", sort=False):
        lines += [f"**{strategy}** ({rows['cells'].iloc[0]})", ""]
        header = ["encoder", *metrics, f"{metrics[0]} against best baseline", "verdict", "audit"]
        texts = [
            [row["encoder"], *(cell(row, m) for m in metrics), *against(row), row["audit"]]
            for row in rows.to_dict("records")
        ]
        random = [f"{rows[f'{m}_random'].iloc[0]:.3f}" for m in metrics]
        lines.append(markdown_table(header, [*texts, ["*random order*", *random, "", "", ""]]))
        lines.append("")
    return "\n".join(lines)


def cell(row: Mapping[Any, Any], metric: str) -> str:
    """A value with its interval, and the spread over seeds."""
    text = f"{row[metric]:.3f} [{row[metric + '_low']:.3f}, {row[metric + '_high']:.3f}]"
    spread = row[f"{metric}_sd"]
    return text if np.isnan(spread) else f"{text} ± {spread:.3f}"


def against(row: Mapping[Any, Any]) -> tuple[str, str]:
    """The difference to the best baseline with its interval, and the verdict."""
    if np.isnan(row["difference"]):
        return "", row["verdict"]
    shown = (
        f"{row['difference']:+.3f} [{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
    )
    return shown, row["verdict"]


def _ranked(cube: xr.Dataset, strategy: str, metrics: list[str]) -> list[dict[str, Any]]:
    main = metrics[0]
    complete = ~cube["value"].sel(metric=main).isnull().any(("split", "seed"))
    mean = cube["value"].sel(metric=main).mean(("split", "seed")).where(complete)
    goodness = mean if higher_is_better(main) else -mean
    baselines = goodness.where(cube["baseline"] & complete)
    best = None if baselines.isnull().all() else str(baselines.idxmax("encoder").item())
    rows = []
    for name in mean["encoder"].values[np.argsort(-goodness.values, kind="stable")]:
        own = cube.sel(encoder=name)
        row: dict[str, Any] = {"split": strategy, "encoder": str(name), "cells": _cells(own)}
        for metric in metrics:
            at = own.sel(metric=metric)
            low, high = interval(_replicates(at))
            by_seed = at["value"].mean("split", skipna=False).values
            row |= {
                metric: float(at["value"].mean(skipna=False)),
                f"{metric}_low": float(low),
                f"{metric}_high": float(high),
                f"{metric}_sd": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan,
                f"{metric}_random": float(at["random"].mean()),
            }
        row[f"validation_{main}"] = float(own["validation"].sel(metric=main).mean(skipna=False))
        row |= _compared(cube, str(name), best, main) | _audited(own)
        rows.append(row)
    return rows


def _compared(cube: xr.Dataset, name: str, best: str | None, metric: str) -> dict[str, Any]:
    nothing = {"difference": np.nan, "difference_low": np.nan, "difference_high": np.nan}
    own = cube.sel(encoder=name, metric=metric)
    if own["value"].isnull().any():
        return {**nothing, "verdict": "incomplete"}
    if best is None:
        return {**nothing, "verdict": "no baseline"}
    if name == best:
        return {**nothing, "verdict": "best baseline"}
    found = difference(cube, name, best, metric)
    return {**found, "verdict": "baseline"} if bool(own["baseline"]) else found


def difference(cube: xr.Dataset, name: str, other: str, metric: str) -> dict[str, Any]:
    """The paired difference of two encoders over all splits and seeds of a cube.

    Returns:
        difference, its 95 % interval (``_low``, ``_high``), and the verdict on the first:
        ``beats``, ``below`` or ``not told apart``.
    """
    one, two = (cube.sel(encoder=each, metric=metric) for each in (name, other))
    value, low, high = paired_difference(
        one["value"].mean().values, _replicates(one), two["value"].mean().values, _replicates(two)
    )
    up, down = ("beats", "below") if higher_is_better(metric) else ("below", "beats")
    return {
        "difference": float(value),
        "difference_low": float(low),
        "difference_high": float(high),
        "verdict": up if low > 0 else down if high < 0 else "not told apart",
    }


def _audited(own: xr.Dataset) -> dict[str, str]:
    """The worst verdict over folds and seeds, and on how many of them it fell."""
    verdicts = [str(v) for v in own["audit"].values.ravel() if v]
    worst = next((v for v in ("collapsed", "weak", "alive") if v in verdicts), "")
    if not worst:
        return {"audit": "", "audit_reasons": ""}
    share = "" if set(verdicts) == {worst} else f" {verdicts.count(worst)}/{len(verdicts)}"
    at = own["audit"].values.ravel().tolist().index(worst)
    return {"audit": worst + share, "audit_reasons": str(own["audit_reasons"].values.ravel()[at])}


def _replicates(at: xr.Dataset) -> np.ndarray:
    """Bootstrap replicates (B,) of the mean over folds and seeds."""
    return at["replicates"].mean(("split", "seed"), skipna=False).values.astype(float)


def _cells(own: xr.Dataset) -> str:
    """Folds with the sizes of their hold-outs, and seeds."""
    held = (own["part"] == PARTS.index("holdout")).sum("candidate")
    low, high = int(held.min()), int(held.max())
    size = f"{low}" if low == high else f"{low} to {high}"
    folds, seeds = own.sizes["split"], own.sizes["seed"]
    noun = own.attrs.get("noun", "fields")
    shown = f"{folds} fold{'s' * (folds > 1)} of {size} held-out {noun}"
    return f"{shown}, {seeds} seed{'s' * (seeds > 1)}"
