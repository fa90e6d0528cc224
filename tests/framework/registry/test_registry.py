"""Registries: folders of one-item files, listed without being imported."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.registry.registry import (
    CANDIDATES,
    DATASETS,
    ENCODERS,
    OBJECTIVES,
    REPRESENTATIONS,
    SPLITS,
    Registry,
    load_file,
)

ALL = [ENCODERS, DATASETS, REPRESENTATIONS, SPLITS, CANDIDATES, OBJECTIVES]
ITEMS = [(registry, name) for registry in ALL for name in registry.names()]


@pytest.mark.parametrize(("registry", "name"), ITEMS, ids=lambda x: getattr(x, "kind", x))
def test_a_listing_agrees_with_loading(registry, name):
    entry, item = registry.entry(name), registry.load(name)
    assert entry.name == name and entry.summary and not entry.summary.endswith(".")
    assert item.__module__ == f"{registry.package}.{name}"
    assert registry.source(name).stem == name
    for constant, value in entry.constants.items():
        assert getattr(item, constant) == value


@pytest.mark.parametrize("name", ENCODERS.names())
def test_an_encoder_is_an_encoder_of_a_registered_representation(name):
    assert issubclass(ENCODERS.load(name), Encoder)
    assert ENCODERS.entry(name).constants["representation"] in REPRESENTATIONS.names()


def test_the_eight_encoders_of_the_reference_benchmark_are_there():
    assert set(ENCODERS.names()) >= {
        "autoencoder",
        "element_frequency",
        "input_norm",
        "nearest_neighbours",
        "pair_cooccurrence",
        "pca",
        "phase_field_vae",
        "random_score",
    }


def test_a_listing_imports_no_item():
    code = (
        "import sys; from framework.registry.registry import ENCODERS; "
        "[ENCODERS.entry(n) for n in ENCODERS.names()]; "
        "print([m for m in sys.modules if m.startswith('zoo.') or m == 'torch'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"[]\n"


def test_a_look_up_imports_only_its_own_file():
    code = (
        "import sys; from framework.registry.registry import SPLITS; SPLITS.load('random'); "
        "print([m for m in sys.modules if m.startswith('data.splits.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.stdout == b"['data.splits.random']\n"


@given(st.text())
def test_any_name_is_registered_or_refused_with_what_is_valid(name):
    if name in SPLITS.names():
        return
    with pytest.raises(UserError, match=r"is not a registered split; (did you mean|valid:)"):
        SPLITS.load(name, "here")


def test_a_misspelt_name_is_told_with_its_place_and_the_nearest():
    with pytest.raises(UserError) as caught:
        ENCODERS.load("phase_field_vea", "x.yaml: encoders[0]")
    assert str(caught.value) == (
        "x.yaml: encoders[0]: 'phase_field_vea' is not a registered encoder; "
        "did you mean 'phase_field_vae'?"
    )


@pytest.fixture
def foreign(monkeypatch):
    """A registry of splits to which another package has added one."""

    def add(name: str) -> Registry:
        registry = Registry("split", "data.splits")
        point = EntryPoint(name, "data.splits.random:random", "phasezoo.splits")
        monkeypatch.setitem(vars(registry), "_external", {name: point})
        return registry

    return add


def test_another_package_adds_an_item_through_an_entry_point(foreign):
    registry = foreign("elsewhere")
    assert "elsewhere" in registry.names()
    assert registry.load("elsewhere") is SPLITS.load("random")
    assert registry.source("elsewhere") == SPLITS.source("random")
    assert registry.entry("elsewhere").summary.startswith("Hold-out masks")


def test_another_package_cannot_take_a_name_that_is_taken(foreign):
    with pytest.raises(
        UserError, match=r"split 'random' is registered twice, by .*random\.py and by the entry"
    ):
        foreign("random").names()


GOOD = '''"""Mine."""

from framework.contracts.encoder import Encoder


class MyModel(Encoder):
    representation = "phase_field"
'''


def test_a_file_outside_the_tree_gives_its_item(tmp_path):
    (tmp_path / "my_model.py").write_text(GOOD)
    assert load_file(tmp_path / "my_model.py").__name__ == "MyModel"


def test_a_file_outside_the_tree_may_hold_dataclasses_and_shadow_a_module(tmp_path):
    source = GOOD.replace('"""Mine."""', '"""Mine."""\nfrom __future__ import annotations').replace(
        "class MyModel",
        "import dataclasses\n\n@dataclasses.dataclass\nclass S:\n    n: int = 3\n\nclass Json",
    )
    (tmp_path / "json.py").write_text(source)
    assert load_file(tmp_path / "json.py").__name__ == "Json"


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("m.py", "class M(\n", r"m\.py: fails on import: SyntaxError: .*line 1"),
        ("m.py", "import nosuch\n", r"m\.py, line 1: fails on import: ModuleNotFoundError"),
        ("m.py", "\n1 / 0\n", r"m\.py, line 2: fails on import: ZeroDivisionError"),
        ("m.py", "raise SystemExit(0)\n", r"m\.py, line 1: fails on import: SystemExit"),
        ("m.py", "x = 1\n", r"holds no item; name its class 'M', or its function or object 'm'"),
        ("m.py", "from pathlib import Path as M\n", "holds no item"),
        ("m.py", "", "the file is empty"),
        ("m.py", "x = '\0'\n", "fails on import"),
        ("m.txt", GOOD, "a model file is a Python file"),
        ("my-model.py", GOOD, "rename the file"),
    ],
)
def test_a_file_without_an_item_is_explained(tmp_path, name, source, message):
    (tmp_path / name).write_text(source)
    with pytest.raises(UserError, match=message):
        load_file(tmp_path / name)
