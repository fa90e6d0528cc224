"""The command line: one command, `phasezoo`, and its verbs.

A user's mistake ends with one message and exit code 2; a run that failed with 1. Heavy imports
stand inside the verbs, so that listings and help answer at once.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from framework.base.errors import UserError
from framework.base.interruption import Interrupted, interruptible
from framework.commands import (
    audit,
    benchmark,
    check,
    data,
    explain,
    models,
    optimise,
    published,
    rank,
    reproduce,
    run,
    select,
    tune,
    ui,
)

app = typer.Typer(
    name="phasezoo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"phasezoo {version('phasezoo')}")
        raise typer.Exit


@app.callback()
def phasezoo(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Benchmark materials encoders honestly: baselines, intervals and audits in every table."""


app.command("models")(models.command)
app.add_typer(data.app, name="data")
app.command("run")(run.command)
app.command("benchmark")(benchmark.command)
app.command("tune")(tune.command)
app.command("optimise")(optimise.command)
app.command("published")(published.command)
app.command("rank")(rank.command)
app.command("select")(select.command)
app.command("explain")(explain.command)
app.command("audit")(audit.command)
app.command("reproduce")(reproduce.command)
app.command("ui")(ui.command)
app.command("check")(check.command)


def main() -> None:
    """Entry point of the command."""
    os.environ["MPLBACKEND"] = "agg"  # no window is opened, so what the user's shell says is moot
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        with interruptible(), _standard_output():
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


@contextmanager
def _standard_output() -> Iterator[None]:
    """Nobody may be there to read what is printed: the shell has closed it, the reader has ended
    (`| head`), or the disk that it goes to is full.

    Raises:
        UserError: the disk is full.
    """
    if sys.stdout is None:  # closed: >&-
        sys.stdout = io.StringIO()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        with suppress(OSError, ValueError):  # or the interpreter would try again when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(1)
        where = error.filename or "standard output"
        raise UserError(f"{where}: cannot be written ({error.strerror})") from None


def _printable(text: str) -> str:
    """Control characters and broken ones of a user's input as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
