"""`phasezoo explain`: why a phase field has its score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.errors import UserError
from framework.commands.audit import require_figure
from framework.commands.fields import fields_of_model
from framework.commands.options import (
    FeaturesOption,
    FieldsDataOption,
    PatternOption,
    RunsOption,
    SetOption,
    StrictOption,
    TrainingSeedOption,
    require_output,
    settings_of,
)
from framework.commands.printing import new_table, print_table
from framework.registry.registry import ENCODERS
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import pandas as pd

    from framework.selection.explanation import Explanation

LISTED = 14
"""Rows of a table that are printed, at most."""


def explain(
    field: str,
    encoder: str | None = None,
    *,
    data: str | Path | None = None,
    pattern: str | None = None,
    features: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    figure: str | Path | None = None,
    progress: bool = False,
    **parameters: Any,
) -> Explanation:
    """What the elements of a field add to its score, where it stands, which reported fields are near.

    Args:
        field: an element set, or a formula, which means its elements.
        encoder, data, pattern, features, seed, strict, runs, parameters: as in `rank`.
        figure: where to draw it; it is not drawn where None.
        progress: show progress bars on standard error.

    Returns:
        numbers, and tables of pandas: ``elements`` (exact Shapley values), ``combinations`` (what
        elements, pairs and triples add beyond their parts), ``nearest``, ``related``,
        ``neighbours`` (`framework.selection.explanation.Explanation`).

    Raises:
        UserError: it is not a field of the pattern, or anything else is unknown or unusable.

    Example:
        >>> why = explain("Li-Na-O", "element_frequency", data="fields.txt", pattern="M-M'-A")
        >>> bool(abs(why.elements["shapley"].sum() - (why.score - why.background)) < 1e-6)
        True
    """
    from framework.base.progress import Stages
    from framework.figures.canvas import save
    from framework.selection.explanation import explain_field

    if figure is not None:
        require_figure(Path(figure))
    with Stages(progress) as stages:
        with stages.begin("read the fields"):
            fields = fields_of_model(
                encoder,
                parameters,
                data=data,
                pattern=pattern,
                candidates=None,
                features=features,
                seed=seed,
                strict=strict,
                runs=Path(runs),
                where="explain",
                quick=True,
            )
        explained = explain_field(fields, field, stages)
    if figure is not None:
        save(explained.figure(), Path(figure))
    return explained


def command(
    field: Annotated[str, typer.Argument(metavar="FIELD", help="For instance Li-Sn-S-Cl.")],
    encoder: Annotated[
        str | None, typer.Option(help="A registered encoder.", show_default="the best quick one")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--from", help="A finished run: folder, digest, MLflow run id, or `last`."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Figure to write.")] = Path("explanation.png"),
    data: FieldsDataOption = None,
    pattern: PatternOption = None,
    features: FeaturesOption = None,
    setting: SetOption = None,
    seed: TrainingSeedOption = None,
    strict: StrictOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Explain the score of a phase field: elements, pairs, triples, reported fields, neighbours.

    Example: `phasezoo explain Li-Sn-S-Cl`
    """
    if run is not None and encoder is not None:
        raise UserError("an encoder is fitted anew or taken from a run; give --encoder or --from")
    if run in ENCODERS.names():
        raise UserError(
            f"--from {run}: is an encoder, not a finished run; --encoder {run} fits it anew"
        )
    if encoder is not None:
        ENCODERS.require(encoder, "--encoder")
    require_output(out, data, features)
    explained = explain(
        field,
        encoder if run is None else run,
        data=data,
        pattern=pattern,
        features=features,
        seed=seed,
        strict=strict,
        runs=runs,
        figure=out,
        progress=sys.stderr.isatty(),
        **settings_of(setting, explain),
    )
    _print(explained)
    typer.echo(f"figure   {out}")


def _print(explained: Explanation) -> None:
    """All of an explanation, in words and tables."""
    seen = ", which the encoder has learned from: no prediction" if explained.learned_from else ""
    typer.echo(f"field    {explained.field}: {explained.reported}")
    typer.echo(
        f"score    {explained.score:.4g} by {explained.encoder}{seen}; mean of background "
        f"{explained.background:.4g}"
    )
    typer.echo(
        f"rank     {explained.rank:,} among {explained.candidates:,} candidates (percentile "
        f"{explained.percentile:.2f})"
    )
    for note in explained.notes:
        typer.echo(f"note     {note}")
    _table("what each element adds, over all orders; sum = score - mean", explained.elements)
    combinations = explained.combinations
    largest = combinations.loc[combinations["adds"].abs().sort_values(ascending=False).index]
    _table("what elements, pairs and triples add beyond their parts; same sum", largest)
    _table("nearest reported fields", explained.nearest)
    within, around = (
        int((explained.related["relation"] == kind).sum()) for kind in ("subset", "superset")
    )
    _table(f"reported sets within it ({within}) and around it ({around})", explained.related)
    better = int((explained.neighbours["score"] > explained.score).sum())
    n = len(explained.neighbours)
    _table(f"neighbours in the periodic table, {better} of {n} score higher", explained.neighbours)


def _table(title: str, rows: pd.DataFrame) -> None:
    """The first rows of a table; what is left out is counted."""
    more = len(rows) - LISTED
    typer.echo(f"{title}{f' ({more} more rows are not printed)' if more > 0 else ''}:")
    table = new_table(*(str(name).replace("_", " ") for name in rows.columns))
    for row in rows.head(LISTED).itertuples(index=False):
        table.add_row(*map(_spoken, row))
    print_table(table)


def _spoken(value: Any) -> str:
    if isinstance(value, float):
        return (
            "unknown" if value != value else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.12g}"
        )
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
