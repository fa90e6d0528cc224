"""`phasezoo audit`: a finished run audited again says what the run itself has recorded."""

import json
from pathlib import Path

import pytest

import phasezoo as face
from framework.audit.quantities import QUANTITIES
from framework.base.errors import UserError
from framework.runs.cell import read_cell
from tests.conftest import phasezoo, tiny, write_yaml

GAPS = [
    f"{metal}{n}{anion},{n}"
    for metal in ("Li", "Na", "K", "Mg", "Ca", "Sr")
    for anion in ("O", "S", "F")
    for n in (1, 2, 3)
]
"""Formulas with a number each."""


def run_of(runs: Path, encoder: str) -> Path:
    (found,) = (
        folder
        for folder in (runs / "cells").iterdir()
        if json.loads((folder / "run.json").read_text())["encoder"]["name"] == encoder
    )
    return found


@pytest.mark.parametrize("encoder", ["element_frequency", "pca", "autoencoder"])
def test_a_run_audited_again_gives_the_recorded_verdict(finished: Path, encoder: str) -> None:
    folder = run_of(finished, encoder)
    found = face.audit(str(folder))
    verdict, reasons, values = json.loads(read_cell(folder).attrs["audit"])
    assert (found.verdict, list(found.reasons)) == (verdict, reasons)
    assert found.values == pytest.approx(values, abs=1e-4)


def test_the_command_prints_all_quantities_and_writes_the_figure(
    finished: Path, desk: Path
) -> None:
    folder = run_of(finished, "autoencoder")
    said = phasezoo("audit", folder.name[:8], "--runs", finished)
    assert (said.code, said.err) == (0, "")
    verdict, reasons, values = json.loads(read_cell(folder).attrs["audit"])
    assert said.out.startswith(f"{folder.name[:8]}: {verdict}\n")
    assert all(reason in said.out for reason in reasons)
    for name in values:
        assert name in said.out
        assert QUANTITIES[name].split(",")[0].split(";")[0][:60] in said.out
    assert (desk / "audit.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_goes_where_it_is_wanted(finished: Path, desk: Path) -> None:
    folder = run_of(finished, "element_frequency")
    said = phasezoo("audit", folder, "--out", "new/deep/figure.png")
    assert "figures in new/deep/figure.png and new/deep/figure.clusters.png" in said.out
    assert (desk / "new" / "deep" / "figure.png").exists()
    assert (desk / "new" / "deep" / "figure.clusters.png").exists()


def test_where_all_latent_vectors_are_one_there_are_no_clusters(desk: Path) -> None:
    Path("sets.csv").write_text("formula,gap\n" + "\n".join(GAPS) + "\n")
    wanted = {"name": "property", "properties": ["gap"], "labels": [10]}
    content = tiny(task=wanted, encoders=["constant"], dataset={"name": "file", "path": "sets.csv"})
    said = phasezoo("benchmark", write_yaml(content | {"metrics": ["gap/10/mae"]}), "--no-track")
    assert said.code == 0, said.err
    said = phasezoo("audit", run_of(Path("runs"), "constant"))
    assert (said.code, said.out.splitlines()[-1]) == (0, "figures in audit.png")


def test_an_encoder_is_no_run(finished: Path, desk: Path) -> None:
    message = phasezoo("audit", "pca", "--runs", finished).message
    assert "audit pca: is an encoder; `phasezoo run pca` first" in message
    assert not (desk / "audit.png").exists()


def test_an_unknown_run_shows_those_that_are_there(finished: Path, desk: Path) -> None:
    message = phasezoo("audit", "ffff0000ffff", "--runs", finished).message
    assert "is not a finished run" in message
    assert "encoder" not in message


def test_a_notebook_draws_nothing_unless_asked(finished: Path, desk: Path) -> None:
    face.audit(str(run_of(finished, "element_frequency")))
    assert not list(desk.glob("*.png"))
    with pytest.raises(UserError):
        face.audit("nothing", runs=finished)
