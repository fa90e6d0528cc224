"""`phasezoo rank`: unexplored fields, the most plausible first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.errors import UserError
from framework.base.files import whole
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
from framework.commands.printing import new_table, print_reads, print_table
from framework.registry.registry import CANDIDATES, ENCODERS
from framework.runs.data import DATASET, data_component, ranking_of_fields
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from framework.contracts.encoder import Encoder
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
            (folder, digest, MLflow run id, or ``last``), whose checkpoint is taken as it is: it has not seen
            its own hold-out and validation fields.
        data, pattern, candidates, features, seed, parameters: as in `run`. A finished run has
            its own; for it only ``candidates`` may be given, and their ``pattern``.
        contains, exclude: elements that a listed field must and must not hold.

    Returns:
        one row a field: rank, elements, score (higher = more plausible), percentile among the
        candidates listed, nearest_reported (the one that shares most
        elements, then closest by descriptors). ``attrs``: reads, unusable_rows (JSON).

    Raises:
        UserError: anything in it is unknown or unusable, or no candidate is left.

    Example:
        >>> table = rank("element_frequency", data="fields.txt", pattern="M-M'-A", contains=["Li"])
        >>> table.columns.tolist()
        ['rank', 'elements', 'score', 'percentile', 'nearest_reported']
        >>> all("Li" in elements.split() for elements in table["elements"])
        True
    """
    from framework.runs.cell import ranked

    CANDIDATES.load("pattern")(contains=tuple(contains), exclude=tuple(exclude))  # checks symbols
    task = ranking_of_fields(pattern, candidates, strict)
    if model in ENCODERS.names():
        dataset = data_component(DATASET if data is None else data, strict=strict)
        items, samples, encoder = _fitted(model, parameters, dataset, task, features, seed or 0)
    else:
        of_the_run = {"data": data, "features": features, "seed": seed, **parameters}
        if candidates is None:
            of_the_run |= {"pattern": pattern, "strict": strict or None}
        if given := [name for name, value in of_the_run.items() if value is not None]:
            raise UserError(
                f"rank {model}: a finished run has its own {', '.join(given)}; leave it out, or "
                "rank by an encoder's name to fit anew"
            )
        other_task = None if candidates is None else task
        items, samples, encoder = _of_run(model, Path(runs), other_task)
    reported, listed = _where(items, True), _listed(items, contains, exclude)
    scores = encoder.score_samples(samples.take(listed))
    table = ranked(items["element_set"].values[listed], scores)
    best_first = listed[table.attrs["order"]]
    table["nearest_reported"] = _nearest(items, samples, reported, best_first)
    table.attrs = {name: items.attrs[name] for name in ("unusable_rows", "reads")}
    return table


def _fitted(
    model: str,
    parameters: dict[str, Any],
    dataset: dict[str, Any],
    task: dict[str, Any],
    features: str | None,
    seed: int,
) -> tuple[xr.Dataset, Samples, Encoder]:
    """The items of a task, and an encoder fitted on all reported ones."""
    from framework.config.schema import Component
    from framework.runs import components
    from framework.runs.context import everything_reported, give_context
    from framework.runs.items import items_of

    reads = ENCODERS.load(model).representation
    settings = components.resolve(
        dataset=Component.model_validate(dataset),
        task=Component.model_validate(task),
        encoder=Component(name=model, parameters=parameters),
        representation=Component(name=reads, parameters={"features": features} if features else {}),
        where="rank",
    )
    items = items_of(settings)
    train = _where(items, True)
    _, samples = components.represented(settings["representation"], items, train)
    components.require_buildable(settings["encoder"], samples, "rank")
    encoder = components.built(settings["encoder"], samples, seed)
    give_context(encoder, settings, items, everything_reported(items), samples)
    encoder.fit(samples.take(train))
    return items, samples, encoder


def _of_run(
    run: str, runs: Path, task: dict[str, Any] | None
) -> tuple[xr.Dataset, Samples, Encoder]:
    """The items of a finished run, or of another task on its data, and its encoder as it is."""
    from framework.runs.components import resolve_task, task_of
    from framework.runs.context import restore_context
    from framework.runs.items import items_of

    saved = opened(run, runs)
    settings = saved.settings
    if task is not None:
        settings = {**settings, "task": resolve_task(task, "rank")}
    elif task_of(settings["task"]).members is None:
        raise UserError(
            f"rank {run}: is a run of task '{settings['task']['name']}', which has no "
            "unexplored fields to list; take a run of task 'plausibility'"
        )
    items = items_of(settings)
    restore_context(saved)
    return items, saved.representation.transform(items), saved.encoder


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
    with whole(out) as at:
        table.to_csv(at, index=False)
    best = new_table(*table.columns)
    for row in table.head(15).itertuples(index=False):
        best.add_row(str(row[0]), row[1], f"{row[2]:.4g}", f"{row[3]:.2f}", row[4])
    print_table(best)
    typer.echo(f"{len(table):,} unexplored fields, best first, in {out}")
    print_reads(table, out.with_suffix(".unusable_rows.csv"))


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
            f"{verb} {', '.join(symbols)}"
            for verb, symbols in zip(("holds", "lacks"), (contains, exclude), strict=True)
            if symbols
        ]
        raise UserError(
            f"none of the {len(unexplored):,} candidates {' and '.join(wanted)}; "
            "ask for fewer elements"
        )
    return listed


def _nearest(
    items: xr.Dataset, samples: Samples, reported: np.ndarray, index: np.ndarray
) -> np.ndarray:
    """The reported field that shares most elements with each item at ``index`` (n,); of several,
    the one whose standardised descriptors are closest."""
    import numpy as np

    sets = [text.split() for text in items["element_set"].values]
    column = {symbol: i for i, symbol in enumerate(sorted({s for each in sets for s in each}))}
    known = samples.take(reported).descriptors()
    mean, scale = known.mean(axis=0), known.std(axis=0)
    scale[scale < 1e-6] = np.inf  # constant: tells nothing

    def described(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        elements = np.zeros((len(rows), len(column)), np.float32)
        for row, item in enumerate(rows):
            elements[row, [column[symbol] for symbol in sets[item]]] = 1
        return elements, (samples.take(rows).descriptors() - mean) / scale

    known_elements, known_points = described(reported)
    nearest = []
    for part in np.array_split(index, -(-len(index) // NEIGHBOURS_AT_ONCE)):
        elements, points = described(part)
        products = points @ known_points.T
        squared = (points**2).sum(1)[:, None] - 2 * products + (known_points**2).sum(1)
        distance = np.sqrt(squared.clip(0), dtype=float)
        # a shared element outweighs any distance
        likeness = elements @ known_elements.T - distance / (1 + distance)
        nearest.append(likeness.argmax(axis=1))
    names: np.ndarray = items["element_set"].values[reported[np.concatenate(nearest)]]
    return names
