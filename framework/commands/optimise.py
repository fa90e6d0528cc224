"""`phasezoo optimise`: points of a space searched with several samplers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.commands.options import (
    ExperimentArgument,
    RunsOption,
    SchedulerOption,
    TrackOption,
    WorkersOption,
)
from framework.commands.printing import new_table, print_reads, print_table, spoken, tell_ui
from framework.commands.tracked import tracker

if TYPE_CHECKING:
    from framework.config.optimisation import Optimisation
    from framework.search.optimisation.outcome import Optimised


BEST_ROWS, WIDEST = 8, 8
"""Rows and columns that are shown of what a search proposes; the file holds all of it."""


def optimise(
    experiment: Optimisation, runs: str | Path, *, track: bool = True, **options: Any
) -> Optimised:
    """Search points of a space with several samplers, and put all searches together.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        options: further ones of `framework.search.optimisation.optimise`.

    Raises:
        UserError: the experiment cannot be run as it is, or there are studies of other
            settings.

    Example:
        >>> experiment = read_optimisation("optimisation.yaml")
        >>> done = optimise(experiment, "runs", track=False, progress=False)
        >>> dict(done.results["value"].sizes)
        {'objective': 1, 'sampler': 2, 'seed': 2, 'evaluation': 3}
    """
    from framework.search.optimisation import optimisation

    return optimisation.optimise(
        experiment, Path(runs), tracker=tracker(Path(runs), track=track), **options
    )


def command(
    path: ExperimentArgument,
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Evaluations of each search.", show_default="100"),
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    data: Annotated[
        str | None, typer.Option("--data", help="File or data set that the objectives read.")
    ] = None,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Search points of a space with several samplers, and compare each with random search.

    Run the same command again to continue where it was stopped.

    Example: `phasezoo optimise experiments/optimise_li_sn_s_cl.yaml --data hull.csv --workers 2`
    """
    from framework.config.optimisation import read_optimisation

    experiment = read_optimisation(path)
    if trials is not None:
        experiment = experiment.model_copy(update={"trials": trials})
    done = optimise(
        experiment,
        runs,
        data=data,
        workers=workers,
        scheduler=scheduler,
        track=track,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    print_optimised(done, runs, track)


def print_optimised(done: Optimised, runs: Path, track: bool) -> None:
    """A table an objective, where nothing was gained, and where everything is."""
    from framework.search.optimisation import table as tables
    from framework.search.optimisation.results import FILE

    rows, folder = tables.table(done.results), done.plan.folder
    for title, of_title in rows.groupby("objective", sort=False):
        table = new_table(*tables.columns(done.results, str(title)))
        table.title = tables.heading(done.results, str(title)) + "; [95 % interval over seeds]"
        for row in of_title.to_dict("records"):
            table.add_row(*tables.cells(row))
        print_table(table)
    if len(shares := tables.by_space(rows)):
        table = new_table("space", *shares.columns)
        table.title = tables.SHARES
        for title, of_space in zip(shares.index, shares.values, strict=True):
            table.add_row(str(title), *(f"{share:.2f}" for share in of_space))
        print_table(table)
    for sentence in tables.conclusions(rows):
        typer.echo(sentence)
    for name, proposed in done.tables.items():
        if not len(proposed):
            typer.echo(f"{name}.csv is empty: nothing kept all constraints")
            continue
        best = proposed.iloc[:BEST_ROWS, :WIDEST]
        table = new_table(*best.columns)
        for line in best.values.tolist():
            table.add_row(*map(spoken, line))
        table.title = f"{name}.csv: the best of {len(proposed)}"
        print_table(table)
    reused = done.results["value"].size - done.computed
    typer.echo(f"searched {done.computed} evaluations made, {reused} reused")
    typer.echo(f"results  {folder / FILE}, evaluations.csv")
    typer.echo(f"tables   {folder / 'table.csv'}, table.md")
    typer.echo(f"figures  {folder / 'figures'}")
    if track:
        tell_ui(runs)
    for title, objective in done.plan.objectives.items():
        print_reads(objective, folder / f"unusable_rows_{title}.csv")
