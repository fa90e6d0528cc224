"""`phasezoo check`: a model file against the contract that every registered one holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(path: Annotated[Path, typer.Argument(metavar="FILE.py")]) -> None:
    """Check a model file against the contract that every registered encoder or predictor holds.

    Example: `phasezoo check my_model.py`
    """
    from framework.checks import encoders as contract
    from framework.checks import predictors as predictor_contract
    from framework.registry import registry
    from framework.runs.data import DATASET

    cls = registry.load_file(path)
    passed = 0
    outcomes = (
        predictor_contract.check(cls)
        if predictor_contract.is_probe(cls)
        else contract.check(cls, contract.items_for(cls, DATASET))
    )
    for sentence, problem in outcomes:
        typer.echo(f"{'ok    ' if problem is None else 'FAILED'} {sentence}")
        if problem is not None:
            typer.echo(f"       {problem}")
            raise typer.Exit(1)
        passed += 1
    typer.echo(f"{path}: {cls.__name__} holds all {passed} checks")
