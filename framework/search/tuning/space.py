"""From the annotations of a constructor, and what an experiment says, to Optuna's distributions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from framework.base.errors import UserError, nearest
from framework.config.schema import Component
from framework.registry.parameters import Choice, Float, Int, Parameter, parameters
from framework.registry.registry import ENCODERS
from framework.runs.components import GIVEN, resolved


def search_space(
    component: Component, wanted: Mapping[str, Any], place: str
) -> tuple[dict[str, BaseDistribution], dict[str, Any]]:
    """What is searched of an encoder's settings, and the values that ``wanted`` fixes.

    A setting that the component gives keeps its value, unless ``wanted`` says otherwise.

    Args:
        wanted: by setting, in place of its annotation: a range, choices, or a value.
        place: where ``wanted`` stands, for messages.

    Raises:
        UserError: a range, choice or value does not fit its setting, or nothing is left to search.
    """
    known = parameters(ENCODERS.load(component.name), given=GIVEN)
    space: dict[str, BaseDistribution] = {}
    fixed: dict[str, Any] = {}
    for name, given in wanted.items():
        here = f"{place}.{name}"
        if name not in known:
            raise UserError(
                f"{here} is not a parameter of '{component.name}'; {nearest(name, known)}"
            )
        if isinstance(given, dict):
            space[name] = _distribution(known[name], given, here)
        else:
            fixed[name] = resolved(
                ENCODERS, Component(name=component.name, parameters={name: given}), place
            )["parameters"][name]
    for name, parameter in known.items():
        if name not in {**space, **fixed, **component.parameters} and parameter.marker is not None:
            if isinstance(parameter.marker, Choice):
                options = [to_optuna(option) for option in parameter.marker.options]
                space[name] = CategoricalDistribution(options)
            elif parameter.marker.tuned:
                space[name] = _numbers(parameter.marker, {})
    if not space:
        raise UserError(
            f"{place}: '{component.name}' has nothing to tune: none of its settings carries a "
            "search range; give one here, or choose another encoder (--encoder)"
        )
    return {name: space[name] for name in known if name in space}, fixed


def _distribution(parameter: Parameter, wanted: dict[str, Any], place: str) -> BaseDistribution:
    """The range or the choices that an experiment gives for one setting."""
    if set(wanted) == {"choices"} and isinstance(wanted["choices"], list) and wanted["choices"]:
        try:
            choices = [to_optuna(parameter.checked(value)) for value in wanted["choices"]]
        except ValueError as error:
            raise UserError(f"{place}.choices: {error}") from None
        for choice in choices:
            if choices.count(choice) > 1:
                raise UserError(f"{place}.choices: {choice} is listed twice; name it once")
        return CategoricalDistribution(choices)
    marker = parameter.marker
    if (
        not isinstance(marker, Int | Float)
        or not wanted
        or not set(wanted) <= {"low", "high", "log"}
    ):
        kind = "{choices: [...]}"
        if isinstance(marker, Int | Float):
            kind = f"{{low: {marker.low}, high: {marker.high}, log: true}}, {kind}"
        raise UserError(f"{place}: give {kind} or a single value")
    for side in ("low", "high"):
        try:
            if side in wanted:
                wanted = {**wanted, side: parameter.checked(wanted[side])}
        except ValueError as error:
            raise UserError(f"{place}.{side}: {error}") from None
    if not isinstance(wanted.get("log", False), bool):
        raise UserError(f"{place}.log: must be true or false")
    try:
        return _numbers(marker, wanted)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from None


def _numbers(marker: Int | Float, wanted: dict[str, Any]) -> BaseDistribution:
    low, high = wanted.get("low", marker.low), wanted.get("high", marker.high)
    log = wanted.get("log", marker.log)
    if low > high:
        raise ValueError(f"low {low} is above high {high}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic search cannot start at {low}; raise low")
    if isinstance(marker, Int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def to_optuna(value: Any) -> Any:
    """A value as Optuna stores it: a list as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def from_optuna(params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of parameters that Optuna stored, by name."""
    return {
        name: json.loads(value) if isinstance(value, str) and value.startswith("[") else value
        for name, value in params.items()
    }


def clipped(distribution: BaseDistribution, value: Any) -> Any:
    """The value itself, or the nearest of the space where it lies outside; of choices the first."""
    if isinstance(distribution, CategoricalDistribution):
        return value if value in distribution.choices else distribution.choices[0]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return min(max(value, distribution.low), distribution.high)


def as_content(distribution: BaseDistribution) -> dict[str, Any]:
    """A distribution as plain content."""
    kind = type(distribution).__name__.removesuffix("Distribution")
    return {"kind": kind, **vars(distribution)}
