"""Search-space markers that stand in constructor annotations, and the check of given values.

``latent_dim: Annotated[int, Int(2, 32)] = 4`` says at once the type, the range that a value must
lie in, the range that a tuner searches, and the default: there is no second copy to drift. Where
more is valid than is worth a search, ``within`` gives the wider range; what only costs time and
changes no model is not ``tuned``. A list says the range of its elements:
``hidden: tuple[Annotated[int, Int(1, 4096)], ...]``; it is not searched unless choices are given.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from framework.base.errors import UserError, nearest

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class _Range(Generic[Number]):
    """Numbers: searched from low to high, both included; ``log`` for a logarithmic search.

    Attributes:
        within: the valid range, where it is wider than the searched one.
        tuned: whether a tuner searches it unless told otherwise.
    """

    low: Number
    high: Number
    log: bool = False
    within: tuple[Number, Number] | None = None
    tuned: bool = True
    _kind: ClassVar[str]
    _form: ClassVar[str]

    @property
    def limits(self) -> tuple[Number, Number]:
        """The least and the greatest valid value."""
        return self.within or (self.low, self.high)

    @property
    def searched(self) -> str:
        """The searched range, in words."""
        return self._form.format(self.low, self.high) + (", logarithmic" if self.log else "")

    def __contains__(self, value: Any) -> bool:
        return bool(self.limits[0] <= value <= self.limits[1])

    def __str__(self) -> str:
        return f"{self._kind} {self._form.format(*self.limits)}"


class Int(_Range[int]):
    """Whole numbers."""

    _kind, _form = "int", "{}..{}"


class Float(_Range[float]):
    """Real numbers."""

    _kind, _form = "float", "{:g}..{:g}"


class Choice:
    """One of a few named options."""

    tuned = True
    searched = "all"

    def __init__(self, *options: Any) -> None:
        self.options = options

    def __contains__(self, value: Any) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.options))


Marker = Int | Float | Choice
REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """One setting of an item: its type, its range where it has one, its default.

    Attributes:
        element: the range of its elements, where it is a list.
    """

    name: str
    type: Any
    marker: Marker | None
    default: Any
    element: Marker | None = None

    def __str__(self) -> str:
        kind = str(self.marker) if self.marker else _type_name(self.type)
        if self.element is not None:
            kind = f"list of {self.element}"
        return f"{kind}, {'required' if self.default is REQUIRED else f'default {self.default}'}"

    def checked(self, value: Any) -> Any:
        """The value in the parameter's own type.

        Raises:
            ValueError: of another type, not finite, or out of range; says what is valid.
        """
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number; {self.valid}")
        try:
            # JSON in strict mode: a list may stand for a tuple, but '4' is no number
            own = TypeAdapter(self.type).validate_json(json.dumps(value), strict=True)
        except (ValidationError, TypeError, ValueError, RecursionError):
            shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
            raise ValueError(
                f"{shown} is not of type {_type_name(self.type)}; {self.valid}"
            ) from None
        if self.marker is not None and own is not None and own not in self.marker:
            if isinstance(self.marker, Choice) and isinstance(own, str):
                hint = nearest(own, map(str, self.marker.options))
                raise ValueError(f"{own!r} is no option; {hint.rstrip('?')}; {self.valid}")
            raise ValueError(f"{own!r} is out of range; {self.valid}")
        if self.element is not None:
            for one in own or ():
                if one not in self.element:
                    raise ValueError(f"{one!r} is out of range; {self.valid}")
        return own

    @property
    def valid(self) -> str:
        """What a message says of it."""
        return f"'{self.name}' is {self}"


def parameters(item: Callable[..., Any], given: Iterable[str] = ()) -> dict[str, Parameter]:
    """The settings of a registered item, by name.

    Those of its signature, and, where the item carries a dataclass ``settings`` (the training
    settings of a neural encoder), the fields of that one with the item's own defaults.

    Args:
        item: a class or a function.
        given: names that the framework supplies (``width``, ``seed``), not the user.
    """
    function = item.__init__ if inspect.isclass(item) else item  # type: ignore[misc]
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, argument in inspect.signature(item).parameters.items():
        if name not in given and argument.kind is not inspect.Parameter.VAR_KEYWORD:
            found[name] = _parameter(name, hints.get(name, Any), argument.default)
    settings = getattr(item, "settings", None)
    if dataclasses.is_dataclass(settings):
        hints = get_type_hints(type(settings), include_extras=True)
        for spec in dataclasses.fields(settings):
            found[spec.name] = _parameter(spec.name, hints[spec.name], getattr(settings, spec.name))
    return found


def checked(
    item: Callable[..., Any],
    values: Mapping[str, Any],
    *,
    name: str,
    where: str,
    given: Iterable[str] = (),
) -> dict[str, Any]:
    """All settings of an item: the given values, checked, and the defaults of the others.

    Args:
        name: how the item is called in messages.
        where: where the values stand, for instance ``x.yaml: encoders[0]``.

    Raises:
        UserError: an unknown name (nearest valid shown), a wrong type, a value out of range,
            or a required one that is missing.
    """
    known = parameters(item, given)
    for key in values:
        if key not in known:
            hint = nearest(key, known)
            close = [k for k in known if f"'{k}'" in hint]
            about = f" ({known[close[0]]})" if len(close) == 1 else ""
            shown = hint.rstrip("?") + about + ("?" if hint.endswith("?") else "")
            raise UserError(f"{where}.{key} is not a parameter of '{name}'; {shown}")
    out = {}
    for key, parameter in known.items():
        if key in values:
            try:
                out[key] = parameter.checked(values[key])
            except ValueError as error:
                raise UserError(f"{where}.{key}: {error}") from None
        elif parameter.default is REQUIRED:
            raise UserError(f"{where}: '{name}' needs '{key}' ({parameter})")
        else:
            out[key] = parameter.default
    return out


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    hint, marker = _unwrapped(hint)
    element = None
    if get_origin(hint) in (tuple, list):
        inner = [_unwrapped(each) for each in get_args(hint)]
        element = next((found for _, found in inner if found is not None), None)
        hint = get_origin(hint)[tuple(each for each, _ in inner)]
    return Parameter(name, hint, marker, default, element)


def _unwrapped(hint: Any) -> tuple[Any, Marker | None]:
    """A type without its annotations, and the marker among them."""
    if get_origin(hint) is not Annotated:
        return hint, None
    base, *extras = get_args(hint)
    return base, next((e for e in extras if isinstance(e, Int | Float | Choice)), None)


def _type_name(hint: Any) -> str:
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "").replace("pathlib.", "").replace("collections.abc.", "")
