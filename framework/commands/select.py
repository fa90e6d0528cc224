"""`phasezoo select`: unexplored fields sorted by the probability of a wanted property and by
accessibility."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from framework.base.files import whole
from framework.commands.audit import require_figure
from framework.commands.fields import fields_of_model
from framework.commands.options import (
    AnionsOption,
    CandidatesOption,
    CationsOption,
    ContainsOption,
    ExcludeOption,
    PatternOption,
    RunsOption,
    SeedOption,
    SetOption,
    StrictOption,
    WorkersOption,
    require_output,
    settings_of,
    symbols_of,
)
from framework.commands.printing import new_table, print_notes, print_reads, print_table
from framework.registry.registry import ENCODERS, PREDICTORS
from framework.runs.data import DATASET, data_component
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import pandas as pd


TARGET, ABOVE = "band_gap", 4.5
"""What is wanted where nothing is said: wide band gaps (eV), as PhaseSelect asks for."""

PARTS = {
    "accessibility": "accessibility of candidates",
    "merit": "probability of merit",
    "hold-out": "accessibility, judged on a hold-out",
}
"""What bars call the parts of a selection."""

LISTED = 15
"""Rows that are printed."""


def select(  # long: its options, one a line
    encoder: str | None = None,
    *,
    target: str = TARGET,
    above: float | None = None,
    at_most: float | None = None,
    data: str | Path = DATASET,
    aggregate: Literal["largest", "smallest", "mean"] = "largest",
    classifier: str | dict[str, Any] | None = None,
    reported: str | Path | None = None,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    contains: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cations: Sequence[str] = (),
    anions: Sequence[str] = (),
    seed: int = 0,
    strict: bool = False,
    workers: int = 1,
    runs: Path = RUNS,
    figure: str | Path | None = None,
    progress: bool = False,
    **parameters: Any,
) -> pd.DataFrame:
    """Unexplored fields that are likely to have a wanted property and to be accessible.

    Args:
        encoder, parameters: score accessibility: a registered encoder with its settings, by default
            the best one, or a finished run, as in `rank`.
        target, above, at_most: what is wanted: a property of the data above a limit, or not above
            it; ``band_gap`` above 4.5 eV where nothing is said.
        data: a data set or a file with the property.
        aggregate: which value of its materials an element set has.
        classifier: learns that property from element sets: a registered classifier or an encoder
            of element sets, by default the best one; or a mapping with ``name`` and its settings.
        reported: the reported fields that the encoder learns from; the embedded data by default.
        pattern, candidates, contains, exclude, cations, anions, strict: as in `rank`.
        seed: of both models.
        workers: processes; they decide no number.
        figure: where to draw merit against accessibility; it is not drawn where None.
        progress: show progress bars on standard error.

    Returns:
        one row a field, best joint score first: rank, elements, joint (probability x accessibility
        / 100), probability and its uncertainty (standard deviation over five classifiers),
        accessibility (percentile of the encoder's score among all candidates of the space), score,
        front (whether no other field is better in both), nearest_reported, and the property's value of
        that one, NaN where unknown. ``attrs``: wanted, quality (what both models are worth on sets
        that they have not seen), notes, reads, unusable_rows (JSON but for the first).

    Raises:
        UserError: anything in it is unknown or unusable, or no candidate is left.

    Example:
        >>> of = {"reported": "fields.txt", "pattern": "M-M'-A", "above": 3.0}
        >>> table = select("element_frequency", data="gaps.csv", **of)
        >>> bool(table["joint"].is_monotonic_decreasing)
        True
    """
    from framework.base.progress import Stages
    from framework.config.schema import component_from
    from framework.execution.choice import executor_for
    from framework.figures.canvas import save
    from framework.selection.listing import Wanted
    from framework.selection.merit import Wish
    from framework.selection.selection import PIECES, request_of, select_fields

    if figure is not None:
        require_figure(Path(figure))
    if target == TARGET and above is None and at_most is None:
        above = ABOVE
    best = PREDICTORS.default if classifier is None else classifier
    named = component_from(best, "classifier")
    wish = Wish(target, above, at_most, aggregate, data_component(data, strict=strict))
    wanted = Wanted(contains, exclude, cations, anions)
    with Stages(progress) as stages:
        with stages.begin("read the fields"):
            fields = fields_of_model(
                encoder,
                parameters,
                data=reported,
                pattern=pattern,
                candidates=candidates,
                features=None,
                seed=seed if encoder is None or encoder in ENCODERS.names() else None,
                strict=strict,
                runs=Path(runs),
                where="select",
                quick=True,
            )
            request = request_of(fields, wanted, wish, named.name, named.parameters, seed)
        bars = {piece: stages.add(what) for piece, what in PARTS.items()}
        executor = executor_for(workers, None, Path(runs), len(PIECES))
        chosen = select_fields(request, executor, lambda piece, *done: bars[piece](*done))
    if figure is not None:
        save(chosen.figure(), Path(figure))
    table = chosen.table
    table.attrs = chosen.attrs
    return table


def command(  # long: its options, one a line
    encoder: Annotated[
        str | None,
        typer.Argument(metavar="ENCODER_OR_RUN", show_default="the best quick one"),
    ] = None,
    target: Annotated[str, typer.Option("--property", help="What is wanted.")] = TARGET,
    above: Annotated[
        float | None, typer.Option(help="Above this value.", show_default="4.5 of band_gap")
    ] = None,
    at_most: Annotated[float | None, typer.Option(help="Not above this value.")] = None,
    data: Annotated[
        str, typer.Option("--data", help="A data set or a file of yours with the property.")
    ] = DATASET,
    classifier: Annotated[
        str | None,
        typer.Option(help="Of element sets.", show_default="the best classifier"),
    ] = None,
    reported: Annotated[
        str | None,
        typer.Option(help="What the encoder learns from.", show_default=DATASET),
    ] = None,
    pattern: PatternOption = None,
    candidates: CandidatesOption = None,
    contains: ContainsOption = "",
    exclude: ExcludeOption = "",
    cations: CationsOption = "",
    anions: AnionsOption = "",
    setting: SetOption = None,
    seed: SeedOption = 0,
    strict: StrictOption = False,
    workers: WorkersOption = 2,
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = Path("selection.csv"),
    figure: Annotated[Path, typer.Option(help="Figure to write.")] = Path("selection.png"),
    runs: RunsOption = Path("runs"),
) -> None:
    """Sort unexplored fields by the probability of a wanted property and by accessibility.

    Example: `phasezoo select --property band_gap --above 4.5 --contains Li`
    """
    require_output(out, data, reported, candidates)
    require_output(figure, data, reported, candidates)
    table = select(
        encoder,
        target=target,
        above=above,
        at_most=at_most,
        data=data,
        classifier=classifier,
        reported=reported,
        pattern=pattern,
        candidates=candidates,
        contains=symbols_of(contains),
        exclude=symbols_of(exclude),
        cations=symbols_of(cations),
        anions=symbols_of(anions),
        seed=seed,
        strict=strict,
        workers=workers,
        runs=runs,
        figure=figure,
        progress=sys.stderr.isatty(),
        **settings_of(setting, select),
    )
    with whole(out) as at:
        table.to_csv(at, index=False)
    print_selection(table)
    typer.echo(
        f"{len(table):,} unexplored fields in {out}, merit against accessibility in {figure}"
    )
    print_notes(table)
    print_reads(table, out.with_suffix(".unusable_rows.csv"))


def print_selection(table: pd.DataFrame) -> None:
    """The best fields, and what both models are worth."""
    columns = ["rank", "elements", "joint", "P(merit)", "accessible %", "front", "nearest reported"]
    value = table.columns[-1]
    best = new_table(*columns, value.removeprefix("nearest_"))
    for row in table.head(LISTED).to_dict("records"):
        best.add_row(
            str(row["rank"]),
            row["elements"],
            f"{row['joint']:.3f}",
            f"{row['probability']:.2f} ± {row['uncertainty']:.2f}",
            f"{row['accessibility']:.2f}",
            "front" if row["front"] else "",
            row["nearest_reported"],
            f"{row[value]:.3g}" if row[value] == row[value] else "unknown",
        )
    print_table(best)
    typer.echo(f"wanted   {table.attrs['wanted']}; joint = P(merit) x accessible % / 100")
    quality = json.loads(table.attrs["quality"])
    held, among = (quality["accessibility"][key][0] for key in ("held_out", "among"))
    said = {
        "merit": "of element sets that the classifier has not seen (five folds)",
        "accessibility": f"of {held:,} reported fields held out, among {among:,} candidates",
    }
    for name, of_what in said.items():
        auroc, precision = quality[name]["auroc"], quality[name]["average_precision"]
        typer.echo(
            f"{name:13s} AUROC {auroc[0]:.3f} [{auroc[1]:.3f}, {auroc[2]:.3f}], average precision "
            f"{precision[0]:.3f} (random {precision[3]:.3f}), {of_what}"
        )
