"""A finished run comes out the same again, to the bit; where it does not, what differs is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr

from framework.runs.cell import read_cell
from tests.conftest import phasezoo, tiny, write_yaml

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, finished: Path, blank_store: Path) -> Path:
    """A tracked study of two trials on the tiny space."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "runs").mkdir()
    shutil.copy(blank_store, folder / "runs")
    sets = finished.parent / "sets.txt"
    held = {"epochs": 1, "batch_size": 64, "optimiser": "adam"}
    content = tiny(
        dataset={"name": "file", "path": str(sets)},
        encoders=["autoencoder"],
        validation_fraction=0.3,
        tuning={"trials": 2, "space": held},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        said = phasezoo("tune", write_yaml(content), "--runs", "runs")
        assert said.code == 0, said.err
    return folder / "runs"


def copied(finished: Path, folder: Path, encoder: str = "autoencoder") -> Path:
    """One finished run, to be changed."""
    for run in (finished / "cells").iterdir():
        if json.loads((run / "run.json").read_text())["encoder"]["name"] == encoder:
            return Path(shutil.copytree(run, folder / run.name))
    raise LookupError(encoder)


@pytest.mark.parametrize("encoder", ["autoencoder", "pca", "element_frequency"])
def test_a_run_comes_out_the_same(finished: Path, tmp_path: Path, encoder: str) -> None:
    run = copied(finished, tmp_path, encoder)
    said = phasezoo("reproduce", run)
    assert (said.code, said.err) == (0, "")
    assert "reproduced" in said.out
    assert "score, replicates, latent are equal to the bit" in said.out


def test_the_last_bit_of_one_number_is_noticed(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path)
    cell = read_cell(run)
    at = {"metric": "auroc"}
    value = float(cell["value"].sel(at))
    cell["value"].loc[at] = value + 2.0**-52
    cell["score"][3] += 1e-6
    _write(cell, run)
    said = phasezoo("reproduce", run)
    assert said.code == 1
    assert "NOT reproduced; 2 quantities differ" in said.out
    assert repr(value) in said.out
    assert "score" in said.out
    assert "code, data and versions have not changed" in said.out


def test_another_version_is_named(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path, "pca")
    cell = read_cell(run)
    cell.attrs["versions"] = json.dumps(json.loads(cell.attrs["versions"]) | {"torch": "1.0"})
    _write(cell, run)
    said = phasezoo("reproduce", run)
    assert said.code == 0
    assert "changed since: torch 1.0 -> " in said.out


def test_changed_data_are_named_and_nothing_is_computed(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path, "pca")
    settings = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(settings | {"items": "0" * 64}))
    said = phasezoo("reproduce", run)
    assert said.code == 1
    assert f"changed since: data {'0' * 64} -> {settings['items']}" in said.out


def test_runs_of_mlflow_are_rebuilt_from_it_alone(tuned: Path, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tuned}/mlflow.db")
    number = client.get_experiment_by_name("plausibility").experiment_id
    shutil.rmtree(tuned / "cells")  # what was computed is gone; MLflow has it
    for kind, count in {"trial": 2, "cell": 2}.items():
        runs = client.search_runs([number], f"tags.kind = '{kind}'")
        assert len(runs) == count
        said = phasezoo("reproduce", runs[0].info.run_id, "--runs", tuned)
        assert (said.code, said.err) == (0, "")
        assert "reproduced" in said.out
    (study,) = client.search_runs([number], "tags.kind = 'study'")
    message = phasezoo("reproduce", study.info.run_id, "--runs", tuned).message
    assert "is a study; give a finished child" in message


def test_what_is_no_run(finished: Path) -> None:
    for name in ("nothing", "0000"):
        assert name in phasezoo("reproduce", name, "--runs", finished).message
    message = phasezoo("reproduce", "a" * 32, "--runs", finished).message
    assert "nothing is tracked there yet" in message


def _write(cell: xr.Dataset, run: Path) -> None:
    (run / "cell.nc").unlink()
    cell.to_netcdf(run / "cell.nc", engine="netcdf4")
