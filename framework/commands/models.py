"""`phasezoo models`: the registered encoders and predictors, or all settings of one."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.base.errors import UserError, nearest
from framework.commands.printing import new_table, print_table
from framework.registry.registry import ENCODERS, PREDICTORS

if TYPE_CHECKING:
    import pandas as pd


def models(pattern: str = "*") -> pd.DataFrame:
    """The registered encoders and predictors: name, representation, kind, baseline, summary.

    Args:
        pattern: a name, with wildcards if wanted (``*vae``).

    Raises:
        UserError: no model is called so; the nearest names are shown.

    Example:
        >>> models("*_frequency")["name"].tolist()
        ['element_frequency']
    """
    import pandas as pd

    return pd.DataFrame(list_models(pattern))


def list_models(pattern: str = "*") -> list[dict[str, Any]]:
    """The rows of `models`, without pandas."""
    known = [(registry, name) for registry in (ENCODERS, PREDICTORS) for name in registry.names()]
    rows = []
    for registry, name in known:
        if not fnmatch(name, pattern):
            continue
        entry = registry.entry(name)
        baseline = bool(entry.constants.get("baseline", False))
        rows.append(
            {
                "name": name,
                "representation": entry.constants.get("representation", ""),
                "kind": "baseline" if baseline else registry.kind,
                "baseline": baseline,
                "summary": entry.summary,
            }
        )
    if not rows:
        hint = nearest(pattern, [name for _, name in known])
        raise UserError(f"no model is called '{pattern}'; {hint}")
    return rows


def command(
    pattern: Annotated[str, typer.Argument(help="A name; wildcards allowed.")] = "*",
) -> None:
    """List the registered encoders and predictors, or show all settings of one.

    Example: `phasezoo models` or `phasezoo models phase_field_vae`
    """
    rows = list_models(pattern)
    if len(rows) == 1:
        describe_model(rows[0])
        return
    table = new_table("model", "representation", "kind", "what it is")
    for row in rows:
        table.add_row(row["name"], row["representation"], row["kind"], row["summary"])
    print_table(table)


def describe_model(row: dict[str, Any]) -> None:
    from framework.registry.parameters import parameters
    from framework.runs.components import GIVEN

    of_encoder = row["name"] in ENCODERS.names()
    kind = row["representation"] if of_encoder else row["kind"]
    typer.echo(f"{row['name']} ({kind}): {row['summary']}\n")
    cls = (ENCODERS if of_encoder else PREDICTORS).load(row["name"])
    typer.echo((cls.__doc__ or "").strip() + "\n")
    table = new_table("setting", "type, range, default", "searched by tune" if of_encoder else "")
    for name, parameter in parameters(cls, given=GIVEN).items():
        marker = parameter.marker if of_encoder else None  # a probe is the same for all
        table.add_row(name, str(parameter), marker.searched if marker and marker.tuned else "")
    print_table(table)
