"""How a search for an encoder's settings goes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from framework.base.errors import nearest
from framework.config.schema import Strict
from framework.registry.metrics import known_metrics


class Tuning(Strict):
    """How a search for settings goes; see `framework.search.tuning.tuning`.

    Attributes:
        encoder: name or label of the encoder that is tuned; the first contestant where none is
            given.
        trials: finished trials, in total over all calls.
        objectives: metrics of the validation part; ``seconds_fit`` and errors are minimised, the
            others maximised. The first of the task's default metrics where absent. With several,
            the first chooses among the settings that no other one dominates.
        space: by setting of that encoder, in place of its annotations: ``{low, high, log}``,
            ``{choices: [...]}``, or a single value, which every trial and the default row use.
        seed: of the sampler, the hold-out and every fit of the search.
    """

    called: ClassVar[str] = "a tuning"

    encoder: str | None = None
    trials: Annotated[int, Field(ge=1, le=100_000)] = 40
    objectives: Annotated[list[str], Field(min_length=1, max_length=3)] = []
    sampler: Literal["tpe", "gp", "cmaes", "random", "grid"] = "tpe"
    pruner: Literal["none", "median", "hyperband"] | None = None
    space: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, names: list[str]) -> list[str]:
        known = [*known_metrics(), "seconds_fit"]
        for name in names:
            if name.rpartition("/")[2] not in known:
                raise ValueError(f"'{name}' is not a valid objective; {nearest(name, known)}")
            if names.count(name) > 1:
                raise ValueError(f"'{name}' is listed twice; name it once")
        return names

    @model_validator(mode="after")
    def _pruned_by_one_objective(self) -> Tuning:
        if len(self.objectives) > 1 and self.pruner not in (None, "none"):
            raise ValueError(f"pruner: {self.pruner!r} needs a single objective; take 'none'")
        return self
