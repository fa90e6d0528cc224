"""What all checks share: how they are run, and those that hold for items of several kinds.

A check takes a trial, an item with small data to try it on, and raises AssertionError with a sentence
that tells the author what is wrong.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from framework.base.errors import UserError
from framework.registry.parameters import REQUIRED, parameters

Check = Callable[[Any], None]

TOLERANCE = 1e-4
"""Relative; float32 sums in another order differ by less."""


def outcomes(checks: list[Check], trial: Any) -> Iterator[tuple[str, str | None]]:
    """What each check says of a trial, up to the first that fails, since the next would fail for
    it.

    Yields:
        the check as a sentence, and what is wrong (None where it holds).
    """
    for function in checks:
        problem = None
        try:
            function(trial)
        except (AssertionError, UserError) as error:
            problem = str(error)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}, line {frame.lineno}"
            problem = f"{type(error).__name__}: {error} ({place})"
        yield function.__name__.replace("_", " "), problem
        if problem is not None:
            return


def assert_documented(item: Any) -> None:
    """The file of an item says what it is."""
    module = inspect.getmodule(item)
    assert module is None or (module.__doc__ or "").strip(), (
        "the file has no docstring; its first sentence is what listings show"
    )


def settings_have_types_ranges_and_defaults_that_fit(trial: Any) -> None:
    _assert_settings(trial, defaults=True)


def settings_have_types_and_defaults_that_fit(trial: Any) -> None:
    """As above, where a setting may be required."""
    _assert_settings(trial, defaults=False)


def _assert_settings(trial: Any, *, defaults: bool) -> None:
    for name, parameter in parameters(trial.cls, given=trial.given).items():
        assert parameter.type is not Any, f"'{name}' has no type; annotate it"
        if parameter.default is REQUIRED:
            assert not defaults, f"'{name}' has no default"
            continue
        try:
            parameter.checked(parameter.default)
        except ValueError as error:
            raise AssertionError(f"the default of '{name}' does not fit: {error}") from None


def constructor_stores_its_arguments(trial: Any) -> None:
    made = trial.fresh()
    for name in inspect.signature(trial.cls).parameters:
        assert hasattr(made, name), f"store the argument '{name}' as self.{name}"
