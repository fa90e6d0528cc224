"""`phasezoo benchmark`: every encoder on every split and seed of an experiment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.commands.options import (
    CensoredOption,
    ExperimentArgument,
    FormulaColumnOption,
    PropertyOption,
    RunsOption,
    SchedulerOption,
    StrictOption,
    TrackOption,
    WorkersOption,
    reading_of,
)
from framework.commands.printing import finish, print_leaderboard
from framework.commands.published import print_published
from framework.commands.tracked import tracker

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome
    from framework.config.experiment import Experiment


def benchmark(
    experiment: Experiment, runs: str | Path, *, track: bool = True, **options: Any
) -> Outcome:
    """Compute what is missing of an experiment, and put all of it together.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        options: further ones of `framework.benchmark.benchmark.benchmark`.

    Raises:
        UserError: the experiment cannot be run as it is, or nothing can be written.

    Example:
        >>> experiment = read_experiment("experiment.yaml")
        >>> outcome = benchmark(experiment, "runs", track=False, progress=False)
        >>> dict(outcome.results["value"].sizes)
        {'encoder': 2, 'split': 1, 'seed': 1, 'metric': 14}
    """
    from framework.benchmark import benchmark as engine

    return engine.benchmark(
        experiment, Path(runs), tracker=tracker(Path(runs), track=track), **options
    )


def command(
    path: ExperimentArgument,
    data: Annotated[str | None, typer.Option("--data", help="In place of the YAML's data.")] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    formula_column: FormulaColumnOption = None,
    property_: PropertyOption = None,
    censored: CensoredOption = False,
    strict: StrictOption = False,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Run every encoder on every split and seed of a YAML; finished runs are not repeated.

    A YAML may list others (experiments: [a.yaml, b.yaml]), which are run one after the other.

    Example: `phasezoo benchmark experiments/phase_field_benchmark.yaml --workers 2`
    """
    from framework.config.experiment import read_experiments
    from framework.runs.data import with_data
    from framework.runs.plan import require_all_used

    reading = reading_of(formula_column, property_, censored)
    experiments = {
        file: with_data(experiment, data, **reading)
        for file, experiment in read_experiments(path).items()
    }
    if strict:
        for file, experiment in experiments.items():
            require_all_used(experiment, str(file), runs)
    ended_well = True
    for file, experiment in experiments.items():
        outcome = benchmark(
            experiment,
            runs,
            workers=workers,
            scheduler=scheduler,
            track=track,
            progress=sys.stderr.isatty(),
            where=str(file),
        )
        _print(outcome, experiment)
        ended_well &= finish(outcome, runs, track)
    raise typer.Exit(0 if ended_well else 1)


def _print(outcome: Outcome, experiment: Experiment) -> None:
    """The leaderboard, and published figures beside ours."""
    if outcome.results is None:
        return
    print_leaderboard(outcome)
    if experiment.published is not None:
        import pandas as pd

        from framework.benchmark.published import FILE

        print_published(pd.read_csv(outcome.folder / FILE))
