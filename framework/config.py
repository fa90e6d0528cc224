"""The strict experiment schema: YAML in and out, and the digest of its content."""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from framework.errors import UserError, nearest, read_text
from framework.strict_yaml import read_yaml, write_yaml

RESERVED = ("artifacts", "cells", "downloads", "mlflow.db")
"""Names in the folder of results that no experiment can have."""

Schema = TypeVar("Schema", bound=BaseModel)

MOST_MISFITS = 10
"""Misfits of one experiment that a message lists."""


class Strict(BaseModel):
    """A part of an experiment: no unknown key, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Component(BaseModel):
    """A registered item by name, with the settings given to it.

    In YAML a bare name, or a mapping with the key ``name`` and the settings beside it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    label: Annotated[str, Field(max_length=80)] | None = None
    parameters: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" in value:
            if set(value) <= {"name", "label", "parameters"} and "parameters" in value:
                return value
            rest = {k: v for k, v in value.items() if k not in ("name", "label")}
            return {"name": value["name"], "label": value.get("label"), "parameters": rest}
        raise ValueError("give a name, or a mapping with the key 'name'")

    @field_validator("label")
    @classmethod
    def _one_printable_line(cls, label: str | None) -> str | None:
        # "/" parts a split from its fold and "|" the columns of a Markdown table
        if label is not None and (
            not label.strip() or not label.isprintable() or {*label} & {*"/|"}
        ):
            raise ValueError(f"{label!r} is no label; write one line without '/' and '|'")
        return label

    @property
    def title(self) -> str:
        """How results call it: its label, else its name."""
        return self.label or self.name

    def as_yaml(self) -> Any:
        """The short form: the bare name where there is nothing else."""
        if not self.parameters and self.label is None:
            return self.name
        label = {"label": self.label} if self.label else {}
        return {"name": self.name, **label, **self.parameters}


class FromCube(Strict):
    """Where our figure stands in the benchmark's results."""

    encoder: str
    split: str
    metric: str


class PublishedFigure(Strict):
    """A figure that somebody published, and what of ours stands beside it.

    ``ours`` is a key that the system's file in zoo/published gives, or a place in the results.
    """

    figure: str
    value: float
    unit: str = ""
    source: str = ""
    ours: str | FromCube


class Published(Strict):
    """The published figures of one system."""

    source: str
    system: str | None = None
    figures: Annotated[list[PublishedFigure], Field(min_length=1)]


class Tuning(Strict):
    """How a search for settings goes; see `framework.tuning`.

    Attributes:
        encoder: name or label of the encoder that is tuned; the first contestant where none is
            given.
        trials: finished trials, in total over all calls.
        objectives: metrics of the validation part, maximised; ``seconds_fit`` is minimised. With
            several, the first chooses among the settings that no other one dominates.
        space: of that encoder by setting, in place of what the encoder's annotations say: ``{low, high, log}``,
            ``{choices: [...]}``, or a single value that is held.
        seed: of the sampler, the hold-out and every fit of the search.
    """

    encoder: str | None = None
    trials: Annotated[int, Field(ge=1, le=100_000)] = 40
    objectives: Annotated[list[str], Field(min_length=1, max_length=3)] = ["auroc"]
    sampler: Literal["tpe", "gp", "cmaes", "random", "grid"] = "tpe"
    pruner: Literal["none", "median", "hyperband"] | None = None
    space: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, names: list[str]) -> list[str]:
        known = [*_metrics(), "seconds_fit"]
        for name in names:
            if name.rpartition("/")[2] not in known:
                raise ValueError(f"'{name}' is no objective; {nearest(name, known)}")
            if names.count(name) > 1:
                raise ValueError(f"'{name}' stands twice; name it once")
        return names

    @model_validator(mode="after")
    def _pruned_by_one_objective(self) -> Tuning:
        if len(self.objectives) > 1 and self.pruner not in (None, "none"):
            raise ValueError(f"pruner: {self.pruner!r} needs a single objective; take 'none'")
        return self


def _not_reserved(name: str) -> str:
    """The name of an experiment, where the folder of results has room for it."""
    if name in RESERVED:
        raise ValueError(f"'{name}' is taken in the folder of results; choose another name")
    return name


