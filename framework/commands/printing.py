"""What the command line prints: tables, descriptions, and where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from framework.base.databases import shown

BEST_ROWS, WIDEST = 8, 8
"""Rows and columns that are shown of what a search proposes; the file holds all of it."""

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome
    from framework.commands.reproduction import Reproduction
    from framework.search.optimisation.outcome import Optimised
    from framework.search.tuning.outcome import Tuned


def new_table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*columns, box=SIMPLE_HEAD)


def print_table(table: Any) -> None:
    from rich.console import Console

    console = Console()
    # a pipe or a log gets whole lines: numbers cut to dots help nobody
    Console(width=None if console.is_terminal else 240).print(table)


def describe_model(row: dict[str, Any]) -> None:
    from framework.registry.parameters import parameters
    from framework.registry.registry import ENCODERS, PREDICTORS
    from framework.runs.components import GIVEN

    of_encoder = row["name"] in ENCODERS.names()
    shown = row["representation"] if of_encoder else row["kind"]
    typer.echo(f"{row['name']} ({shown}): {row['summary']}\n")
    cls = (ENCODERS if of_encoder else PREDICTORS).load(row["name"])
    typer.echo((cls.__doc__ or "").strip() + "\n")
    table = new_table("setting", "type, range, default", "searched by tune" if of_encoder else "")
    for name, parameter in parameters(cls, given=GIVEN).items():
        marker = parameter.marker if of_encoder else None  # a probe is the same for all
        table.add_row(name, str(parameter), marker.searched if marker and marker.tuned else "")
    print_table(table)


def describe_data(dataset: Any) -> None:
    attrs = dataset.attrs
    sets = set(dataset["element_set"].values.astype(str))
    typer.echo(f"{attrs['title']}")
    typer.echo(f"materials   {dataset.sizes['material']:,} ({len(sets):,} element sets)")
    for name in attrs["properties"].split():
        values = dataset[name]
        known = int(values.notnull().sum())
        units = values.attrs.get("units", "")
        spread = f"{float(values.min()):.3g} to {float(values.max()):.3g} {units}".strip()
        typer.echo(f"  {name}: {known:,} values, {spread}")
    for name, variable in dataset.data_vars.items():
        if (none := variable.attrs.get("missing_value")) is not None:
            classes = set(variable.values.tolist()) - {none}
            typer.echo(f"  {name}: {len(classes)} classes")
    for key in ("source", "licence", "citation", "digest"):
        if attrs[key]:
            typer.echo(f"{key:<11} {attrs[key]}")
    if attrs["n_unusable"]:
        typer.echo(f"unusable    {attrs['n_unusable']} rows of the file")


def print_metrics(outcome: Outcome) -> None:
    results = outcome.results
    assert results is not None
    table = new_table("metric", "value", "95 % interval", "random order")
    for name in results["metric"].values:
        at = results.isel(encoder=0, split=0, seed=0).sel(metric=name)
        interval = f"{float(at['low']):.4f} .. {float(at['high']):.4f}"
        table.add_row(
            str(name), f"{float(at['value']):.4f}", interval, f"{float(at['random']):.4f}"
        )
    print_table(table)


def print_published(rows: Any) -> None:
    from framework.benchmark.published import spoken

    table = new_table("experiment", "figure", "published", "ours", "ratio", "run")
    for row in rows.to_dict("records"):
        table.add_row(row["experiment"], row["figure"], *spoken(row), str(row["run"]))
    print_table(table)


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
            shown = [cell(row, metric) for metric in metrics]
            table.add_row(row["encoder"], *shown, *against(row), row["audit"])
        random = [f"{rows[f'{metric}_random'].iloc[0]:.3f}" for metric in metrics]
        table.add_row("random order", *random, style="dim")
        print_table(table)
    typer.echo(f"{FOOTNOTE}\n")


def print_tuned(tuned: Tuned) -> None:
    """What a search found, what it gained, and how it goes on where trials are missing."""
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
        table.add_row(name, str(defaults[name]), _spoken(tuned.best.parameters[name]))
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
    gained = new_table("hold-out metric", "tuned - default [95 % interval]")
    for name, told in tuned.gains().items():
        gained.add_row(name, told)
    print_table(gained)


def print_optimised(done: Optimised, runs: Path, track: bool) -> None:
    """A table an objective, where nothing was gained, and where everything is."""
    from framework.search.optimisation import table as tables
    from framework.search.optimisation.results import FILE

    rows, folder = tables.table(done.results), done.plan.folder
    for title, own in rows.groupby("objective", sort=False):
        table = new_table(*tables.columns(done.results, str(title)))
        table.title = tables.heading(done.results, str(title)) + "; [95 % interval over seeds]"
        for row in own.to_dict("records"):
            table.add_row(*tables.cells(row))
        print_table(table)
    for told in tables.conclusions(rows):
        typer.echo(told)
    for name, made in done.tables.items():
        if not len(made):
            typer.echo(f"{name}.csv is empty: nothing kept all constraints")
            continue
        first = made.iloc[:BEST_ROWS, :WIDEST]
        table = new_table(*first.columns)
        for line in first.values.tolist():
            table.add_row(*map(_spoken, line))
        table.title = f"{name}.csv: the best of {len(made)}"
        print_table(table)
    for title, objective in done.plan.objectives.items():
        tell_unusable(objective, folder / f"unusable_rows_{title}.csv")
    stood = done.results["value"].size - done.computed
    typer.echo(f"searched {done.computed} evaluations made, {stood} reused")
    typer.echo(f"results  {folder / FILE}, evaluations.csv")
    typer.echo(f"tables   {folder / 'table.csv'}, table.md")
    typer.echo(f"figures  {folder / 'figures'}")
    if track:
        _tell_ui(runs)


def _tell_ui(runs: Path) -> None:
    suffix = "" if runs == Path("runs") else f" --runs {runs}"
    typer.echo(f"compare  phasezoo ui{suffix}")


def print_reproduction(run: str, again: Reproduction) -> None:
    """What differs, and what may be why; one line where nothing does."""
    if again.holds:
        arrays = f" and {', '.join(again.arrays)}" if again.arrays else ""
        typer.echo(f"{run}: reproduced; {len(again.values)} numbers{arrays} are equal to the bit")
    else:
        table = new_table("quantity", "recorded", "again")
        for name in again.differing:
            pair = again.values.get(name)
            told = ("", "not the same") if pair is None else (repr(pair[0]), repr(pair[1]))
            table.add_row(name, *told)
        print_table(table)
        typer.echo(f"{run}: NOT reproduced; {len(again.differing)} quantities differ")
    for name, (then, now) in again.changed.items():
        typer.echo(f"  not as it was: {name} {then} -> {now}")
    if not again.holds and not again.changed:
        typer.echo("  code, data and versions are as they were: the processor may differ")


def _spoken(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def finish(outcome: Outcome, runs: Path, track: bool) -> None:
    """Say where everything is; exit code 1 where a run failed."""
    from framework.runs.plan import items_of

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
        _tell_ui(runs)
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
