"""What every schema shares: strict parts, components, and misfits named by their place."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from framework.base.errors import UserError, nearest, read_text
from framework.config.strict_yaml import read_yaml

RESERVED = ("artifacts", "cells", "downloads", "mlflow.db")
"""Names in the folder of results that no experiment can have."""


Schema = TypeVar("Schema", bound="Strict")


MOST_MISFITS = 10
"""Misfits of one experiment that a message lists."""


class Strict(BaseModel):
    """A part of an experiment: no unknown key, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    called: ClassVar[str] = "an experiment"


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
        # "/" separates a split from its fold and "|" the columns of a Markdown table
        if label is not None and (
            not label.strip() or not label.isprintable() or {*label} & {*"/|"}
        ):
            raise ValueError(f"{label!r} is not a valid label; write one line without '/' and '|'")
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
                fix = "give one of them a 'label'" if key in labelled else "name it once"
                raise ValueError(f"{key}: {value!r} is listed twice; {fix}")


Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80),
    AfterValidator(_not_reserved),
]


Seed = Annotated[int, Field(ge=0, lt=2**31)]


def read_mapping(path: str | Path, shape: str) -> dict[str, Any]:
    """The content of an experiment's YAML file; its name is the file's where it gives none.

    Args:
        shape: what an experiment of this kind looks like, for the message.

    Raises:
        UserError: the file cannot be read, is not strict YAML (`read_yaml`) or not a mapping.
    """
    content = read_yaml(read_text(path, "an experiment"), where=str(path))
    if not isinstance(content, dict):
        kind = {list: "a list", str: "a text", type(None): "nothing"}.get(type(content), "a value")
        raise UserError(f"{path}: holds {kind}, but an experiment is a mapping ({shape})")
    content.setdefault("name", Path(path).stem)
    return content


def validated(schema: type[Schema], content: dict[str, Any], where: str) -> Schema:
    """Content that fits a schema.

    Raises:
        UserError: it does not; every misfit is named by its place.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        errors = error.errors()
        unknown = [str(e["loc"][0]) for e in errors if e["type"] == "extra_forbidden"]
        misspelt = {near for key in unknown for near in get_close_matches(key, schema.model_fields)}
        misfits = list(
            dict.fromkeys(
                _misfit(e, schema)
                for e in errors
                if e["type"] != "missing" or e["loc"][0] not in misspelt
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
        raise UserError(f"{where}: {_misfit(error.errors()[0], Strict)}") from None


def _misfit(error: Any, schema: type[Strict]) -> str:
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if error["type"] == "extra_forbidden":
        inside, _, key = place.rpartition(".")
        section = _section(schema, inside)
        return f"{place} is not a key of {section.called}; {nearest(key, section.model_fields)}"
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


def _section(schema: type[Strict], place: str) -> type[Strict]:
    """The part of a schema at a dotted place; the schema itself where there is none."""
    for name in filter(None, place.split(".")):
        field = schema.model_fields.get(name)
        kinds = get_args(field.annotation) if field else ()
        parts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Strict)]
        if not parts:
            return schema
        schema = parts[0]
    return schema


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
