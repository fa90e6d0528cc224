"""The command line: one command, `phasezoo`, and its verbs.

A user's mistake ends with one message and exit code 2; a run that failed with 1. Heavy imports
stand inside the verbs, so that listings and help answer at once.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from framework.base.errors import UserError
from framework.base.interruption import Interrupted, interruptible
from framework.commands.printing import (
    describe_data,
    describe_model,
    finish,
    new_table,
    print_leaderboard,
    print_metrics,
    print_optimised,
    print_published,
    print_reproduction,
    print_table,
    print_tuned,
    tell_unusable,
)

app = typer.Typer(
    name="phasezoo",
    help="Benchmark materials encoders honestly: baselines, intervals and audits in every table.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="List, describe and validate data sets.\n\nExample: `phasezoo data validate mine.csv`",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data")

ExperimentArgument = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml")]
WorkersOption = Annotated[int, typer.Option(min=1, max=256, help="Processes.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler: work on its workers, which see the same folders.",
        show_default="this machine",
    ),
]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder of all results.")]
DataOption = Annotated[
    str, typer.Option("--data", help="A registered data set, or a file of yours.")
]
TrackOption = Annotated[bool, typer.Option("--track/--no-track", help="Log to MLflow.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse files with unusable rows.")]
PatternOption = Annotated[
    str | None, typer.Option("--pattern", help="Field space, for instance M-M'-A-A'.")
]
CandidatesOption = Annotated[
    Path | None, typer.Option("--candidates", help="File of candidate element sets, one a line.")
]
FeaturesOption = Annotated[
    str | None, typer.Option("--features", help="Element table, or a CSV file of one.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the encoder: name=value.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of hold-out and training.")
]


@app.command("models")
def models_(
    pattern: Annotated[str, typer.Argument(help="A name; wildcards allowed.")] = "*",
) -> None:
    """List the registered encoders and predictors, or show all settings of one.

    Example: `phasezoo models` or `phasezoo models phase_field_vae`
    """
    from framework.commands.verbs import list_models

    rows = list_models(pattern)
    if len(rows) == 1:
        describe_model(rows[0])
        return
    table = new_table("model", "representation", "kind", "what it is")
    for row in rows:
        table.add_row(row["name"], row["representation"], row["kind"], row["summary"])
    print_table(table)


@data_app.command("list")
def data_list() -> None:
    """List the registered data sets.

    Example: `phasezoo data list`
    """
    from framework.registry.registry import DATASETS

    table = new_table("data set", "what it is")
    for name in DATASETS.names():
        table.add_row(name, DATASETS.entry(name).summary)
    print_table(table)


@data_app.command("describe")
def data_describe(name: Annotated[str, typer.Argument(help="A registered data set.")]) -> None:
    """Show size, properties, source and licence of a data set.

    Example: `phasezoo data describe oqmd_icsd`
    """
    from framework.registry.parameters import REQUIRED, parameters
    from framework.registry.registry import DATASETS

    item = DATASETS.load(name)
    needed = [n for n, p in parameters(item).items() if p.default is REQUIRED]
    if needed:
        typer.echo(f"{name}: {DATASETS.entry(name).summary}\nreads a file: --data FILE, or in YAML")
        typer.echo(f"dataset: {{name: {name}, {needed[0]}: FILE}}")
        return
    describe_data(item())


@data_app.command("validate")
def data_validate(
    path: Annotated[Path, typer.Argument(help="A file of formulas or element sets.")],
    strict: StrictOption = False,
) -> None:
    """Read a file as a run would, and say what can be used.

    Example: `phasezoo data validate mine.csv`
    """
    from framework.contracts.dataset import unusable_rows
    from framework.registry.registry import DATASETS

    dataset = DATASETS.load("file")(str(path), strict=strict)
    describe_data(dataset)
    rows = unusable_rows(dataset)
    for row in rows[:20]:
        typer.echo(f"  line {row.line}: {row.reason}: {row.text[:60]}")
    if len(rows) > 20:
        typer.echo(f"  and {len(rows) - 20} more; a run with the file writes all to a side file")


@app.command("run")
def run_(
    encoder: Annotated[str, typer.Argument(help="A registered encoder.")],
    data: DataOption = "oqmd_icsd",
    split: Annotated[str, typer.Option(help="Hold-out strategy.")] = "random",
    seed: SeedOption = 0,
    pattern: PatternOption = None,
    candidates: CandidatesOption = None,
    features: FeaturesOption = None,
    setting: SetOption = None,
    strict: StrictOption = False,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Fit one encoder and score its hold-out once.

    Example: `phasezoo run autoencoder --split time --set latent_dim=8`
    """
    from framework.commands import verbs

    outcome = verbs.run(
        encoder,
        data=data,
        split=split,
        seed=seed,
        pattern=pattern,
        candidates=candidates,
        features=features,
        strict=strict,
        runs=runs,
        track=track,
        progress=sys.stderr.isatty(),
        **_settings(setting, verbs.run),
    )
    if outcome.results is not None:
        print_metrics(outcome)
    finish(outcome, runs, track)


