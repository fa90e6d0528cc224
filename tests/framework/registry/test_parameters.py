"""Search-space markers and the check of settings."""

import json
import math
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.base.errors import UserError
from framework.registry.parameters import REQUIRED, Choice, Float, Int, checked, parameters
from framework.registry.registry import (
    CANDIDATES,
    DATASETS,
    ENCODERS,
    OBJECTIVES,
    REPRESENTATIONS,
    SPLITS,
)
from framework.runs.components import GIVEN

ITEMS = [
    (registry, name)
    for registry in (ENCODERS, DATASETS, REPRESENTATIONS, SPLITS, CANDIDATES, OBJECTIVES)
    for name in registry.names()
]


def example(
    width: int,
    latent_dim: Annotated[int, Int(2, 32)] = 4,
    learning_rate: Annotated[float, Float(1e-5, 0.1, log=True)] = 1e-3,
    optimiser: Annotated[str, Choice("adam", "sgd")] = "adam",
    hidden: tuple[int, ...] = (64,),
    path: str | Path | None = None,
) -> None:
    """An item with one parameter of every kind."""


def check(**values):
    return checked(example, values, name="example", where="x.yaml: encoders[0]", given=GIVEN)


@pytest.mark.parametrize(("registry", "name"), ITEMS, ids=lambda x: getattr(x, "kind", x))
def test_every_default_of_every_registered_item_passes_its_own_check(registry, name):
    found = parameters(registry.load(name), given=(*GIVEN, "fields", "seed"))
    for parameter in found.values():
        if parameter.default is not REQUIRED:
            assert parameter.checked(parameter.default) == parameter.default
            assert parameter.name in parameter.valid


def test_what_is_not_given_takes_its_default_and_what_the_framework_gives_is_no_setting():
    assert check() == {
        "latent_dim": 4,
        "learning_rate": 1e-3,
        "optimiser": "adam",
        "hidden": (64,),
        "path": None,
    }
    with pytest.raises(UserError, match="width is not a parameter of 'example'; valid: hidden"):
        check(width=3)


def test_a_misspelt_setting_is_told_with_its_place_the_nearest_and_the_range():
    with pytest.raises(UserError) as caught:
        check(latent_dmi=3)
    assert str(caught.value) == (
        "x.yaml: encoders[0].latent_dmi is not a parameter of 'example'; "
        "did you mean 'latent_dim' (int 2..32, default 4)?"
    )


@given(st.integers(2, 32), st.floats(1e-5, 0.1), st.sampled_from(["adam", "sgd"]))
def test_every_value_in_range_is_taken_as_it_is(latent_dim, learning_rate, optimiser):
    found = check(latent_dim=latent_dim, learning_rate=learning_rate, optimiser=optimiser)
    assert (found["latent_dim"], found["learning_rate"], found["optimiser"]) == (
        latent_dim,
        learning_rate,
        optimiser,
    )


@given(st.integers().filter(lambda n: not 2 <= n <= 32))
def test_every_whole_number_out_of_range_is_refused_with_the_range(value):
    with pytest.raises(UserError, match=r"is out of range; 'latent_dim' is int 2\.\.32, default 4"):
        check(latent_dim=value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("latent_dim", "4"),
        ("latent_dim", 4.0),
        ("latent_dim", True),
        ("latent_dim", None),
        ("latent_dim", [4]),
        ("latent_dim", {"a": 4}),
        ("learning_rate", "0.01"),
        ("optimiser", 3),
        ("hidden", 64),
        ("hidden", "64"),
        ("hidden", [64, math.nan]),
        ("hidden", [64, "x"]),
        ("path", 3),
        ("path", b"x"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_type(setting, value):
    with pytest.raises(UserError, match=rf"\.{setting}: .* is not of type .*; '{setting}' is "):
        check(**{setting: value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(UserError, match="is not a finite number; 'learning_rate' is float 1e-05"):
        check(learning_rate=value)


@pytest.mark.parametrize("value", [[0], [8, -1], [5000]])
def test_an_element_out_of_range_is_refused_with_the_range(value):
    def item(widths: tuple[Annotated[int, Int(1, 4096)], ...] = (64,)) -> None: ...

    accepted = {"name": "item", "where": "x.yaml"}
    assert checked(item, {"widths": [8, 4]}, **accepted) == {"widths": (8, 4)}
    with pytest.raises(UserError, match=r"range; 'widths' is list of int 1\.\.4096, default"):
        checked(item, {"widths": value}, **accepted)


@pytest.mark.parametrize("name", ["autoencoder", "phase_field_vae", "element_infomax"])
def test_no_layer_of_a_network_is_empty(name):
    with pytest.raises(UserError, match="0 is out of range; 'hidden' is list of int 1"):
        checked(ENCODERS.load(name), {"hidden": [0]}, name=name, where="x.yaml", given=GIVEN)


def test_a_misspelt_option_is_told_with_the_nearest_and_all():
    with pytest.raises(UserError, match=r"'adm' is no option; did you mean 'adam'; .* one of"):
        check(optimiser="adm")


def test_a_list_stands_for_a_tuple_since_yaml_and_json_have_none():
    assert check(hidden=[32, 16])["hidden"] == (32, 16)


def test_a_required_setting_that_is_missing_is_named():
    def reader(path: str) -> None:
        """Needs a path."""

    with pytest.raises(UserError, match=r"x: 'reader' needs 'path' \(str, required\)"):
        checked(reader, {}, name="reader", where="x")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(["latent_dim", "learning_rate", "optimiser", "hidden", "path"]), values)
def test_any_value_is_taken_or_refused_in_one_short_line(setting, value):
    try:
        found = check(**{setting: value})[setting]
    except UserError as error:
        message = str(error)
    else:
        message = "taken"
        assert json.loads(json.dumps(found)) == value
    assert len(message.splitlines()) == 1 and len(message) < 300
