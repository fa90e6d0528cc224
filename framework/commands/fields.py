"""The fields that `rank`, `select` and `explain` mean, with their encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.base.errors import UserError
from framework.commands.opened import opened
from framework.registry.registry import ENCODERS
from framework.runs.data import DATASET, data_component, ranking_of_fields

if TYPE_CHECKING:
    from framework.selection.fields import Fields


def fields_of_model(
    model: str | None,
    parameters: dict[str, Any],
    *,
    data: str | Path | None,
    pattern: str | None,
    candidates: str | Path | None,
    features: str | None,
    seed: int | None,
    strict: bool,
    runs: Path,
    where: str,
    quick: bool = False,
) -> Fields:
    """The fields that `rank`, `select` and `explain` mean, with their encoder: a registered one,
    unfitted, or that of a finished run.

    Args:
        quick: where no model is named, take the quicker one.

    Raises:
        UserError: anything in it is unknown or unusable, or is given beside a finished run.
    """
    from framework.config.schema import component_from
    from framework.contracts.dataset import refuse_unusable, unusable_rows
    from framework.selection.fields import Fields

    task = ranking_of_fields(pattern, candidates)
    if model is None:
        best = component_from(ENCODERS.quick if quick else ENCODERS.default, where)
        model, parameters = best.name, {**best.parameters, **parameters}
    if model in ENCODERS.names():
        fields = Fields.named(
            model,
            parameters,
            dataset=data_component(DATASET if data is None else data),
            task=task,
            features=features,
            seed=seed or 0,
            where=where,
        )
    else:
        of_the_run = {"data": data, "features": features, "seed": seed, **parameters}
        if candidates is None:
            of_the_run |= {"pattern": pattern}
        if given := [name for name, value in of_the_run.items() if value is not None]:
            raise UserError(
                f"{where} {model}: a finished run has its own {', '.join(given)}; leave it out, "
                "or take an encoder by its name to fit anew"
            )
        saved = opened(model, runs)
        fields = Fields.of_run(saved, None if candidates is None else task, f"{where} {model}")
    if strict:
        refuse_unusable(unusable_rows(fields.items), where)
    return fields
