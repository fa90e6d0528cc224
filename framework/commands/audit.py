"""`phasezoo audit`: whether the model of a finished run is alive, with the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framework.base.errors import UserError, nearest
from framework.commands.opened import RunArgument, named_run, saved_run
from framework.commands.options import RunsOption, require_output
from framework.commands.printing import new_table, print_reads, print_table
from framework.registry.registry import ENCODERS
from framework.runs.finished import RUNS

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from framework.audit.quantities import Audit

CLUSTERS = 8
"""Clusters of a latent space in the audit's second figure."""


def audit(run: str, *, out: str | Path | None = None, runs: Path = RUNS) -> Audit:
    """Audit a finished run again: is the model alive?

    Args:
        run: folder, digest or its beginning, MLflow run id, or ``last``.
        out: where to write the figure (its ending decides: .png, .pdf, .svg), and beside it (``clusters_path``) the clusters of
            the latent space coloured by their isotropy, where there is more than one latent
            vector; none is drawn without.

    Returns:
        verdict, reasons, quantities (`framework.audit.quantities.QUANTITIES` says what they mean).

    Raises:
        UserError: there is no such run, its data have changed, or ``out`` cannot be a figure.

    Example:
        >>> audit("last").verdict  # element_frequency: a sum over elements
        'weak'
    """
    import numpy as np

    from framework.audit import audit as diagnostics
    from framework.base.threads import single_threaded
    from framework.figures.audit import audit_figure
    from framework.figures.canvas import save
    from framework.runs.components import task_of
    from framework.runs.context import restore_context
    from framework.runs.items import divided

    if run in ENCODERS.names():
        raise UserError(
            f"audit {run}: is an encoder; `phasezoo run {run}` first, then name the run by the "
            f"first digits of its folder in {Path(runs) / 'cells'}"
        )
    if out is not None:
        require_figure(Path(out))
    saved = saved_run(run, Path(runs))
    settings = saved.settings
    items, split = divided(settings)
    samples = saved.representation.transform(items)
    restore_context(saved)
    members = task_of(settings["task"]).members
    with single_threaded():
        audited = diagnostics.audit(
            saved.encoder, saved.representation, samples, items, split, members
        )
    if out is not None:
        name = f"{settings['encoder']['name']}, split {split.label}, seed {settings['seed']}"
        save(audit_figure(audited, name), Path(out))
        reported = np.concatenate([split.train, split.validation, split.holdout])
        latents = saved.encoder.transform(samples.take(reported))
        clusters_path(out).unlink(missing_ok=True)
        if np.ptp(latents, axis=0).any():
            save(_clusters_figure(latents), clusters_path(out))
    return audited


def clusters_path(out: str | Path) -> Path:
    """Where `audit` writes its second figure."""
    out = Path(out)
    return out.with_name(f"{out.stem}.clusters{out.suffix}")


def require_figure(out: Path) -> None:
    """Refuse a file that no figure can be written to, before anything is computed.

    Raises:
        UserError: its ending is not one that can be drawn; the nearest are named.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    if out.suffix[1:].lower() not in FigureCanvasBase.get_supported_filetypes():
        kind = f"as '{out.suffix}'" if out.suffix else "without an ending"
        raise UserError(
            f"--out {out}: a figure cannot be written {kind}; "
            f"{nearest(out.suffix[1:], ('png', 'pdf', 'svg', 'jpg'))}"
        )


def command(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="Figure to write.")] = Path("audit.png"),
    runs: RunsOption = Path("runs"),
) -> None:
    """Say whether the model of a finished run is alive, with the quantities behind it.

    Example: `phasezoo audit 3f2a`
    """
    from framework.audit.quantities import QUANTITIES
    from framework.runs.items import items_of

    require_output(out)
    require_figure(out)
    run = named_run(run, runs)
    audited = audit(run, out=out, runs=runs)
    typer.echo(f"{run}: {audited.verdict}")
    for reason in audited.reasons:
        typer.echo(f"  {reason}")
    table = new_table("quantity", "value", "what it is")
    for name, value in audited.values.items():
        table.add_row(name, f"{value:.3f}", QUANTITIES[name])
    print_table(table)
    rows = out.with_suffix(".unusable_rows.csv")
    print_reads(items_of(saved_run(run, runs).settings), rows)
    figures = [path for path in (out, clusters_path(out)) if path.exists()]
    typer.echo(f"figures in {' and '.join(map(str, figures))}")


def _clusters_figure(latents: np.ndarray) -> Figure:
    """Clusters (k-means) of latent vectors (n, d), coloured by isotropy."""
    import numpy as np
    from sklearn.cluster import KMeans

    from framework.figures.isotropy import isotropy_figure

    n = min(CLUSTERS, len(np.unique(latents, axis=0)))
    labels = KMeans(n, n_init=3, random_state=0).fit_predict(latents)
    return isotropy_figure(latents, labels)
