"""The options that several verbs share, and how their texts are read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from framework.base.errors import UserError

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
FormulaColumnOption = Annotated[
    str | None, typer.Option("--formula-column", help="Column of formulas of the file of --data.")
]
PropertyOption = Annotated[
    list[str] | None,
    typer.Option("--property", help="Column of that file to read; repeat it for several."),
]
CensoredOption = Annotated[
    bool, typer.Option("--censored", help="Take limits such as <1E-10 in that file as values.")
]
FieldsDataOption = Annotated[
    str | None,
    typer.Option("--data", help="A data set or a file of yours.", show_default="oqmd_icsd"),
]
TrainingSeedOption = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**31 - 1, help="Of the training.", show_default="0"),
]
PatternOption = Annotated[
    str | None, typer.Option("--pattern", help="Field space, for instance M-M'-A-A'.")
]
CandidatesOption = Annotated[
    Path | None,
    typer.Option("--candidates", help="File of candidates, one a line: element sets or formulas."),
]
ContainsOption = Annotated[
    str, typer.Option("--contains", help="Elements each field must hold: Li or Li,S.")
]
ExcludeOption = Annotated[str, typer.Option("--exclude", help="Elements no field may hold.")]
CationsOption = Annotated[
    str, typer.Option("--cations", help="Elements that cations are taken from.", show_default="any")
]
AnionsOption = Annotated[
    str, typer.Option("--anions", help="Elements that anions are taken from.", show_default="any")
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


def reading_of(
    formula_column: str | None, properties: list[str] | None = None, censored: bool = False
) -> dict[str, Any]:
    """How a user's file is to be read, as settings of the data set `file`."""
    given = {
        "formula_column": formula_column,
        "properties": properties and tuple(properties),
        "censored": censored,
    }
    return {name: value for name, value in given.items() if value}


def settings_of(given: list[str] | None, verb: Callable[..., Any]) -> dict[str, Any]:
    """The encoder's settings of `--set name=value`, for a verb that takes them as keywords.

    Raises:
        UserError: a text is not of that form, a name is set twice or belongs to the verb itself.
    """
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
                f"--set {text}: '{name}' is not a setting of the encoder; give it to the command "
                "itself (see --help)"
            )
        out[name] = read_yaml(value, where=f"--set {name}")
    return out


def require_output(out: Path, *inputs: str | Path | None) -> None:
    """Refuse a file that cannot be written, or that is read, before anything is computed.

    Raises:
        UserError: with the reason.
    """
    try:
        if out.resolve() in [Path(path).resolve() for path in inputs if path]:
            raise UserError(f"--out {out}: is a file that this command reads; name another one")
        out.parent.mkdir(parents=True, exist_ok=True)
        existed = out.exists()
        out.open("ab").close()
        if not existed:
            out.unlink()
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be written ({error.strerror}); name another file"
        ) from None


def symbols_of(text: str) -> tuple[str, ...]:
    """The symbols of "Li,S", "Li-S" or "Li S"."""
    return tuple(text.replace(",", " ").replace("-", " ").split())
