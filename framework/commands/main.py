"""The command line: one command, `phasezoo`, and its verbs.

A user's mistake ends with one message and exit code 2; a run that failed with 1. Heavy imports
stand inside the verbs, so that listings and help answer at once.
"""

from __future__ import annotations

import io
import sys

import typer

from framework.base.errors import UserError
from framework.commands import (
    audit,
    benchmark,
    check,
    data,
    models,
    optimise,
    published,
    rank,
    reproduce,
    run,
    tune,
    ui,
)

app = typer.Typer(
    name="phasezoo",
    help="Benchmark materials encoders honestly: baselines, intervals and audits in every table.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("models")(models.command)
app.add_typer(data.app, name="data")
app.command("run")(run.command)
app.command("benchmark")(benchmark.command)
app.command("tune")(tune.command)
app.command("optimise")(optimise.command)
app.command("published")(published.command)
app.command("rank")(rank.command)
app.command("audit")(audit.command)
app.command("reproduce")(reproduce.command)
app.command("ui")(ui.command)
app.command("check")(check.command)


def main() -> None:
    """Entry point of the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        typer.echo(f"phasezoo: {_printable(str(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo(
            "phasezoo: interrupted; finished runs are kept, the same command goes on", err=True
        )
        sys.exit(130)


def _printable(text: str) -> str:
    """Control characters and broken ones of a user's input as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