@app.command("benchmark")
def benchmark_(
    path: ExperimentArgument,
    data: Annotated[str | None, typer.Option("--data", help="In place of the YAML's data.")] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    strict: StrictOption = False,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Run every encoder on every split and seed of a YAML; finished runs are not repeated.

    Example: `phasezoo benchmark experiments/phase_field_benchmark.yaml --workers 2`
    """
    from framework.commands.tracked import benchmark
    from framework.commands.verbs import with_data
    from framework.config.experiment import read_experiment
    from framework.contracts.dataset import refuse_unusable, unusable_rows
    from framework.runs.plan import items_of, plan

    experiment = read_experiment(path)
    if data is not None:
        experiment = with_data(experiment, data, strict=strict)
    if strict:  # whichever file of the YAML it is that holds unusable rows
        rows = unusable_rows(items_of(plan(experiment, str(path))[0].settings))
        refuse_unusable(rows, f"{path}: its files")
    outcome = benchmark(
        experiment,
        runs,
        workers=workers,
        scheduler=scheduler,
        track=track,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    if outcome.results is not None:
        print_leaderboard(outcome)
    if experiment.published is not None:
        import pandas as pd

        from framework.benchmark.published import FILE

        print_published(pd.read_csv(outcome.folder / FILE))
    finish(outcome, runs, track)


@app.command("tune")
def tune_(
    path: ExperimentArgument,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder to tune.", show_default="the YAML's, or its first")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Finished trials in total.", show_default="40")
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database URL: sqlite:///study.db, postgresql://user@host/name.",
            show_default="a journal in the folder of results",
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which no new trial is begun.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="In place of the YAML's data.")] = None,
    register: Annotated[
        str | None, typer.Option(help="Register the winner in MLflow under this name.")
    ] = None,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Search an encoder's settings on validation; score defaults and winner once on the hold-out.

    The same command goes on where it was stopped.

    Example: `phasezoo tune experiments/tune_phase_field_vae.yaml --trials 40 --workers 2`
    """
    from framework.commands.tracked import tune
    from framework.commands.verbs import with_data
    from framework.config.experiment import read_experiment

    experiment = read_experiment(path)
    if data is not None:
        experiment = with_data(experiment, data)
    tuned = tune(
        experiment,
        runs,
        encoder=encoder,
        trials=trials,
        workers=workers,
        scheduler=scheduler,
        storage=storage,
        timeout=timeout,
        track=track,
        register=register,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    print_tuned(tuned)
    if tuned.outcome is not None:
        finish(tuned.outcome, runs, track)


@app.command("optimise")
def optimise_(
    path: ExperimentArgument,
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Evaluations of each search.", show_default="100"),
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    data: Annotated[
        str | None, typer.Option("--data", help="File or data set that the objectives read.")
    ] = None,
    track: TrackOption = True,
    runs: RunsOption = Path("runs"),
) -> None:
    """Search points of a space with several samplers, and compare each with random search.

    The same command goes on where it was stopped.

    Example: `phasezoo optimise experiments/optimise_li_sn_s_cl.yaml --data hull.csv --workers 2`
    """
    from framework.commands.tracked import optimise
    from framework.config.optimisation import read_optimisation

    experiment = read_optimisation(path)
    if trials is not None:
        experiment = experiment.model_copy(update={"trials": trials})
    done = optimise(
        experiment,
        runs,
        data=data,
        workers=workers,
        scheduler=scheduler,
        track=track,
        progress=sys.stderr.isatty(),
        where=str(path),
    )
    print_optimised(done, runs, track)


@app.command("published")
def published_(runs: RunsOption = Path("runs")) -> None:
    """Show published figures beside ours, of every experiment that has been run.

    Example: `phasezoo published`
    """
    from framework.benchmark.published import collect

    print_published(collect(runs))


@app.command("rank")
def rank_(
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
    from framework.commands import verbs

    _require_output(out, data, candidates, features)
    table = verbs.rank(
        model,
        data=data,
        pattern=pattern,
        candidates=candidates,
        contains=_symbols(contains),
        exclude=_symbols(exclude),
        features=features,
        seed=seed,
        strict=strict,
        runs=runs,
        **_settings(setting, verbs.rank),
    )
    table.to_csv(out, index=False)
    shown = new_table(*table.columns)
    for row in table.head(15).itertuples(index=False):
        shown.add_row(str(row[0]), row[1], f"{row[2]:.4g}", f"{row[3]:.2f}", row[4])
    print_table(shown)
    typer.echo(f"{len(table):,} unexplored fields, best first, in {out}")
    tell_unusable(table, out.with_suffix(".unusable_rows.csv"))


@app.command("audit")
def audit_(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder, digest or MLflow run id.")],
    out: Annotated[Path, typer.Option(help="Figure to write.")] = Path("audit.png"),
    runs: RunsOption = Path("runs"),
) -> None:
    """Say whether the model of a finished run is alive, with the quantities behind it.

    Example: `phasezoo audit 3f2a`
    """
    from framework.audit.audit import QUANTITIES
    from framework.commands import verbs

    _require_output(out)
    found = verbs.audit(run, out=out, runs=runs)
    typer.echo(f"{run}: {found.verdict}")
    for reason in found.reasons:
        typer.echo(f"  {reason}")
    table = new_table("quantity", "value", "what it is")
    for name, value in found.values.items():
        table.add_row(name, f"{value:.3f}", QUANTITIES[name])
    print_table(table)
    both = [path for path in (out, verbs.clusters_path(out)) if path.exists()]
    typer.echo(f"figures in {' and '.join(map(str, both))}")


@app.command("reproduce")
def reproduce_(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder, digest or MLflow run id.")],
    runs: RunsOption = Path("runs"),
) -> None:
    """Run a finished run again and compare every number bit by bit; exit code 1 on a difference.

    Example: `phasezoo reproduce 3f2a`
    """
    from framework.commands.reproduction import reproduce

    again = reproduce(run, runs)
    print_reproduction(run, again)
    raise typer.Exit(0 if again.holds else 1)


@app.command("ui")
def ui_(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    runs: RunsOption = Path("runs"),
) -> None:
    """Open the MLflow UI on the store of the runs, on this machine only.

    Example: `phasezoo ui --port 5001`
    """
    from framework.tracking import ui

    raise typer.Exit(ui.serve_ui(runs, port))


@app.command("check")
def check_(
    path: Annotated[Path, typer.Argument(metavar="FILE.py")], setting: SetOption = None
) -> None:
    """Check a file against the contract of its kind: an encoder, predictor, split, data set,
    candidate source or metric.

    Example: `phasezoo check my_model.py`
    """
    from framework.checks import items
    from framework.commands.verbs import DATASET
    from framework.registry import registry

    item = registry.load_file(path)
    held = 0
    for sentence, problem in items.check(
        item, DATASET, _settings(setting, lambda: None), str(path)
    ):
        typer.echo(f"{'ok    ' if problem is None else 'FAILED'} {sentence}")
        if problem is not None:
            typer.echo(f"       {problem}")
            raise typer.Exit(1)
        held += 1
    name = getattr(item, "__name__", path.stem)
    typer.echo(f"{path}: {name} holds all {held} checks")


def main() -> None:
    """Entry point of the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        with interruptible():
            app()
    except UserError as error:
        typer.echo(f"phasezoo: {_printable(str(error))}", err=True)
        sys.exit(2)
    except Interrupted as end:
        typer.echo(
            "phasezoo: interrupted; finished runs are kept. Run the same command to continue.",
            err=True,
        )
        sys.exit(end.code)


def _printable(text: str) -> str:
    """Control characters and broken ones of a user's input as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _settings(given: list[str] | None, verb: Callable[..., Any]) -> dict[str, Any]:
    """The encoder's settings of `--set name=value`, for a verb that takes them as keywords."""
    from framework.config.strict_yaml import read_yaml

    out: dict[str, Any] = {}
    for text in given or []:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise UserError(f"--set {text}: write name=value, for instance --set latent_dim=8")
        if name in out:
            raise UserError(f"--set {text}: '{name}' is set twice; set it once")
        if name in inspect.signature(verb).parameters:
            raise UserError(
                f"--set {text}: '{name}' is no setting of the encoder; give it to the command "
                "itself (see --help)"
            )
        out[name] = read_yaml(value, where=f"--set {name}")
    return out


def _require_output(out: Path, *inputs: str | Path | None) -> None:
    """Refuse a file that cannot be written, or that is read, before anything is computed."""
    try:
        if out.resolve() in [Path(path).resolve() for path in inputs if path]:
            raise UserError(f"--out {out}: is a file that this command reads; name another one")
        out.parent.mkdir(parents=True, exist_ok=True)
        stood = out.exists()
        out.open("ab").close()
        if not stood:
            out.unlink()
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be written ({error.strerror}); name another file"
        ) from None


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").replace("-", " ").split())