def require_distinct(named: dict[str, list[Any]], labelled: tuple[str, ...]) -> None:
    """Refuse a list that names something twice.

    Args:
        labelled: lists whose items can carry a label.
    """
    for key, values in named.items():
        for value in values:
            if values.count(value) > 1:
                mend = "give one of them a 'label'" if key in labelled else "name it once"
                raise ValueError(f"{key}: {value!r} stands twice; {mend}")


Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80),
    AfterValidator(_not_reserved),
]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Experiment(Strict):
    """One experiment: what is compared, on which data, by which task.

    Attributes:
        split_seed: draws the same hold-out for every seed; each seed draws its own where absent.
    """

    name: Name
    description: str = ""
    dataset: Component
    task: Component
    representations: dict[str, dict[str, Any]] = {}
    splits: Annotated[list[Component], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    encoders: Annotated[list[Component], Field(min_length=1)]
    metrics: Annotated[list[str], Field(min_length=1)] = [
        "auroc",
        "recall_at_1pct",
        "enrichment_factor_at_1pct",
        "average_precision",
    ]
    validation_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    split_seed: Seed | None = None
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    published: Published | None = None
    tuning: Tuning | None = None

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, names: list[str]) -> list[str]:
        known = _metrics()
        for name in names:
            if name.rpartition("/")[2] not in known:
                raise ValueError(f"'{name}' is not a metric; {nearest(name, known)}")
        return names

    @model_validator(mode="after")
    def _distinct(self) -> Experiment:
        named: dict[str, list[Any]] = {
            "encoders": [e.title for e in self.encoders],
            "splits": [s.title for s in self.splits],
            "seeds": self.seeds,
            "metrics": self.metrics,
        }
        require_distinct(named, labelled=("encoders", "splits"))
        return self

    def to_yaml(self) -> str:
        """The experiment as YAML that reads back equal."""
        plain = self.model_dump(exclude_defaults=True)
        for key in ("dataset", "task"):
            plain[key] = getattr(self, key).as_yaml()
        for key in ("splits", "encoders"):
            plain[key] = [component.as_yaml() for component in getattr(self, key)]
        return write_yaml(plain)


def _metrics() -> list[str]:
    """Of all tasks; which of them a task measures, and of what, is checked with its plan."""
    from framework.confusion import CLASSIFICATION
    from framework.metrics import METRICS
    from framework.regression import REGRESSION

    return [*METRICS, *REGRESSION, *CLASSIFICATION]


def read_experiment(path: str | Path) -> Experiment:
    """The experiment of a YAML file.

    Raises:
        UserError: the file cannot be read, is not strict YAML (`read_yaml`), is not a mapping,
            or does not fit the schema (every misfit named by its place).
    """
    return experiment_from(
        read_mapping(path, "name: ..., dataset: ..., encoders: [...]"), str(path)
    )


def read_mapping(path: str | Path, shape: str) -> dict[str, Any]:
    """The content of an experiment's YAML file; its name is the file's where it gives none.

    Args:
        shape: what an experiment of this kind looks like, for the message.

    Raises:
        UserError: the file cannot be read, is not strict YAML (`read_yaml`) or not a mapping.
    """
    content = read_yaml(read_text(path, "an experiment"), where=str(path))
    if not isinstance(content, dict):
        held = {list: "a list", str: "a text", type(None): "nothing"}.get(type(content), "a value")
        raise UserError(f"{path}: holds {held}, but an experiment is a mapping ({shape})")
    content.setdefault("name", Path(path).stem)
    return content


def experiment_from(content: dict[str, Any], where: str) -> Experiment:
    """The experiment of a mapping; see `read_experiment`."""
    return validated(Experiment, content, where)


def validated(schema: type[Schema], content: dict[str, Any], where: str) -> Schema:
    """Content that fits a schema.

    Raises:
        UserError: it does not; every misfit is named by its place.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        strange = [str(e["loc"][0]) for e in found if e["type"] == "extra_forbidden"]
        meant = {near for key in strange for near in get_close_matches(key, schema.model_fields)}
        misfits = list(
            dict.fromkeys(
                _misfit(e, schema)
                for e in found
                if e["type"] != "missing" or e["loc"][0] not in meant
            )
        )
        lines = [f"{where}: {misfit}" for misfit in misfits[:MOST_MISFITS]]
        if left := len(misfits) - len(lines):
            lines.append(f"{where}: and {left} more of this kind")
        raise UserError("\n".join(lines)) from None


def component_from(content: Any, where: str) -> Component:
    """The component of a bare name or a mapping.

    Raises:
        UserError: it is neither.
    """
    try:
        return Component.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{where}: {_misfit(error.errors()[0], Experiment)}") from None


def digest(content: Any) -> str:
    """SHA-256 of plain content, independent of the order of keys; 64 hex digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def _misfit(error: Any, schema: type[BaseModel]) -> str:
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if error["type"] == "extra_forbidden":
        inside, _, key = place.rpartition(".")
        model, what = _SECTIONS.get(inside, (schema, "an experiment"))
        return f"{place} is not a key of {what}; {nearest(key, model.model_fields)}"
    if kind := _KINDS.get(error["type"]):
        shown = f", not {_short(error.get('input'))}"
        return f"{place or 'the experiment'} must be {kind}{shown}"
    if error["type"] == "missing":
        return f"'{place}' is missing; an experiment needs it"
    message = error["msg"].removeprefix("Value error, ")
    given = error.get("input")
    shown = f", got {_short(given)}" if isinstance(given, str | int | float | bool) else ""
    if error["type"] == "value_error":
        shown = ""
    return f"{place}: {message[0].lower()}{message[1:]}{shown}" if place else message


_SECTIONS: dict[str, tuple[type[BaseModel], str]] = {
    "tuning": (Tuning, "a tuning"),
    "published": (Published, "published figures"),
}

_KINDS = {
    "string_pattern_mismatch": "letters, digits, '_', '-' and '.', a letter or digit first",
    "string_type": "a text (in quotes where it looks like something else)",
    "list_type": "a list such as [a, b]",
    "dict_type": "a mapping such as {key: value}",
    "int_type": "a whole number",
    "float_type": "a number",
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
