"""`phasezoo run`: one encoder fitted, its hold-out scored once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.commands.options import (
    CandidatesOption,
    DataOption,
    FeaturesOption,
    FormulaColumnOption,
    PatternOption,
    RunsOption,
    SeedOption,
    SetOption,
    StrictOption,
    TrackOption,
    reading_of,
    settings_of,
)
from framework.commands.printing import finish, new_table, print_table
from framework.registry.registry import ENCODERS
from framework.runs.data import DATASET, data_component, ranking_of_fields
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome


def run(
    encoder: str,
    *,
    data: str | Path = DATASET,
    split: str = "random",
    seed: int = 0,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    features: str | None = None,
    formula_column: str | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    track: bool = False,
    progress: bool = False,
    **parameters: Any,
) -> Outcome:
    """Fit one encoder, score its hold-out once; a benchmark of one cell.

    Args:
        encoder: a registered name.
        data: a registered data set, or a file of formulas or element sets.
        split, seed: the hold-out.
        pattern, candidates: the field space, and a file of candidates in place of all of it.
        features: element table of the representation.
        formula_column: the column of formulas of the file of ``data``.
        strict: refuse files of which a row is left out.
        parameters: settings of the encoder.

    Raises:
        UserError: anything in it is unknown or unusable.

    Example:
        >>> outcome = run("pair_cooccurrence", data="fields.txt", pattern="M-M'-A")
        >>> outcome.results["value"].sel(metric="auroc").dims
        ('encoder', 'split', 'seed')
    """
    from framework.commands.benchmark import benchmark
    from framework.config.experiment import experiment_from
    from framework.runs.plan import require_all_used

    ENCODERS.require(encoder)
    representation = ENCODERS.entry(encoder).constants.get("representation", "")
    experiment = experiment_from(
        {
            "name": f"run-{encoder}",
            "dataset": data_component(data, **reading_of(formula_column)),
            "task": ranking_of_fields(pattern, candidates),
            "representations": {representation: {"features": features}} if features else {},
            "splits": [split],
            "seeds": [seed],
            "encoders": [{"name": encoder, "parameters": parameters}],
        },
        where="run",
    )
    if strict:
        require_all_used(experiment, "run", Path(runs))
    return benchmark(experiment, Path(runs), track=track, progress=progress, where="run")


def command(
    encoder: Annotated[str, typer.Argument(help="A registered encoder.")],
    data: DataOption = "oqmd_icsd",
    split: Annotated[str, typer.Option(help="Hold-out strategy.")] = "random",
    seed: SeedOption = 0,
    pattern: PatternOption = None,
    candidates: CandidatesOption = None,
    features: FeaturesOption = None,
    setting: SetOption = None,
    formula_column: FormulaColumnOption = None,
    strict: StrictOption = False,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Fit one encoder and score its hold-out once.

    Example: `phasezoo run autoencoder --split time --set latent_dim=8`
    """
    outcome = run(
        encoder,
        data=data,
        split=split,
        seed=seed,
        pattern=pattern,
        candidates=candidates,
        features=features,
        formula_column=formula_column,
        strict=strict,
        runs=runs,
        track=track,
        progress=sys.stderr.isatty(),
        **settings_of(setting, run),
    )
    if outcome.results is not None:
        print_metrics(outcome)
    raise typer.Exit(0 if finish(outcome, runs, track) else 1)


def print_metrics(outcome: Outcome) -> None:
    """All metrics as the leaderboard has them: the mean over folds with its interval; below it
    every fold, where there are several."""
    from framework.benchmark.leaderboard import leaderboard
    from framework.contracts.split import PARTS

    cube = outcome.results
    assert cube is not None
    metrics = [str(name) for name in cube["metric"].values]
    (row,) = leaderboard(cube, metrics).to_dict("records")
    folds = [str(label) for label in cube["split"].values]
    several = len(folds) > 1
    value = f"mean over {len(folds)} folds" if several else "value"
    table = new_table("metric", value, "95 % interval", "random order")
    for name in metrics:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        interval = f"{low:.4f} .. {high:.4f}" if low == low else "none: too few hits"
        table.add_row(name, f"{row[name]:.4f}", interval, f"{row[f'{name}_random']:.4f}")
    print_table(table)
    if not several:
        return
    main = cube.attrs["metrics"].split()
    by_fold = new_table("fold", "held out", *main, "run")
    for fold in folds:
        at = cube.sel(split=fold).isel(encoder=0, seed=0)
        n = int((at["part"] == PARTS.index("holdout")).sum())
        values = [f"{float(at['value'].sel(metric=metric)):.4f}" for metric in main]
        by_fold.add_row(fold, f"{n:,}", *values, str(at["run"].item()))
    print_table(by_fold)
