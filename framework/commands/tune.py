"""`phasezoo tune`: a search for the settings of an encoder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.databases import shown
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
from framework.commands.printing import finish, new_table, print_leaderboard, print_table, spoken
from framework.commands.tracked import tracker

if TYPE_CHECKING:
    from framework.config.experiment import Experiment
    from framework.search.tuning.outcome import Tuned


def tune(
    experiment: Experiment,
    runs: str | Path,
    *,
    track: bool = True,
    register: str | None = None,
    **options: Any,
) -> Tuned:
    """Search an encoder's settings on validation, then score defaults and winner once.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        register: name under which the winner is registered in MLflow.
        options: further ones of `framework.search.tuning.tune`.

    Raises:
        UserError: the search cannot be run as it is, the study is of other settings, or
            the winner is worse than the defaults and was to be registered.

    Example:
        >>> experiment = read_experiment("experiment.yaml")
        >>> tuned = tune(experiment, "runs", encoder="pca", trials=2, track=False, progress=False)
        >>> tuned.finished
        2
    """
    from framework.search.tuning import tuning

    return tuning.tune(
        experiment,
        Path(runs),
        tracker=tracker(Path(runs), track=track, register=register),
        **options,
    )


def command(  # long: one line an option
    path: ExperimentArgument,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder to tune.", show_default="the YAML's, or its first")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Finished trials in total.", show_default="40")
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database URL: sqlite:///study.db, postgresql://user@host/name.",
            show_default="a journal in the folder of results",
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which no new trial starts.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="In place of the YAML's data.")] = None,
    formula_column: FormulaColumnOption = None,
    property_: PropertyOption = None,
    censored: CensoredOption = False,
    strict: StrictOption = False,
    register: Annotated[
        str | None, typer.Option(help="Register the winner in MLflow under this name.")
    ] = None,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Search an encoder's settings on validation; score defaults and winner once on the hold-out.

    Run the same command again to continue where it was stopped.

    Example: `phasezoo tune experiments/tune_phase_field_vae.yaml --trials 40 --workers 2`
    """
    from framework.config.experiment import read_experiment
    from framework.runs.data import with_data
    from framework.runs.plan import require_all_used

    reading = reading_of(formula_column, property_, censored)
    experiment = with_data(read_experiment(path), data, **reading)
    if strict:
        require_all_used(experiment, str(path), runs)
    tuned = tune(
        experiment,
        runs,
        encoder=encoder,
        trials=trials,
        workers=workers,
        scheduler=scheduler,
        storage=storage,
        timeout=timeout,
        track=track,
        register=register,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    print_tuned(tuned)
    if tuned.outcome is not None:
        raise typer.Exit(0 if finish(tuned.outcome, runs, track) else 1)


def print_tuned(tuned: Tuned) -> None:
    """What a search found, what it gained, and how to continue where trials are missing."""
    counts = f"{tuned.finished} finished, {tuned.pruned} pruned, {tuned.failed} failed"
    typer.echo(f"trials   {tuned.ended} of {tuned.plan.study.slots}: {counts}")
    for cause in tuned.causes[:5]:
        typer.echo(f"         {cause}", err=True)
    typer.echo(f"study    {shown(tuned.plan.study.storage)}, figures in {tuned.plan.folder}")
    if tuned.best is None or tuned.chosen is None:
        typer.echo("Time limit reached. Run the same command to continue.")
        return
    defaults = tuned.plan.base.settings["encoder"]["parameters"]
    table = new_table("setting", "default", "tuned")
    for name in tuned.plan.study.space:
        table.add_row(name, str(defaults[name]), spoken(tuned.best.parameters[name]))
    print_table(table)
    objective = tuned.plan.tuning.objectives[0]
    typer.echo(
        f"chosen   trial {tuned.chosen.number}: validation {objective} "
        f"{tuned.chosen.values[0]:.4f}; as YAML in {tuned.plan.folder / 'best.yaml'}"
    )
    if tuned.outcome is None or tuned.outcome.results is None:
        return
    print_leaderboard(tuned.outcome)
    if timing := tuned.timing():
        typer.echo(f"timing   {timing}")
    gains = new_table("hold-out metric", "tuned - default [95 % interval]")
    for name, difference in tuned.gains().items():
        gains.add_row(name, difference)
    print_table(gains)
