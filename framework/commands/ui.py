"""`phasezoo ui`: the MLflow UI on the store of the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framework.commands.options import RunsOption


def command(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    runs: RunsOption = Path("runs"),
) -> None:
    """Open the MLflow UI on the store of the runs, on this machine only.

    Example: `phasezoo ui --port 5001`
    """
    from framework.tracking import ui

    raise typer.Exit(ui.serve_ui(runs, port))
