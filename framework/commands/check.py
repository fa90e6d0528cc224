"""`phasezoo check`: a file against the contract that every registered item of its kind holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framework.commands.options import SetOption, settings_of


def command(
    path: Annotated[Path, typer.Argument(metavar="FILE.py")], setting: SetOption = None
) -> None:
    """Check a file against the contract of its kind: an encoder, predictor, split, data set,
    candidate source or metric.

    Example: `phasezoo check my_model.py`
    """
    from framework.checks import items
    from framework.registry import registry
    from framework.runs.data import DATASET

    item = registry.load_file(path)
    settings = settings_of(setting, lambda: None)
    passed = 0
    for sentence, problem in items.check(item, DATASET, settings, str(path)):
        typer.echo(f"{'ok    ' if problem is None else 'FAILED'} {sentence}")
        if problem is not None:
            typer.echo(f"       {problem}")
            raise typer.Exit(1)
        passed += 1
    typer.echo(f"{path}: {getattr(item, '__name__', path.stem)} holds all {passed} checks")
