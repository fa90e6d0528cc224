"""What every data set must hold to (`framework.contracts.dataset`), and every candidate source
(`framework.contracts.candidates`)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from framework.checks.checks import (
    Check,
    assert_documented,
    constructor_stores_its_arguments,
    outcomes,
    settings_have_types_and_defaults_that_fit,
)
from framework.contracts.candidates import CandidateSource
from framework.contracts.dataset import content_digest, take, unusable_rows

ATTRIBUTES = [
    "name",
    "title",
    "source",
    "licence",
    "citation",
    "digest",
    "properties",
    "time",
    "unusable_rows",
    "n_unusable",
]


@dataclass
class Trial:
    """A data set under test."""

    cls: Any
    settings: dict[str, Any] = field(default_factory=dict)
    given: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def data(self) -> xr.Dataset:
        return self.fresh()

    def fresh(self) -> xr.Dataset:
        """The data set, read anew."""
        found: xr.Dataset = self.cls(**self.settings)
        return found


def gives_a_dataset_along_material(trial: Trial) -> None:
    assert_documented(trial.cls)
    assert callable(trial.cls), "the item is not a function"
    data = trial.data
    assert isinstance(data, xr.Dataset), f"it gives {type(data).__name__}, not an xarray.Dataset"
    assert data.sizes.get("material", 0) > 0, "it has no material along the dimension 'material'"
    for name in ("formula", "element_set"):
        assert name in data and data[name].dims == ("material",), (
            f"it has no variable '{name}' along material"
        )


def says_where_it_is_from(trial: Trial) -> None:
    missing = [name for name in ATTRIBUTES if name not in trial.data.attrs]
    assert not missing, (
        f"it lacks the attributes {', '.join(missing)}; make it with "
        "framework.contracts.dataset.data_set"
    )
    for name in ("title", "source", "licence"):
        assert str(trial.data.attrs[name]).strip(), f"its attribute '{name}' is empty"
    strange = [
        k for k, v in trial.data.attrs.items() if not isinstance(v, str | int | float | np.number)
    ]
    assert not strange, f"its attributes {', '.join(map(str, strange))} are not plain"
    assert trial.data.attrs["n_unusable"] == len(unusable_rows(trial.data)), (
        "n_unusable does not count the unusable_rows"
    )


def element_sets_are_sorted_symbols(trial: Trial) -> None:
    for text in trial.data["element_set"].values.astype(str):
        assert text and " ".join(sorted(set(text.split()))) == text, (
            f"element set {text!r} is not sorted symbols, each once, separated by spaces"
        )


def properties_are_numbers_with_units(trial: Trial) -> None:
    data = trial.data
    for name in data.attrs["properties"].split():
        assert name in data, f"the property '{name}' is not a variable"
        assert data[name].dtype.kind == "f" and data[name].dims == ("material",), (
            f"the property '{name}' is not a float along material"
        )
        assert {"long_name", "units"} <= set(data[name].attrs), (
            f"the property '{name}' needs the attributes long_name and units"
        )
    for name, variable in data.variables.items():
        if "coarser" in variable.attrs:
            assert isinstance(json.loads(variable.attrs["coarser"]), dict), (
                f"the attribute 'coarser' of '{name}' is not a JSON object"
            )


def its_digest_is_that_of_its_content(trial: Trial) -> None:
    assert trial.data.attrs["digest"] == content_digest(trial.data), (
        "its digest is not that of its content: variables were changed after data_set(...)"
    )


def reading_twice_gives_the_same(trial: Trial) -> None:
    assert trial.fresh().identical(trial.data), "two readings differ"


def materials_can_be_taken_with_their_sites(trial: Trial) -> None:
    n = trial.data.sizes["material"]
    index = np.array([n - 1, 0])
    taken = take(trial.data, index)
    assert list(taken["element_set"].values) == list(trial.data["element_set"].values[index])


def netcdf_keeps_it(trial: Trial) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.nc"
        trial.data.drop_encoding().to_netcdf(path, engine="netcdf4")
        # a class that means none stays a number
        with xr.open_dataset(path, engine="netcdf4", mask_and_scale=False) as file:
            assert content_digest(file.load()) == trial.data.attrs["digest"], (
                "written to netCDF and read again it has another digest"
            )


CHECKS: list[Check] = [
    settings_have_types_and_defaults_that_fit,
    gives_a_dataset_along_material,
    says_where_it_is_from,
    element_sets_are_sorted_symbols,
    properties_are_numbers_with_units,
    its_digest_is_that_of_its_content,
    reading_twice_gives_the_same,
    materials_can_be_taken_with_their_sites,
    netcdf_keeps_it,
]


def check(item: Any, settings: dict[str, Any] | None = None) -> Iterator[tuple[str, str | None]]:
    """As `framework.checks.encoders.check`, of a data set with its settings."""
    yield from outcomes(CHECKS, Trial(item, settings or {}))


@dataclass
class Space:
    """A candidate source under test, and reported element sets."""

    cls: Any
    reported: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    given: ClassVar[tuple[str, ...]] = ()

    def fresh(self) -> CandidateSource:
        """The source with its settings."""
        made: CandidateSource = self.cls(**self.settings)
        return made


def is_a_candidate_source(trial: Space) -> None:
    assert_documented(trial.cls)
    assert issubclass(trial.cls, CandidateSource), "the item is not a subclass of CandidateSource"


def members_are_given_element_sets_sorted(trial: Space) -> None:
    found = trial.fresh().members(trial.reported)
    assert found == sorted(set(found)), "members are not sorted, each once"
    assert set(found) <= set(trial.reported), "a member is not one of the sets that were given"
    again = trial.fresh().members(reversed([*trial.reported, *trial.reported]))
    assert found == again, "members depend on the order of the sets, or on how often each is given"


def candidates_are_not_reported(trial: Space) -> None:
    found = trial.fresh().unexplored(trial.reported)
    assert found and found == sorted(set(found)), "candidates are not sorted, each once"
    assert not set(found) & set(trial.reported), "a candidate is reported already"
    assert found == trial.fresh().unexplored(trial.reported[::-1]), (
        "candidates depend on the order of the reported sets"
    )
    assert all(" ".join(sorted(set(text.split()))) == text for text in found), (
        "a candidate is not sorted symbols, each once, separated by spaces"
    )


CANDIDATE_CHECKS: list[Check] = [
    is_a_candidate_source,
    settings_have_types_and_defaults_that_fit,
    constructor_stores_its_arguments,
    members_are_given_element_sets_sorted,
    candidates_are_not_reported,
]


def check_candidates(
    item: Any, reported: list[str], settings: dict[str, Any] | None = None
) -> Iterator[tuple[str, str | None]]:
    """As `framework.checks.encoders.check`, of a candidate source with its settings."""
    yield from outcomes(CANDIDATE_CHECKS, Space(item, reported, settings or {}))
