"""What several verbs print: tables, the leaderboard, and where everything is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from framework.runs.finished import RUNS, mark_last
from framework.runs.reads import reads_of

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome
    from framework.contracts.dataset import HasAttrs


def new_table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*columns, box=SIMPLE_HEAD)


def print_table(table: Any) -> None:
    from rich.console import Console

    console = Console()
    # a pipe or a log gets whole lines: numbers cut to dots help nobody
    Console(width=None if console.is_terminal else 240).print(table)


def print_leaderboard(outcome: Outcome) -> None:
    from framework.benchmark.leaderboard import FOOTNOTE, against, cell, leaderboard

    cube = outcome.results
    assert cube is not None
    metrics = cube.attrs["metrics"].split()
    for strategy, rows in leaderboard(cube).groupby("split", sort=False):
        table = new_table(
            "encoder", *metrics, f"{metrics[0]} against best baseline", "verdict", "audit"
        )
        table.title = f"{strategy}: {rows['cells'].iloc[0]}; [95 % interval] ± spread over seeds"
        for row in rows.to_dict("records"):
            values = [cell(row, metric) for metric in metrics]
            table.add_row(row["encoder"], *values, *against(row), row["audit"])
        random = [f"{rows[f'{metric}_random'].iloc[0]:.3f}" for metric in metrics]
        table.add_row("random order", *random, style="dim")
        print_table(table)
    typer.echo(f"{FOOTNOTE}\n")


def finish(outcome: Outcome, runs: Path, track: bool) -> bool:
    """Say where everything is, and what was read of the user's files.

    Returns:
        whether no run failed.
    """
    from framework.runs.items import items_of

    items = items_of(outcome.plan[0].settings)
    typer.echo(f"fields   {items.attrs['summary']}")
    reused = len(outcome.plan) - len(outcome.computed) - len(outcome.failures)
    typer.echo(f"runs     {len(outcome.computed)} computed, {reused} reused")
    if outcome.replaced:
        typer.echo(
            f"replaced results of other {', '.join(outcome.replaced)} in {outcome.folder}; their "
            f"runs stay in {runs / 'cells'}; another name or another --runs folder keeps both"
        )
    if outcome.results is not None:
        typer.echo(f"results  {outcome.folder / 'results.nc'}")
        typer.echo(f"tables   {outcome.folder / 'leaderboard.csv'}, leaderboard.md")
        typer.echo(f"figures  {outcome.folder / 'figures'}, and for each run {runs / 'cells'}")
        _print_last(outcome, runs)
        if track:
            tell_ui(runs)
    print_reads(items, outcome.folder / "unusable_rows.csv")
    names = {run.digest: run for run in outcome.plan}
    for digest, cause in outcome.failures.items():
        run = names[digest]
        typer.echo(f"FAILED   {run.encoder}, {run.split}, seed {run.seed}: {cause}", err=True)
    return not outcome.failures


def _print_last(outcome: Outcome, runs: Path) -> None:
    """Name one run by its digest; from now on it is the one that ``last`` means."""
    run = next(run for run in reversed(outcome.plan) if run.finished(runs))
    mark_last(run.folder(runs))
    what = f"{run.encoder}, {run.split}, seed {run.seed}"
    typer.echo(f"last     {run.digest} ({what}); phasezoo audit last{_in(runs)}")


def tell_ui(runs: Path) -> None:
    """How the runs are compared in MLflow."""
    typer.echo(f"compare  phasezoo ui{_in(runs)}")


def _in(runs: Path) -> str:
    return "" if runs == RUNS else f" --runs {runs}"


def spoken(value: Any) -> str:
    """A value of a table as a person would write it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_notes(carrier: HasAttrs) -> None:
    """What a reader should know of fields that were left out."""
    for note in json.loads(carrier.attrs.get("notes", "[]")):
        typer.echo(f"note     {note}")


def print_reads(source: HasAttrs, path: Path | None = None) -> None:
    """What was read of the user's files, what was used, and what was left out and why.

    Args:
        source: items, or a table or objective made from them.
        path: the side file that names every row that was left out; none is written without.
    """
    from framework.contracts.dataset import write_unusable_rows

    reads = reads_of(source)
    for read in reads:
        typer.echo(f"read     {read.text()}")
        for note in read.notes:
            typer.echo(f"         {note}")
    if path is not None and any(read.left_out for read in reads):
        write_unusable_rows(source, path)
        typer.echo(f"         each row that was left out, by line and reason: {path}")
