"""The leaderboard of a benchmark, made from its cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from framework.base.markdown import markdown_table
from framework.contracts.split import PARTS
from framework.metrics.intervals import Interval, holm, p_value, resampled
from framework.registry.metrics import higher_is_better, metric_of

LEVEL = 0.05
FOOTNOTE = (
    "95 % intervals by bootstrap of what the split holds out (fields or whole element sets), ± the "
    "spread over seeds. Verdicts: paired differences on the same resamples, at the 5 % level after "
    "Holm's correction for the number of contestants; no verdict where hits are too few."
)


def leaderboard(cube: xr.Dataset, metrics: list[str] | None = None) -> pd.DataFrame:
    """One row an encoder and split strategy, best first by the first metric.

    Per metric: mean over folds and seeds, its 95 % bootstrap interval (``_low``, ``_high``), the
    standard deviation over seeds (``_sd``) and the value under random order (``_random``). Then
    the first metric on the validation part (``validation_``), by which settings are chosen, and
    the paired difference to the best baseline in the first metric with its interval, its p value
    corrected for the number of contestants (Holm), the verdict (``beats``, ``below``, ``no
    significant difference``, ``no verdict`` where there is no interval, ``baseline``, ``best
    baseline``), and what the audit said of the fits (``alive``, ``weak``, ``collapsed``) with its
    reasons. An interval is NaN where too few hits or element sets carry the metric.
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
    return "\n".join([*lines, f"{FOOTNOTE}\n"])


def cell(row: Mapping[Any, Any], metric: str) -> str:
    """A value with its interval, and the spread over seeds."""
    text = with_interval(*(row[metric + end] for end in ("", "_low", "_high")))
    spread = row[f"{metric}_sd"]
    return text if np.isnan(spread) else f"{text} ± {spread:.3f}"


def with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    """A value with its interval, if it has one, or that there is none."""
    if np.isnan(value):
        return "no value"
    ends = "no interval" if np.isnan(low) else f"[{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{value:{sign}.3f} {ends}"


def against(row: Mapping[Any, Any]) -> tuple[str, str]:
    """The difference to the best baseline with its interval, and the verdict."""
    if np.isnan(row["difference"]):
        return "", row["verdict"]
    value, low, high = (row["difference" + end] for end in ("", "_low", "_high"))
    return with_interval(value, low, high, "+"), row["verdict"]


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
            low, high = _interval(at, metric)
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
    _correct(rows, main)
    return rows


def _interval(at: xr.Dataset, metric: str) -> Interval:
    """Of the mean over folds and seeds; where that cannot be resampled, the mean of their ends:
    wide enough even if all of them erred together."""
    of, n = metric_of(metric), float(at["independent"].sum())
    value = float(at["value"].mean(skipna=False))
    found = resampled(value, _replicates(at), n, of.scale) if n >= of.fewest else None
    return found or Interval(*(float(at[end].mean(skipna=False)) for end in ("low", "high")))


def _correct(rows: list[dict[str, Any]], metric: str) -> None:
    """Correct the p values of all contestants for their number, and their verdicts by them."""
    compared = [row for row in rows if row["verdict"] in (*BETTER, NO_DIFFERENCE)]
    for row, p in zip(compared, holm([row["difference_p"] for row in compared]), strict=True):
        row |= {"difference_p": p, "verdict": _verdict(row | {"difference_p": p}, metric)}


BETTER = ("beats", "below")
NO_DIFFERENCE = "no significant difference"
NO_VERDICT = "no verdict"
_NOTHING = dict.fromkeys(
    ("difference", "difference_low", "difference_high", "difference_p"), float("nan")
)


def _compared(cube: xr.Dataset, name: str, best: str | None, metric: str) -> dict[str, Any]:
    own = cube.sel(encoder=name, metric=metric)
    if own["value"].isnull().any():
        return {**_NOTHING, "verdict": "incomplete"}
    if best is None:
        return {**_NOTHING, "verdict": "no baseline"}
    if name == best:
        return {**_NOTHING, "verdict": "best baseline"}
    found = difference(cube, name, best, metric)
    return {**found, "verdict": "baseline"} if bool(own["baseline"]) else found


def difference(cube: xr.Dataset, name: str, other: str, metric: str) -> dict[str, Any]:
    """The paired difference of two encoders over all splits and seeds of a cube.

    Returns:
        difference, its 95 % interval (``_low``, ``_high``) and p value (``_p``), and the verdict
        on the first: ``beats``, ``below``, ``no significant difference``, or ``no verdict`` where
        hits or element sets are too few for an interval.
    """
    one, two = (cube.sel(encoder=each, metric=metric) for each in (name, other))
    value = float(one["value"].mean()) - float(two["value"].mean())
    replicates, n = _replicates(one) - _replicates(two), float(one["independent"].sum())
    if np.isnan(replicates).any():
        return {**_NOTHING, "difference": value, "verdict": NO_VERDICT}
    low, high = resampled(value, replicates, n) or Interval(value, value)
    found = {
        "difference": value,
        "difference_low": low,
        "difference_high": high,
        "difference_p": p_value(value, replicates, n),
    }
    return {**found, "verdict": _verdict(found, metric)}


def _verdict(found: Mapping[str, Any], metric: str) -> str:
    """On a difference whose interval leaves out 0 and whose p value is small."""
    low, high = found["difference_low"], found["difference_high"]
    if low <= 0 <= high or found["difference_p"] > LEVEL:
        return NO_DIFFERENCE
    return BETTER[0] if (low > 0) == higher_is_better(metric) else BETTER[1]


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
