"""The table of searches: each sampler against random search, and the same in words.

Intervals are Student's t over seeds (95 %); a difference is that of searches which began alike.
Verdicts are at the 5 % level after Holm's correction for the number of samplers of an objective.
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
from framework.metrics.intervals import holm, over_seeds, p_over_seeds

FloatArray = NDArray[np.float64]

SAME = "no significant difference"
"""The verdict where a difference to random search is not significant."""

SHARES = "Share of all hits that was found, by space and sampler"

LEVEL = 0.05
"""Of significance, after the correction."""


def table(results: xr.Dataset) -> pd.DataFrame:
    """One row an objective and sampler, in the order of the experiment.

    ``best``: mean over seeds of the best value after all evaluations, with its interval
    (``_low``, ``_high``), NaN where a seed found nothing that keeps the constraints; ``kept``: the
    share of evaluations that kept them; ``difference``: its paired difference to random search;
    ``p``: of what the verdict goes by, corrected.
    For a pool with a target ``hits`` (share found), ``hits_difference``, ``enhancement`` (hits
    found over those that random drawing is expected to find in as many evaluations; as random
    needs so many times as many for the same hits, it is the acceleration, too: Borg et al., arXiv
    2210.13587), and with any target
    ``until_target`` (median number of evaluations, infinite where fewer than half of the seeds
    reached it) and ``reached`` (seeds). ``verdict`` goes by the share of hits where there is one,
    else by the best value: ``beats random``, ``below random``, ``no significant difference``,
    ``one seed``, ``nothing found`` or ``baseline``.
    """
    rows = []
    for title in results["objective"].values:
        of = results.sel(objective=title)
        rows += _judged([_row(of, str(sampler)) for sampler in results["sampler"].values], of)
    return pd.DataFrame(rows)


def _row(results: xr.Dataset, sampler: str) -> dict[str, Any]:
    last = results.isel(evaluation=-1)
    ours, random = last.sel(sampler=sampler), last.sel(sampler=BASELINE)
    maximise, target = bool(results["maximise"]), float(results["target"])
    row: dict[str, Any] = {
        "objective": str(results["objective"].item()),
        "sampler": sampler,
        "evaluations": results.sizes["evaluation"],
        "seeds": results.sizes["seed"],
        **_estimated("best", ours["best"].values),
        **_estimated("difference", (ours["best"] - random["best"]).values),
    }
    if bool(results["constrained"]):
        kept = results["kept"].sel(sampler=sampler).mean("evaluation").values
        row |= _estimated("kept", kept, least=0, most=1)
    by = ours["best"] - random["best"]
    if int(results["n_hits"]):
        row |= _estimated("hits", ours["hits"].values, least=0, most=1)
        by = ours["hits"] - random["hits"]
        row |= _estimated("hits_difference", by.values)
        expected = results.sizes["evaluation"] / int(results["candidates"])
        row |= _estimated("enhancement", ours["hits"].values / expected, least=0)
    if not np.isnan(target):
        first = first_hits(results["best"].sel(sampler=sampler).values, target, maximise)
        row |= {"until_target": float(np.median(first)), "reached": int(np.isfinite(first).sum())}
    return {**row, "p": p_over_seeds(by.values)}


def _judged(rows: list[dict[str, Any]], results: xr.Dataset) -> list[dict[str, Any]]:
    """The rows of one objective with p values corrected for their number, and verdicts by them."""
    hits = bool(int(results["n_hits"]))
    judged, up = ("hits_difference", True) if hits else ("difference", bool(results["maximise"]))
    contestants = [
        row
        for row in rows
        if row["sampler"] != BASELINE and row["seeds"] > 1 and not np.isnan(row[judged])
    ]
    for row, p in zip(contestants, holm([row["p"] for row in contestants]), strict=True):
        row["p"] = p
    return [{**row, "verdict": _verdict(row, judged, up)} for row in rows]


def _verdict(row: Mapping[str, Any], judged: str, up: bool) -> str:
    """By a difference to random search, of which more is better where ``up``."""
    if row["sampler"] == BASELINE:
        return "baseline"
    if np.isnan(row[judged]):
        return "nothing found"
    if row["seeds"] == 1:
        return "one seed"
    if not row["p"] < LEVEL:
        return SAME
    return "beats random" if (row[judged] > 0) == up else "below random"


def _estimated(
    name: str, values: FloatArray, least: float = -np.inf, most: float = np.inf
) -> dict[str, float]:
    """Mean and interval, which ends where the quantity does."""
    mean, low, high = over_seeds(values)
    ends = {f"{name}_low": np.maximum(low, least), f"{name}_high": np.minimum(high, most)}
    return {name: float(mean), **{end: float(value) for end, value in ends.items()}}


def columns(results: xr.Dataset, title: str) -> list[str]:
    """The headings of `cells`."""
    quantity = str(results["quantity"].sel(objective=title).item())
    names = ["sampler", f"best {quantity}", "best - random"]
    if bool(results["constrained"].sel(objective=title)):
        names.append("constraints kept")
    if int(results["n_hits"].sel(objective=title)):
        names += ["hits found", "hits - random", "times random order"]
    target = float(results["target"].sel(objective=title))
    if not np.isnan(target):
        names.append(f"evaluations to {target:.4g}")
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
        texts.append(_with_interval(row, "enhancement", ".1f"))
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


def by_space(rows: pd.DataFrame) -> pd.DataFrame:
    """The share of hits found, of pools that have any: one row an objective, the best first, one
    column a sampler. Empty where fewer than two pools can be compared."""
    if "hits" not in rows:
        return pd.DataFrame()
    shares = rows.dropna(subset="hits").pivot(index="objective", columns="sampler", values="hits")
    if len(shares) < 2:
        return pd.DataFrame()
    order = shares.max(axis=1).sort_values(ascending=False, kind="stable").index
    return shares.loc[order, list(dict.fromkeys(rows["sampler"]))]


def to_markdown(rows: pd.DataFrame, results: xr.Dataset) -> str:
    """The table as Markdown, one an objective, and where nothing was gained."""
    lines = []
    for title, of_one in rows.groupby("objective", sort=False):
        texts = [cells(row) for row in of_one.to_dict("records")]
        lines += [f"**{heading(results, str(title))}**", ""]
        lines += [markdown_table(columns(results, str(title)), texts), ""]
    if len(shares := by_space(rows)):
        texts = [
            [str(t), *(f"{v:.2f}" for v in of)]
            for t, of in zip(shares.index, shares.values, strict=True)
        ]
        lines += [SHARES, "", markdown_table(["space", *shares.columns], texts), ""]
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
