"""The results of one run: made from what its task judged, written into its folder, read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from framework.audit.quantities import Audit
from framework.base.errors import UserError
from framework.base.versions import versions
from framework.contracts.split import PARTS, Split
from framework.contracts.task import Fit, Judged
from framework.metrics.calibration import Calibration
from framework.runs.run import Run

LATENT_CANDIDATES = 3000
"""Unexplored items whose latent vectors a run keeps, for maps and audits."""

MOST_LISTED = 1000
"""Rows of a run's ``ranking.csv``."""


def cell_of(run: Run, done: Fit, judged: Judged, audited: Audit) -> xr.Dataset:
    """All results of a run.

    Dimensions ``metric`` (value, low, high, random, validation), ``resample`` (replicates),
    ``candidate`` (score, part) and ``latent_item`` with ``latent_dim`` (latent vectors of all
    reported items and of some unexplored ones); beside them what the task adds.
    """
    split, evaluation = done.split, judged.evaluation
    kept = _kept(split)
    latents = done.encoder.transform(done.samples.take(kept)).astype(np.float32)
    metrics = list(evaluation.values)
    per_metric: dict[str, Mapping[str, float]] = {
        "value": evaluation.values,
        "low": evaluation.low,
        "high": evaluation.high,
        "random": evaluation.random,
        "independent": evaluation.independent,
        "validation": judged.validation,
    }
    return xr.Dataset(
        {
            "score": ("candidate", judged.scores.astype(np.float32)),
            "part": ("candidate", split.codes, {"parts": " ".join(PARTS)}),
            "replicates": (("metric", "resample"), evaluation.replicates.astype(np.float32)),
            "latent": (("latent_item", "latent_dim"), latents),
            "latent_candidate": ("latent_item", kept),
            **{n: ("metric", [values[m] for m in metrics]) for n, values in per_metric.items()},
            **judged.variables,
            **{
                f"latent_{name}": ("latent_dim", audited.evidence[name])
                for name in ("variance", "kl")
                if name in audited.evidence
            },
        },
        coords={"metric": metrics},
        attrs={
            "digest": run.digest,
            "encoder": run.encoder,
            "split": run.split,
            "seed": run.seed,
            "task": run.settings["task"]["name"],
            "history": json.dumps(done.encoder.history),
            "kept": " ".join(judged.kept),
            **{f"n_{part}": len(getattr(split, part)) for part in PARTS},
            "audit": json.dumps([audited.verdict, audited.reasons, audited.values]),
            "seconds_fit": done.seconds,
            "seconds_score": judged.seconds,
            "versions": json.dumps(versions()),
        },
    )


def write_cell(cell: xr.Dataset, folder: Path) -> None:
    """Write ``cell.nc``."""
    compressed = {name: {"zlib": True, "complevel": 4} for name in ("score", "part")}
    cell.to_netcdf(folder / "cell.nc", engine="netcdf4", encoding=compressed)


def read_cell(folder: Path) -> xr.Dataset:
    """The results of a finished run, in memory.

    Raises:
        UserError: the file is damaged; the message says how to fix it.
    """
    try:
        with xr.open_dataset(folder / "cell.nc", engine="netcdf4") as file:
            return file.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{folder / 'cell.nc'}: cannot be read ({error}); delete the folder {folder} and run "
            "the benchmark again"
        ) from None


def calibration_of(folder: Path) -> Calibration | None:
    """What turns the scores of a finished run into probabilities of a hit; None where it was not
    calibrated (it had no validation part, or its task predicts something else).

    Raises:
        UserError: the results are damaged.

    Example:
        >>> from framework.runs.finished import last_run
        >>> from framework.runs.saved import SavedRun
        >>> folder = last_run(Path("runs"))
        >>> scores = SavedRun.open(folder).score(["Li-Na-O"])
        >>> calibrated = calibration_of(folder)
        >>> calibrated is None or 0 <= calibrated.probability(scores, prior=0.05)[0] <= 1
        True
    """
    return Calibration.from_variables(read_cell(folder))


def best_of(done: Fit, judged: Judged) -> pd.DataFrame:
    """The `MOST_LISTED` best of what a run ranks: the unexplored items, else the hold-out."""
    split, items = done.split, done.items
    listed = split.unexplored if len(split.unexplored) else split.holdout
    names = items[items.attrs["named_by"]].values[listed].astype(str)
    return ranked(names, judged.scores[listed]).head(MOST_LISTED)


def ranked(names: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """A table of items, best first: rank, elements, score, percentile.

    Equal scores are listed by name, so that the order of the input never shows.
    ``attrs["order"]``: positions of the rows in the input.
    """
    order = np.lexsort((names, -scores))
    n = len(order)
    columns = {
        "rank": np.arange(1, n + 1),
        "elements": names[order],
        "score": scores[order],
        "percentile": 100 * (1 - np.arange(n) / n),
    }
    table = pd.DataFrame(columns)
    table.attrs["order"] = order
    return table


def _kept(split: Split) -> np.ndarray:
    """Indices of the items whose latent vectors a run keeps."""
    rng = np.random.default_rng(0)
    n = min(LATENT_CANDIDATES, len(split.unexplored))
    drawn = np.sort(rng.choice(split.unexplored, n, False))
    return np.concatenate([split.train, split.validation, split.holdout, drawn])
