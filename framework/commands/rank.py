"""`phasezoo rank`: unexplored fields, the most plausible first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.files import whole
from framework.commands.fields import fields_of_model
from framework.commands.options import (
    AnionsOption,
    CandidatesOption,
    CationsOption,
    ContainsOption,
    ExcludeOption,
    FeaturesOption,
    FieldsDataOption,
    PatternOption,
    RunsOption,
    SetOption,
    StrictOption,
    TrainingSeedOption,
    require_output,
    settings_of,
    symbols_of,
)
from framework.commands.printing import new_table, print_notes, print_reads, print_table, spoken
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import pandas as pd


def rank(  # long: its options, one a line
    model: str | None = None,
    *,
    data: str | Path | None = None,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    contains: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cations: Sequence[str] = (),
    anions: Sequence[str] = (),
    features: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    progress: bool = False,
    **parameters: Any,
) -> pd.DataFrame:
    """Unexplored fields, most plausible first.

    Args:
        model: a registered encoder, then fitted on all reported fields, by default the best one; or
            a finished run (folder, digest, MLflow run id, or ``last``), whose checkpoint is taken
            as it is: it has not seen its own hold-out and validation fields.
        data, pattern, candidates, features, seed, parameters: as in `run`. A finished run has
            its own; for it only ``candidates`` may be given, and their ``pattern``.
        contains, exclude: elements that a listed field must and must not hold.
        cations, anions: elements that a listed field may have; any where empty.
        progress: show progress bars on standard error.

    Returns:
        one row a field: rank, elements, score (higher = more plausible), percentile among the
        candidates listed, nearest_reported (the one that shares most
        elements, then closest by descriptors); of a finished run that was calibrated on its
        validation part also probability, that the field is one of the reported that it has not
        seen. ``attrs``: reads, unusable_rows, notes (JSON).

    Raises:
        UserError: anything in it is unknown or unusable, or no candidate is left.

    Example:
        >>> table = rank("element_frequency", data="fields.txt", pattern="M-M'-A", contains=["Li"])
        >>> table.columns.tolist()
        ['rank', 'elements', 'score', 'percentile', 'nearest_reported']
        >>> all("Li" in elements.split() for elements in table["elements"])
        True
    """
    import json

    from framework.base.progress import Stages
    from framework.runs.cell import calibration_of, ranked
    from framework.selection.listing import Wanted, listed
    from framework.selection.nearest import ReportedFields

    wanted = Wanted(contains, exclude, cations, anions)
    with Stages(progress) as stages:
        with stages.begin("read the fields"):
            fields = fields_of_model(
                model,
                parameters,
                data=data,
                pattern=pattern,
                candidates=candidates,
                features=features,
                seed=seed,
                strict=strict,
                runs=Path(runs),
                where="rank",
            )
            index = listed(fields, wanted)
        with stages.begin(f"fit {fields.name}") as done:
            fields.fit(progress=done)
        with stages.begin(f"score {len(index):,} fields"):
            table = ranked(fields.names[index], fields.score(index))
        index = index[table.attrs["order"]]
        with stages.begin("nearest reported fields") as done:
            if fields.run is not None and candidates is None:
                # other candidates may have another share of hits
                calibration = calibration_of(fields.run.folder)
                if calibration is not None:
                    table["probability"] = calibration.probability(table["score"])
            table["nearest_reported"] = ReportedFields.of(fields).nearest(fields, index, done)
    table.attrs = {name: fields.items.attrs[name] for name in ("unusable_rows", "reads")}
    table.attrs["notes"] = json.dumps(fields.notes)
    return table


def command(  # long: its options, one a line
    model: Annotated[
        str | None,
        typer.Argument(metavar="ENCODER_OR_RUN", show_default="the best encoder"),
    ] = None,
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = Path("ranking.csv"),
    contains: ContainsOption = "",
    exclude: ExcludeOption = "",
    cations: CationsOption = "",
    anions: AnionsOption = "",
    data: FieldsDataOption = None,
    pattern: PatternOption = None,
    candidates: CandidatesOption = None,
    features: FeaturesOption = None,
    setting: SetOption = None,
    seed: TrainingSeedOption = None,
    strict: StrictOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Rank unexplored fields by an encoder fitted on all reported ones, or by a finished run.

    Example: `phasezoo rank --contains Li --anions S,Se,Cl --out ranking.csv`
    """
    require_output(out, data, candidates, features)
    table = rank(
        model,
        data=data,
        pattern=pattern,
        candidates=candidates,
        contains=symbols_of(contains),
        exclude=symbols_of(exclude),
        cations=symbols_of(cations),
        anions=symbols_of(anions),
        features=features,
        seed=seed,
        strict=strict,
        runs=runs,
        progress=sys.stderr.isatty(),
        **settings_of(setting, rank),
    )
    with whole(out) as at:
        table.to_csv(at, index=False)
    best = new_table(*table.columns)
    for row in table.head(15).itertuples(index=False):
        best.add_row(str(row[0]), row[1], f"{row[2]:.4g}", f"{row[3]:.2f}", *map(spoken, row[4:]))
    print_table(best)
    typer.echo(f"{len(table):,} unexplored fields, best first, in {out}")
    print_notes(table)
    print_reads(table, out.with_suffix(".unusable_rows.csv"))
