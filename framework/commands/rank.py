"""`phasezoo rank`: unexplored fields, the most plausible first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.errors import UserError
from framework.commands.opened import opened
from framework.commands.options import (
    CandidatesOption,
    FeaturesOption,
    PatternOption,
    RunsOption,
    SetOption,
    StrictOption,
    require_output,
    settings_of,
    symbols_of,
)
from framework.commands.printing import new_table, print_table, tell_unusable
from framework.registry.registry import CANDIDATES, ENCODERS
from framework.runs.data import DATASET, data_component, ranking_of_fields
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from framework.contracts.representation import Samples

NEIGHBOURS_AT_ONCE = 10_000
"""Candidates whose nearest reported field is looked up in one go; bounds the memory."""


def rank(
    model: str,
    *,
    data: str | Path | None = None,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    contains: Sequence[str] = (),
    exclude: Sequence[str] = (),
    features: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    **parameters: Any,
) -> pd.DataFrame:
    """Unexplored fields, most plausible first.

    Args:
        model: a registered encoder, then fitted on all reported fields; or a finished run
            (folder, digest, MLflow run id), whose checkpoint is taken as it is: it has not seen
            its own hold-out and validation fields.
        data, pattern, candidates, features, seed, parameters: as in `run`. A finished run has
            its own; for it only ``candidates`` may be given, and their ``pattern``.
        contains, exclude: elements that a listed field must and must not hold.

    Returns:
        one row a field: rank, elements, score (higher = more plausible), percentile among the
        candidates listed, nearest_reported (the one that shares most
        elements, then closest by descriptors). ``attrs``: unusable_rows (JSON).

    Raises:
        UserError: anything in it is unknown or unusable, or no candidate is left.
    """
    from framework.config.schema import Component
    from framework.runs import components
    from framework.runs.cell import ranked
    from framework.runs.components import task_of
    from framework.runs.items import items_of

    CANDIDATES.load("pattern")(contains=tuple(contains), exclude=tuple(exclude))  # checks symbols
    if model in ENCODERS.names():
        name = ENCODERS.load(model).representation
        settings: dict[str, Any] = components.resolve(
            dataset=Component.model_validate(
                data_component(DATASET if data is None else data, strict=strict)
            ),
            task=Component.model_validate(ranking_of_fields(pattern, candidates, strict)),
            encoder=Component(name=model, parameters=parameters),
            representation=Component(
                name=name, parameters={"features": features} if features else {}
            ),
            where="rank",
        )
        items = items_of(settings)
        shown = components.represented(settings["representation"], items, _where(items, True))[1]
        components.require_buildable(settings["encoder"], shown, "rank")
        encoder = components.built(settings["encoder"], shown, seed or 0)
        encoder.fit(shown.take(_where(items, True)))
    else:
        saved = opened(model, Path(runs))
        settings = saved.settings
        own = {"data": data, "features": features, "seed": seed, **parameters}
        if candidates is None:
            own |= {"pattern": pattern, "strict": strict or None}
        if given := [name for name, value in own.items() if value is not None]:
            raise UserError(
                f"rank {model}: a finished run has its own {', '.join(given)}; leave it out, or "
                "rank by an encoder's name to fit anew"
            )
        if candidates is not None:
            task = components.resolve_task(ranking_of_fields(pattern, candidates, strict), "rank")
            settings = {**settings, "task": task}
        elif task_of(settings["task"]).members is None:
            raise UserError(
                f"rank {model}: is a run of task '{settings['task']['name']}', which has no "
                "unexplored fields to list; take a run of task 'plausibility'"
            )
        items = items_of(settings)
        shown, encoder = saved.representation.transform(items), saved.encoder
    reported, listed = _where(items, True), _listed(items, contains, exclude)
    scores = encoder.score_samples(shown.take(listed))
    table = ranked(items["element_set"].values[listed], scores)
    table["nearest_reported"] = _nearest(items, shown, reported, listed[table.attrs["order"]])
    table.attrs = {"unusable_rows": items.attrs["unusable_rows"]}
    return table


def command(
    model: Annotated[str, typer.Argument(metavar="ENCODER_OR_RUN")],
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = Path("ranking.csv"),
    contains: Annotated[str, typer.Option(help="Elements each field must hold: Li or Li,S.")] = "",
    exclude: Annotated[str, typer.Option(help="Elements no field may hold.")] = "",
    data: Annotated[
        str | None,
        typer.Option("--data", help="A data set or a file of yours.", show_default="oqmd_icsd"),
    ] = None,
    pattern: PatternOption = None,
    candidates: CandidatesOption = None,
    features: FeaturesOption = None,
    setting: SetOption = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, help="Of the training.", show_default="0"),
    ] = None,
    strict: StrictOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Rank unexplored fields by an encoder fitted on all reported ones, or by a finished run.

    Example: `phasezoo rank pair_cooccurrence --contains Li --out ranking.csv`
    """
    require_output(out, data, candidates, features)
    table = rank(
        model,
        data=data,
        pattern=pattern,
        candidates=candidates,
        contains=symbols_of(contains),
        exclude=symbols_of(exclude),
        features=features,
        seed=seed,
        strict=strict,
        runs=runs,
        **settings_of(setting, rank),
    )
    table.to_csv(out, index=False)
    shown = new_table(*table.columns)
    for row in table.head(15).itertuples(index=False):
        shown.add_row(str(row[0]), row[1], f"{row[2]:.4g}", f"{row[3]:.2f}", row[4])
    print_table(shown)
    typer.echo(f"{len(table):,} unexplored fields, best first, in {out}")
    tell_unusable(table, out.with_suffix(".unusable_rows.csv"))


