"""One run: prepare -> fit -> score -> evaluate."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from framework.audit.audit import audit
from framework.contracts.task import Fit
from framework.runs.cell import cell_of, ranked
from framework.runs.components import built, represented, task_of
from framework.runs.items import divided
from framework.runs.run import Run, versions

Progress = Callable[[int, int], None]


def fit(run: Run, watching: Callable[[Fit], Progress] | None = None) -> Fit:
    """Fit the encoder of a run on its training part.

    Args:
        watching: given the fit that begins, makes what is told of its progress.
    """
    settings = run.settings
    items, split = divided(settings)
    task = task_of(settings["task"])
    started = time.perf_counter()
    representation, samples = represented(settings["representation"], items, split.train)
    encoder = built(settings["encoder"], samples, run.seed)
    begun = Fit(items, split, task, representation, samples, encoder, 0.0)
    if watching is not None:
        encoder.progress = watching(begun)
    encoder.fit(samples.take(split.train), samples.take(split.validation))
    return replace(begun, seconds=time.perf_counter() - started)


def execute(run: Run, runs: Path, progress: Progress | None = None) -> Path:
    """Fit, score and evaluate one run; its folder appears when all of it is written."""
    from framework.figures import latent as latent_plots
    from framework.figures.audit import audit_figure
    from framework.figures.canvas import save, save_all
    from framework.figures.run import run_figures

    settings = run.settings
    done = fit(run, None if progress is None else lambda _: progress)
    items, split, encoder, representation = (
        done.items,
        done.split,
        done.encoder,
        done.representation,
    )
    judged = done.task.judge(done, settings["resamples"])
    members = done.task.members
    found = audit(encoder, representation, done.samples, items, split, members)
    cell = cell_of(run, split, judged, encoder, done.samples)
    for name in ("variance", "kl"):
        if name in found.evidence:
            cell[f"latent_{name}"] = ("latent_dim", found.evidence[name])
    cell.attrs["audit"] = json.dumps([found.verdict, found.reasons, found.values])
    cell.attrs |= {"seconds_fit": done.seconds, "seconds_score": judged.seconds}
    cell.attrs["versions"] = json.dumps(versions())

    folder = run.folder(runs)
    scratch = folder.with_name(f".{run.digest}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
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
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
