"""What several verbs print: tables, the leaderboard, and where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome


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
    from framework.benchmark.leaderboard import against, cell, leaderboard

    cube = outcome.results
    assert cube is not None
    metrics = cube.attrs["metrics"].split()
    for strategy, rows in leaderboard(cube).groupby("split", sort=False):
        table = new_table(
            "encoder", *metrics, f"{metrics[0]} against best baseline", "verdict", "audit"
        )
        table.title = f"{strategy}: {rows['cells'].iloc[0]}; [95 % interval] ± spread over seeds"
        for row in rows.to_dict("records"):
            shown = [cell(row, metric) for metric in metrics]
            table.add_row(row["encoder"], *shown, *against(row), row["audit"])
        random = [f"{rows[f'{metric}_random'].iloc[0]:.3f}" for metric in metrics]
        table.add_row("random order", *random, style="dim")
        print_table(table)


def finish(outcome: Outcome, runs: Path, track: bool) -> None:
    """Say where everything is; exit code 1 where a run failed."""
    from framework.runs.items import items_of

    items = items_of(outcome.plan[0].settings)
    tell_unusable(items, outcome.folder / "unusable_rows.csv")
    typer.echo(f"fields   {items.attrs['summary']}")
    stood = len(outcome.plan) - len(outcome.computed) - len(outcome.failures)
    typer.echo(f"runs     {len(outcome.computed)} computed, {stood} stood already")
    if outcome.results is not None:
        typer.echo(f"results  {outcome.folder / 'results.nc'}")
        typer.echo(f"tables   {outcome.folder / 'leaderboard.csv'}, leaderboard.md")
        typer.echo(f"figures  {outcome.folder / 'figures'}, and for each run {runs / 'cells'}")
    if track and outcome.results is not None:
        tell_ui(runs)
    if outcome.failures:
        names = {run.digest: run for run in outcome.plan}
        for digest, cause in outcome.failures.items():
            run = names[digest]
            typer.echo(f"FAILED   {run.encoder}, {run.split}, seed {run.seed}: {cause}", err=True)
        raise typer.Exit(1)


def tell_unusable(source: Any, path: Path) -> None:
    """Name the rows that could not be used, from the attributes of items or of a ranking."""
    from framework.contracts.dataset import unusable_rows, write_unusable_rows

    if rows := unusable_rows(source):
        write_unusable_rows(source, path)
        count = f"{len(rows)} row{'s' * (len(rows) > 1)}"
        typer.echo(f"unusable {count} of the input, by line and reason in {path}", err=True)


def tell_ui(runs: Path) -> None:
    suffix = "" if runs == Path("runs") else f" --runs {runs}"
    typer.echo(f"compare  phasezoo ui{suffix}")


def spoken(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
