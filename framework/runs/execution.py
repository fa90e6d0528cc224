"""One run: prepare -> fit -> score -> evaluate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from framework.audit.audit import audit
from framework.audit.quantities import Audit
from framework.base.files import whole_folder
from framework.base.threads import single_threaded
from framework.contracts.task import Fit
from framework.runs.cell import best_of, cell_of, write_cell
from framework.runs.components import built, represented, task_of
from framework.runs.context import give_context, learned_from
from framework.runs.finished import RUNS
from framework.runs.items import divided
from framework.runs.run import Run
from framework.runs.saved import begin

Progress = Callable[[int, int], None]


@single_threaded()
def fit(run: Run, watching: Callable[[Fit], Progress] | None = None, runs: Path = RUNS) -> Fit:
    """Fit the encoder of a run on its training part.

    Args:
        watching: given the fit that begins, returns what its progress is reported to.
        runs: the folder of results, for a run that begins with a finished one.
    """
    settings = run.settings
    items, split = divided(settings)
    task = task_of(settings["task"])
    started = time.perf_counter()
    materials, learned = learned_from(settings, items, split)
    representation, everything = represented(settings["representation"], materials, learned)
    of_items = np.arange(items.sizes["material"])
    samples = everything if materials is items else everything.take(of_items)
    encoder = built(settings["encoder"], samples, run.seed)
    if beginning := settings["encoder"]["parameters"].get("pretrained"):
        begin(encoder, beginning, runs)
    give_context(encoder, settings, items, split, samples)
    names = materials["element_set"].values[learned]
    begun = Fit(items, split, task, representation, samples, encoder, names, 0.0)
    if watching is not None:
        encoder.progress = watching(begun)
    encoder.fit(everything.take(learned), samples.take(split.validation))
    return replace(begun, seconds=time.perf_counter() - started)


@single_threaded()
def execute(
    run: Run, runs: Path, progress: Progress | None = None, finished: Path | None = None
) -> Path:
    """Fit, score and evaluate one run; its folder appears when all of it is written.

    Args:
        runs: the folder of results.
        finished: where the run is found that this one begins with, if it is elsewhere.

    Raises:
        UserError: what a user can fix of settings or data, or the folder cannot be written.
    """
    done = fit(run, None if progress is None else lambda _: progress, finished or runs)
    judged = done.task.judge(done, run.settings["resamples"])
    audited = audit(
        done.encoder,
        done.representation,
        done.samples,
        done.items,
        done.split,
        done.task.members,
    )
    cell = cell_of(run, done, judged, audited)
    folder = run.folder(runs)
    with whole_folder(folder, complete="cell.nc") as scratch:
        done.encoder.save(scratch / done.encoder.checkpoint)
        done.representation.save(scratch / done.representation.checkpoint)
        settings = json.dumps(run.settings, indent=1, sort_keys=True)
        (scratch / "run.json").write_text(settings)
        best_of(done, judged).to_csv(scratch / "ranking.csv", index=False)
        _draw(run, done, audited, cell, scratch / "figures")
        write_cell(cell, scratch)
    return folder


def _draw(run: Run, done: Fit, audited: Audit, cell: xr.Dataset, folder: Path) -> None:
    """The figures of a run as PNG."""
    from framework.figures.audit import audit_figure
    from framework.figures.canvas import save_all
    from framework.figures.latent import save_latent_figures
    from framework.figures.run import run_figures

    audit_drawn = {"audit": audit_figure(audited, run.encoder)}
    save_all({**done.task.figures(cell), **run_figures(cell), **audit_drawn}, folder)
    save_latent_figures(done, cell, folder)
