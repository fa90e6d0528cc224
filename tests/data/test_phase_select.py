"""The files of PhaseSelect, classes of element sets from them, and experiments that list others."""

from pathlib import Path

import numpy as np
import pytest

from data.datasets.phase_select import phase_select
from framework.base.errors import UserError
from framework.checks.datasets import check
from framework.config.experiment import read_experiments
from framework.registry.registry import ROOT
from tests.conftest import phasezoo, write_yaml

DATA = Path(__file__).parents[3] / "shared" / "datasets" / "phaseselect"
POOL = ["Ba", "Cl", "Cu", "F", "Fe", "K", "Li", "Mg", "Na", "O", "S", "Se"]


def write_files(folder: Path) -> Path:
    """80 random sets each; those with Cu superconduct, those with Fe are magnetic."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    drawn = {
        " ".join(sorted(generator.choice(POOL, generator.integers(2, 5), replace=False)))
        for _ in range(120)
    }
    sets = sorted(drawn)[:80]
    noise = generator.random(len(sets))
    for stem, column, symbol in [
        ("superconducting_tc", "max_tc_kelvin", "Cu"),
        ("curie_temperature", "max_curie_kelvin", "Fe"),
    ]:
        lines = [
            f"{s},{20 * (symbol in s.split()) + 5 * x:.3f}"
            for s, x in zip(sets, noise, strict=True)
        ]
        (folder / f"{stem}.csv").write_text("\n".join([f"elements,{column}", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("files") / "phaseselect")


def content(target: str, **changes):
    given = {
        "dataset": "phase_select",
        "task": {
            "name": "classification",
            "target": target,
            "above": 10.0,
            "of": "element_set",
            "labels": ["all"],
        },
        "splits": ["random"],
        "seeds": [0],
        "encoders": [
            {"name": "element_descriptors", "label": "logistic", "probe": "logistic_regression"}
        ],
        "resamples": 100,
        "published": {
            "source": "made up",
            "figures": [
                {
                    "figure": f"{target}, accuracy",
                    "value": 0.5,
                    "ours": {
                        "encoder": "logistic",
                        "split": "random",
                        "metric": f"{target}/all/accuracy",
                    },
                }
            ],
        },
    }
    return given | changes


def test_files_of_a_folder_are_joined_by_element_set_and_one_alone_is_enough(folder):
    both = phase_select(folder)
    assert set(both.attrs["properties"].split()) == {"superconducting_tc", "curie_temperature"}
    assert np.isfinite(both["superconducting_tc"]).all() and both.sizes["material"] == 80
    alone = phase_select(folder / "curie_temperature.csv")
    assert alone.attrs["properties"] == "curie_temperature"
    assert [problem for _, problem in check(phase_select, {"path": str(folder)}) if problem] == []
    with pytest.raises(UserError, match=r"is none of the files superconducting_tc\.csv\.gz"):
        phase_select(folder.parent)


@pytest.mark.skipif(not DATA.exists(), reason="the files of PhaseSelect are not at hand")
def test_the_published_files_hold_what_was_published():
    ds = phase_select(DATA)
    counts = {name: int(np.isfinite(ds[name]).sum()) for name in ds.attrs["properties"].split()}
    assert counts == {"superconducting_tc": 3861, "curie_temperature": 3764, "band_gap": 32368}
    assert ds.attrs["n_unusable"] == 0
    positive = (ds["band_gap"].values > 4.5)[np.isfinite(ds["band_gap"])].mean()
    assert positive == pytest.approx(0.485, abs=0.001)


def test_one_command_runs_every_listed_experiment_and_prints_published_beside_ours(
    folder, tmp_path
):
    for target in ("superconducting_tc", "curie_temperature"):
        write_yaml(content(target), str(tmp_path / f"{target}.yaml"))
    listing = {"experiments": ["superconducting_tc.yaml", "curie_temperature.yaml"]}
    write_yaml(listing, str(tmp_path / "both.yaml"))
    said = phasezoo(
        "benchmark",
        tmp_path / "both.yaml",
        "--data",
        folder,
        "--runs",
        tmp_path / "runs",
        "--no-track",
    )
    assert said.code == 0, said.err
    assert "superconducting_tc, accuracy" in said.out and "curie_temperature, accuracy" in said.out
    again = phasezoo(
        "benchmark",
        tmp_path / "both.yaml",
        "--data",
        folder,
        "--runs",
        tmp_path / "runs",
        "--no-track",
    )
    assert again.out.count("0 computed, 1 reused") == 2


def test_the_three_properties_are_listed_and_need_their_files():
    path = ROOT / "experiments" / "phase_select.yaml"
    experiments = read_experiments(path)
    targets = [each.task.parameters["target"] for each in experiments.values()]
    assert targets == ["superconducting_tc", "curie_temperature", "band_gap"]
    said = phasezoo("benchmark", path)
    assert said.code == 2 and "'phase_select' needs 'path'" in said.err


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([], "experiments"),
        (["a.yaml", "a.yaml"], "'a.yaml' is listed twice"),
        (["a.yaml"], "a.yaml"),
    ],
)
def test_a_listing_that_cannot_be_read_is_one_clear_message(listed, message, tmp_path):
    write_yaml({"experiments": listed}, str(tmp_path / "all.yaml"))
    with pytest.raises(UserError, match=message):
        read_experiments(tmp_path / "all.yaml")


@pytest.mark.parametrize(
    ("above", "message"),
    [
        (
            500.0,
            "all 80 element sets are of the class 'superconducting tc ≤ 500': there is nothing",
        ),
        (-1.0, "all 80 element sets are of the class 'superconducting tc > -1': there is nothing"),
        (24.95, r"of the 16 held-out element sets.*are of the positive class"),
    ],
)
def test_a_threshold_that_leaves_one_class_is_refused(above, message, folder, tmp_path):
    import re

    task = content("superconducting_tc")["task"] | {"above": above}
    write_yaml(content("superconducting_tc", task=task), str(tmp_path / "x.yaml"))
    said = phasezoo(
        "benchmark",
        tmp_path / "x.yaml",
        "--data",
        folder,
        "--runs",
        tmp_path / "runs",
        "--no-track",
    )
    assert said.code == 2 and re.search(message, " ".join(said.err.split())), said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("B Be C F H Li N Na O", "an element set of 9 elements .* is too large; at most 8"),
        ("Li Xx", "'Xx' is not an element"),
        ("Li O Li", "Li appears twice"),
    ],
)
def test_sets_that_cannot_be_shown_are_named(row, message, tmp_path):
    import re

    folder = write_files(tmp_path / "files")
    with (folder / "superconducting_tc.csv").open("a") as file:
        file.write(f"{row},12.0\n")
    write_yaml(content("superconducting_tc"), str(tmp_path / "x.yaml"))
    said = phasezoo(
        *("benchmark", tmp_path / "x.yaml", "--data", folder, "--runs", tmp_path / "runs"),
        *("--no-track", "--strict"),
    )
    assert said.code == 2 and re.search(message, " ".join(said.err.split())), said.err
    assert "Traceback" not in said.err
