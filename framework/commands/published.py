"""`phasezoo published`: published figures beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from framework.commands.options import RunsOption
from framework.commands.printing import new_table, print_table


def command(runs: RunsOption = Path("runs")) -> None:
    """Show published figures beside ours, of every experiment that has been run.

    Example: `phasezoo published`
    """
    from framework.benchmark.published import collect

    print_published(collect(runs))


def print_published(rows: Any) -> None:
    from framework.benchmark.published import spoken

    table = new_table("experiment", "figure", "published", "ours", "ratio", "run")
    for row in rows.to_dict("records"):
        table.add_row(row["experiment"], row["figure"], *spoken(row), str(row["run"]))
    print_table(table)
