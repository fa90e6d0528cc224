"""`phasezoo data`: the registered data sets, and what a file of materials holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framework.commands.options import (
    CensoredOption,
    FormulaColumnOption,
    PropertyOption,
    StrictOption,
    reading_of,
)
from framework.commands.printing import new_table, print_table

if TYPE_CHECKING:
    import xarray as xr

app = typer.Typer(
    help="List, describe and validate data sets.\n\nExample: `phasezoo data validate mine.csv`",
    no_args_is_help=True,
)


@app.command("list")
def data_list() -> None:
    """List the registered data sets.

    Example: `phasezoo data list`
    """
    from framework.registry.registry import DATASETS

    table = new_table("data set", "what it is")
    for name in DATASETS.names():
        table.add_row(name, DATASETS.entry(name).summary)
    print_table(table)


@app.command("describe")
def data_describe(name: Annotated[str, typer.Argument(help="A registered data set.")]) -> None:
    """Show size, properties, source and licence of a data set.

    Example: `phasezoo data describe oqmd_icsd`
    """
    from framework.registry.parameters import REQUIRED, parameters
    from framework.registry.registry import DATASETS

    item = DATASETS.load(name)
    needed = [n for n, p in parameters(item).items() if p.default is REQUIRED]
    if needed:
        typer.echo(f"{name}: {DATASETS.entry(name).summary}\nreads a file: --data FILE, or in YAML")
        typer.echo(f"dataset: {{name: {name}, {needed[0]}: FILE}}")
        return
    describe_data(item())


@app.command("validate")
def data_validate(
    path: Annotated[Path, typer.Argument(help="A file of formulas or element sets.")],
    formula_column: FormulaColumnOption = None,
    property_: PropertyOption = None,
    censored: CensoredOption = False,
    strict: StrictOption = False,
) -> None:
    """Read a file as a run would, and say what can be used.

    Example: `phasezoo data validate mine.csv`
    """
    from framework.contracts.dataset import unusable_rows
    from framework.registry.registry import DATASETS
    from framework.runs.reads import Read

    reading = reading_of(formula_column, property_, censored)
    dataset = DATASETS.load("file")(str(path), strict=strict, **reading)
    describe_data(dataset)
    rows = unusable_rows(dataset)
    for row in rows[:20]:
        typer.echo(f"  line {row.line}: {row.reason}: {row.text[:60]}")
    if len(rows) > 20:
        typer.echo(f"  and {len(rows) - 20} more; a run with the file writes all to a side file")
    read = Read.of_data(path, dataset, dataset.sizes["material"], rows)
    typer.echo(f"read        {read.text()}")
    for note in read.notes:
        typer.echo(f"            {note}")


def describe_data(dataset: xr.Dataset) -> None:
    """Print size, properties, classes, source and licence of a data set."""
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