def _where(items: xr.Dataset, reported: bool) -> np.ndarray:
    import numpy as np

    return np.flatnonzero(items["reported"].values == reported)


def _listed(items: xr.Dataset, contains: Sequence[str], exclude: Sequence[str]) -> np.ndarray:
    """Indices of the unexplored items that hold and do not hold certain elements."""
    import numpy as np

    must, must_not = set(contains), set(exclude)
    unexplored = _where(items, False)
    sets = [set(text.split()) for text in items["element_set"].values[unexplored]]
    listed = unexplored[np.array([must <= each and not must_not & each for each in sets])]
    if not len(listed):
        wanted = [
            f"{verb} {', '.join(of)}"
            for verb, of in zip(("holds", "lacks"), (contains, exclude), strict=True)
            if of
        ]
        raise UserError(
            f"none of the {len(unexplored):,} candidates {' and '.join(wanted)}; "
            "ask for fewer elements"
        )
    return listed


def _nearest(items: xr.Dataset, samples: Samples, reported: np.ndarray, of: np.ndarray) -> Any:
    """The reported field that shares most elements with each item; of several, the one whose
    standardised descriptors are closest."""
    import numpy as np

    sets = [text.split() for text in items["element_set"].values]
    column = {symbol: i for i, symbol in enumerate(sorted({s for each in sets for s in each}))}
    known = samples.take(reported).descriptors()
    mean, scale = known.mean(axis=0), known.std(axis=0)
    scale[scale < 1e-6] = np.inf  # constant: tells nothing

    def described(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        held = np.zeros((len(index), len(column)), np.float32)
        for row, item in enumerate(index):
            held[row, [column[symbol] for symbol in sets[item]]] = 1
        return held, (samples.take(index).descriptors() - mean) / scale

    holds, points = described(reported)
    found = []
    for part in np.array_split(of, -(-len(of) // NEIGHBOURS_AT_ONCE)):
        own, at = described(part)
        squared = (at**2).sum(1)[:, None] - 2 * at @ points.T + (points**2).sum(1)
        distance = np.sqrt(squared.clip(0), dtype=float)
        # a shared element outweighs any distance
        likeness = own @ holds.T - distance / (1 + distance)
        found.append(likeness.argmax(axis=1))
    return items["element_set"].values[reported[np.concatenate(found)]]
