"""The table of searches: each sampler against random search, and the same in words.

Intervals are 95 % percentile bootstrap intervals over seeds. A resample draws the same seeds for
every sampler, so a difference is that of searches which began alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from framework.base.markdown import markdown_table
from framework.config.optimisation import BASELINE
from framework.metrics.bootstrap import over_seeds

FloatArray = NDArray[np.float64]

SAME = "no significant difference"
"""The verdict where the interval of the difference to random search has both signs."""


def table(results: xr.Dataset) -> pd.DataFrame:
    """One row an objective and sampler, in the order of the experiment.

    ``best``: mean over seeds of the best value after all evaluations, with its interval
    (``_low``, ``_high``), NaN where a seed found nothing that keeps the constraints; ``kept``: the
    share of evaluations that kept them; ``difference``: its paired difference to random search.
    For a pool with a target ``hits`` (share found), ``hits_difference``, and with any target
    ``until_target`` (median number of evaluations, infinite where fewer than half of the seeds
    reached it) and ``reached`` (seeds). ``verdict`` goes by the share of hits where there is one,
    else by the best value: ``beats random``, ``below random``, ``no significant difference``,
    ``one seed``, ``incomplete``, ``nothing found`` or ``baseline``.
    """
    return pd.DataFrame(
        [
            _row(results.sel(objective=title), str(sampler))
            for title in results["objective"].values
            for sampler in results["sampler"].values
        ]
    )


def _row(results: xr.Dataset, sampler: str) -> dict[str, Any]:
    last = results.isel(evaluation=-1)
    ours, random = last.sel(sampler=sampler), last.sel(sampler=BASELINE)
    maximise, target = bool(results["maximise"]), float(results.attrs["target"])
    row: dict[str, Any] = {
        "objective": str(results["objective"].item()),
        "sampler": sampler,
        "evaluations": results.sizes["evaluation"],
        "seeds": results.sizes["seed"],
        **_estimated("best", ours["best"].values),
        **_estimated("difference", (ours["best"] - random["best"]).values),
    }
    judged, up = "difference", maximise
    if bool(results["constrained"]):
        row |= _estimated("kept", results["kept"].sel(sampler=sampler).mean("evaluation").values)
    if int(results["n_hits"]):
        row |= _estimated("hits", ours["hits"].values)
        row |= _estimated("hits_difference", (ours["hits"] - random["hits"]).values)
        judged, up = "hits_difference", True
    if not np.isnan(target):
        first = first_hits(results["best"].sel(sampler=sampler).values, target, maximise)
        row |= {"until_target": float(np.median(first)), "reached": int(np.isfinite(first).sum())}
    verdict = "baseline" if sampler == BASELINE else _verdict(row, judged, up)
    return {**row, "verdict": verdict}


def _verdict(row: Mapping[str, Any], judged: str, up: bool) -> str:
    """By the interval of a difference to random search, of which more is better where ``up``."""
    low, high = row[f"{judged}_low"], row[f"{judged}_high"]
    if np.isnan(row[judged]):
        return "nothing found"
    if np.isnan(low):
        return "one seed" if row["seeds"] == 1 else "incomplete"
    if low > 0 or high < 0:
        return "beats random" if (low > 0) == up else "below random"
    return SAME


def _estimated(name: str, values: FloatArray) -> dict[str, float]:
    mean, low, high = over_seeds(values)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def columns(results: xr.Dataset, title: str) -> list[str]:
    """The headings of `cells`."""
    quantity = str(results["quantity"].sel(objective=title).item())
    names = ["sampler", f"best {quantity}", "best - random"]
    if bool(results["constrained"].sel(objective=title)):
        names.append("constraints kept")
    if int(results["n_hits"].sel(objective=title)):
        names += ["hits found", "hits - random"]
    if not np.isnan(results.attrs["target"]):
        names.append(f"evaluations to {results.attrs['target']:g}")
    return [*names, "verdict"]


def cells(row: Mapping[Any, Any]) -> list[str]:
    """One row of the table as one reads it."""
    baseline = row["sampler"] == BASELINE
    texts = [row["sampler"], _with_interval(row, "best", ".4g")]
    texts.append("" if baseline else _with_interval(row, "difference", "+.3g"))
    if not np.isnan(row.get("kept", np.nan)):
        texts.append(_with_interval(row, "kept", ".0%"))
    if not np.isnan(row.get("hits", np.nan)):
        texts.append(_with_interval(row, "hits", ".2f"))
        texts.append("" if baseline else _with_interval(row, "hits_difference", "+.2f"))
    if not np.isnan(row.get("reached", np.nan)):
        until = row["until_target"]
        number = f"{until:g}" if np.isfinite(until) else f"> {row['evaluations']}"
        texts.append(f"{number} ({int(row['reached'])} of {row['seeds']} seeds)")
    return [*texts, row["verdict"]]


def heading(results: xr.Dataset, title: str) -> str:
    """What a table of one objective is about."""
    of = results.sel(objective=title)
    hits = f", {int(of['n_hits'])} hits" if int(of["n_hits"]) else ""
    n, seeds = results.sizes["evaluation"], results.sizes["seed"]
    return (
        f"{title}: {of['summary'].item()}{hits}; {n} evaluation{'s' * (n > 1)}, "
        f"{seeds} seed{'s' * (seeds > 1)}"
    )


def conclusions(rows: pd.DataFrame) -> list[str]:
    """Where a sampler does not beat random search, a sentence an objective."""
    sentences = []
    for title, of_one in rows.groupby("objective", sort=False):
        for verdict, text in (
            (SAME, "no significant difference from random search"),
            ("below random", "worse than random search"),
            ("nothing found", "found nothing that keeps the constraints, or random search did not"),
        ):
            if names := of_one["sampler"][of_one["verdict"] == verdict].tolist():
                sentences.append(f"{title}: {text}: {', '.join(names)}")
    return sentences


def to_markdown(rows: pd.DataFrame, results: xr.Dataset) -> str:
    """The table as Markdown, one an objective, and where nothing was gained."""
    lines = []
    for title, of_one in rows.groupby("objective", sort=False):
        texts = [cells(row) for row in of_one.to_dict("records")]
        lines += [f"**{heading(results, str(title))}**", ""]
        lines += [markdown_table(columns(results, str(title)), texts), ""]
    lines += [f"- {sentence}" for sentence in conclusions(rows)]
    return "\n".join(lines).rstrip() + "\n"


def _with_interval(row: Mapping[Any, Any], name: str, form: str) -> str:
    text = f"{row[name]:{form}}"
    if np.isnan(row[f"{name}_low"]):
        return text
    return f"{text} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"


def first_hits(best: ArrayLike, target: float, maximise: bool) -> FloatArray:
    """At which evaluation each seed reached the target (seed,), from 1; infinite where it did
    not."""
    best = np.asarray(best, dtype=float)
    reached = best >= target if maximise else best <= target
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
