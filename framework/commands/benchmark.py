"""`phasezoo benchmark`: every encoder on every split and seed of an experiment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from framework.commands.options import (
    ExperimentArgument,
    RunsOption,
    StrictOption,
    TrackOption,
    WorkersOption,
)
from framework.commands.printing import finish, print_leaderboard
from framework.commands.published import print_published


def command(
    path: ExperimentArgument,
    data: Annotated[str | None, typer.Option("--data", help="In place of the YAML's data.")] = None,
    workers: WorkersOption = 1,
    strict: StrictOption = False,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Run every encoder on every split and seed of a YAML; finished runs are not repeated.

    Example: `phasezoo benchmark experiments/phase_field_benchmark.yaml --workers 2`
    """
    from framework.benchmark.benchmark import benchmark
    from framework.config.experiment import read_experiment
    from framework.contracts.dataset import refuse_unusable, unusable_rows
    from framework.runs.data import with_data
    from framework.runs.items import items_of
    from framework.runs.plan import plan

    experiment = read_experiment(path)
    if data is not None:
        experiment = with_data(experiment, data, strict=strict)
    if strict:  # whichever file of the YAML it is that holds unusable rows
        rows = unusable_rows(items_of(plan(experiment, str(path))[0].settings))
        refuse_unusable(rows, f"{path}: its files")
    outcome = benchmark(
        experiment,
        runs,
        workers=workers,
        track=track,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    if outcome.results is not None:
        print_leaderboard(outcome)
    if experiment.published is not None:
        import pandas as pd

        from framework.benchmark.published import FILE

        print_published(pd.read_csv(outcome.folder / FILE))
    finish(outcome, runs, track)
