"""One run: prepare -> fit -> score -> evaluate."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xarray as xr

from framework.audit.audit import audit
from framework.base.errors import UserError
from framework.base.threads import single_threaded
from framework.base.versions import versions
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples
from framework.contracts.split import PARTS, Split
from framework.contracts.task import Fit, Judged
from framework.runs.components import built, represented, task_of
from framework.runs.context import give_context
from framework.runs.plan import RUNS, Run, divided
from framework.runs.saved import begin

LATENT_CANDIDATES = 3000
"""Unexplored items whose latent vectors a run keeps, for maps and audits."""


Progress = Callable[[int, int], None]


@single_threaded()
def fit(run: Run, watching: Callable[[Fit], Progress] | None = None, runs: Path = RUNS) -> Fit:
    """Fit the encoder of a run on its training part.

    Args:
        watching: given the fit that begins, makes what is told of its progress.
        runs: the folder of results, for a run that begins with a finished one.
    """
    settings = run.settings
    items, split = divided(settings)
    task = task_of(settings["task"])
    started = time.perf_counter()
    representation, samples = represented(settings["representation"], items, split.train)
    encoder = built(settings["encoder"], samples, run.seed)
    if beginning := settings["encoder"]["parameters"].get("pretrained"):
        begin(encoder, beginning, runs)
    give_context(encoder, settings, items, split, samples)
    begun = Fit(items, split, task, representation, samples, encoder, 0.0)
    if watching is not None:
        encoder.progress = watching(begun)
    encoder.fit(samples.take(split.train), samples.take(split.validation))
    return replace(begun, seconds=time.perf_counter() - started)


@single_threaded()
def execute(
    run: Run, runs: Path, progress: Progress | None = None, finished: Path | None = None
) -> Path:
    """Fit, score and evaluate one run; its folder appears when all of it is written.

    Args:
        runs: the folder of results.
        finished: where the run is found that this one begins with, if it is elsewhere.
    """
    from framework.figures import latent as latent_plots
    from framework.figures.audit import audit_figure
    from framework.figures.canvas import save, save_all
    from framework.figures.run import run_figures

    settings = run.settings
    done = fit(run, None if progress is None else lambda _: progress, finished or runs)
    items, split, encoder, representation = (
        done.items,
        done.split,
        done.encoder,
        done.representation,
    )
    judged = done.task.judge(done, settings["resamples"])
    members = done.task.members
    found = audit(encoder, representation, done.samples, items, split, members)
    cell = _cell(run, split, judged, encoder, done.samples)
    for name in ("variance", "kl"):
        if name in found.evidence:
            cell[f"latent_{name}"] = ("latent_dim", found.evidence[name])
    cell.attrs["audit"] = json.dumps([found.verdict, found.reasons, found.values])
    cell.attrs |= {"seconds_fit": done.seconds, "seconds_score": judged.seconds}
    cell.attrs["versions"] = json.dumps(versions())

    folder = run.folder(runs)
    with _scratch(run, runs) as scratch:
        encoder.save(scratch / encoder.checkpoint)
        representation.save(scratch / representation.checkpoint)
        (scratch / "run.json").write_text(json.dumps(settings, indent=1, sort_keys=True))
        listed = split.unexplored if len(split.unexplored) else split.holdout
        names = items[items.attrs["named_by"]].values[listed].astype(str)
        table = ranked(names, judged.scores[listed]).head(1000)
        table.to_csv(scratch / "ranking.csv", index=False)
        save_all({**done.task.figures(cell), **run_figures(cell)}, scratch / "figures")
        save(audit_figure(found, run.encoder), scratch / "figures" / "audit.png")
        latent_plots.save_latent_figures(done, cell, scratch / "figures")
        compressed = {name: {"zlib": True, "complevel": 4} for name in ("score", "part")}
        cell.to_netcdf(scratch / "cell.nc", engine="netcdf4", encoding=compressed)
        if folder.exists():  # left by an older version of this file, without cell.nc
            shutil.rmtree(folder)
        scratch.replace(folder)
    return folder


@contextmanager
def _scratch(run: Run, runs: Path) -> Iterator[Path]:
    """A hidden folder, named after this process, in which the results of a run are gathered."""
    remove_abandoned(runs)
    name = f".{run.digest}.{socket.gethostname()}.{os.getpid()}"
    scratch = run.folder(runs).with_name(name)
    shutil.rmtree(scratch, ignore_errors=True)  # of a dead process with this one's number
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_abandoned(runs: Path) -> None:
    """Delete what killed processes of this machine left of runs that they had not finished."""
    for scratch in (runs / "cells").glob(f".*.{socket.gethostname()}.*"):
        pid = scratch.name.rpartition(".")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(scratch, ignore_errors=True)


def read_cell(folder: Path) -> xr.Dataset:
    """The results of a finished run, in memory.

    Raises:
        UserError: the file is damaged; the message says how to mend it.
    """
    try:
        with xr.open_dataset(folder / "cell.nc", engine="netcdf4") as file:
            return file.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{folder / 'cell.nc'}: cannot be read ({error}); delete the folder {folder} and run "
            "the benchmark again"
        ) from None


def ranked(names: np.ndarray, scores: np.ndarray) -> Any:
    """A table of items, best first: rank, elements, score, percentile.

    Equal scores are listed by name, so that the order of the input never shows.
    ``attrs["order"]``: positions of the rows in the input.
    """
    import pandas as pd

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


def _cell(run: Run, split: Split, judged: Judged, encoder: Encoder, samples: Samples) -> xr.Dataset:
    rng = np.random.default_rng(0)
    n = min(LATENT_CANDIDATES, len(split.unexplored))
    shown = np.concatenate(
        [
            split.train,
            split.validation,
            split.holdout,
            np.sort(rng.choice(split.unexplored, n, False)),
        ]
    )
    evaluation = judged.evaluation
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
            "latent": (
                ("latent_item", "latent_dim"),
                encoder.transform(samples.take(shown)).astype(np.float32),
            ),
            "latent_candidate": ("latent_item", shown),
            **{name: ("metric", [of[m] for m in metrics]) for name, of in per_metric.items()},
            **judged.variables,
        },
        coords={"metric": metrics},
        attrs={
            "digest": run.digest,
            "encoder": run.encoder,
            "split": run.split,
            "seed": run.seed,
            "task": run.settings["task"]["name"],
            "history": json.dumps(encoder.history),
            "kept": " ".join(judged.kept),
            **{f"n_{part}": len(getattr(split, part)) for part in PARTS},
        },
    )
