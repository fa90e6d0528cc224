"""What a command says of files, folds and earlier results, and what happens to its output."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from framework.base.errors import UserError
from framework.runs.finished import find_run, last_run
from framework.runs.reads import Read, as_attribute, reads_of
from tests.conftest import FIELDS, REPORTED, phasezoo, phasezoo_process, tiny, write_yaml

pytestmark = pytest.mark.usefixtures("desk")
PHASEZOO = Path(sys.executable).with_name("phasezoo")
TINY = ("--data", "sets.txt", "--pattern", "M-M'-A", "--no-track")


def shell(command: str, before: str = "") -> subprocess.CompletedProcess[str]:
    command = f"{before}{PHASEZOO} {command}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


# folds


@pytest.mark.parametrize("split", ["leave_one_cluster_out", "leave_one_element_out"])
def test_a_run_of_several_folds_prints_their_mean_as_its_leaderboard_does(split):
    Path("sets.txt").write_text("\n".join(FIELDS[:100]) + "\n")
    said = phasezoo("run", "element_frequency", *TINY, "--split", split)
    assert said.code == 0, said.err
    cube = xr.load_dataset("runs/run-element_frequency/results.nc")
    values = cube["value"].sel(metric="auroc").values.ravel()
    assert len(values) > 1 and np.ptp(values) > 0
    assert f"mean over {len(values)} folds" in said.out
    (mean,) = re.findall(r"^ *auroc +(\S+)", said.out, re.MULTILINE)
    assert float(mean) == pytest.approx(values.mean(), abs=6e-5)
    board = Path("runs/run-element_frequency/leaderboard.md").read_text()
    assert f"{values.mean():.3f} [" in board
    for fold, value, digest in zip(
        cube["split"].values, values, cube["run"].values.ravel(), strict=True
    ):
        assert re.search(rf"{fold} .*{value:.4f}.*{digest}", said.out)


# the last run


def test_last_is_the_run_that_a_command_named_last():
    first = phasezoo("run", "random_score", *TINY)
    second = phasezoo("run", "element_frequency", *TINY)
    digests = [re.findall(r"^last +(\w{16})", said.out, re.MULTILINE) for said in (first, second)]
    assert last_run(Path("runs")).name == digests[1][0] != digests[0][0]
    assert phasezoo("reproduce", "last").out.startswith(f"{digests[1][0]}: reproduced")
    again = phasezoo("run", "random_score", *TINY)
    assert "0 computed, 1 reused" in again.out
    assert phasezoo("audit", "last").out.startswith(f"{digests[0][0]}: ")
    assert phasezoo("rank", "last").code == 0


def test_without_any_run_there_is_no_last_one():
    for verb in ("audit", "reproduce", "rank"):
        assert "no run has finished in runs/cells yet" in phasezoo(verb, "last").message
    with pytest.raises(UserError, match="'last' is not a finished run"):
        find_run("last", Path("runs"))


# what was read


def test_rank_says_which_candidates_it_left_out_and_why():
    Path("mine.txt").write_text("\n".join([*REPORTED[:3], "Li Cs Xx", "Cs Rb O", "Cs Rb O"]) + "\n")
    said = phasezoo("rank", "element_frequency", *TINY[:-1], "--candidates", "mine.txt")
    assert said.code == 0, said.err
    (line,) = [line for line in said.out.splitlines() if "mine.txt" in line]
    assert "6 rows, 1 used, 5 left out: " in line
    assert "reported already (3)" in line and "'Xx'" in line and "duplicate of line" in line
    side = Path("ranking.unusable_rows.csv").read_text().splitlines()
    assert len(side) == 6


def test_rows_left_out_of_two_files_are_named_by_file_and_strict_refuses_both():
    Path("some.txt").write_text("\n".join([*REPORTED, "Li Xx O"]) + "\n")
    Path("mine.txt").write_text("\n".join([REPORTED[0], "Cs Rb O", "Cs K O"]) + "\n")
    command = (
        "run",
        "element_frequency",
        "--data",
        "some.txt",
        "--pattern",
        "M-M'-A",
        "--no-track",
    )
    command += ("--candidates", "mine.txt")
    assert phasezoo(*command).code == 0
    rows = pd.read_csv("runs/run-element_frequency/unusable_rows.csv")
    assert [*zip(rows["file"], rows["line"], strict=True)] == [
        ("some.txt", len(REPORTED) + 1),
        ("mine.txt", 1),
    ]
    refused = phasezoo(*command, "--strict").message
    assert "mine.txt, some.txt: 2 unusable row(s)" in refused
    assert "mine.txt, line 1: not a candidate: it is reported already" in refused


@pytest.mark.parametrize("verb", ["audit", "reproduce"])
def test_who_opens_a_run_is_told_what_it_had_read(verb):
    Path("some.txt").write_text("\n".join([*REPORTED, "Li Xx O"]) + "\n")
    run = ("run", "element_frequency", "--data", "some.txt", "--pattern", "M-M'-A", "--no-track")
    assert phasezoo(*run).code == 0
    said = phasezoo(verb, "last")
    assert f"some.txt: {len(REPORTED) + 1} rows, {len(REPORTED)} used, 1 left out: 'Xx'" in said.out


def test_a_limit_is_a_value_on_request():
    rows = [
        "formula,gap",
        *(f"{text.replace(' ', '')},{i}" for i, text in enumerate(REPORTED)),
        "Li2O,<0.5",
    ]
    Path("mine.csv").write_text("\n".join(rows) + "\n")
    said = phasezoo("data", "validate", "mine.csv", "--strict")
    assert f"line {len(rows)}: column 'gap' holds '<0.5', a limit" in said.message
    assert "--censored" in said.message
    assert "all used" in phasezoo("data", "validate", "mine.csv", "--strict", "--censored").out


def test_run_and_tune_take_the_column_of_formulas_by_name():
    rows = ["what,gap", *(f"{text.replace(' ', '')},{i}" for i, text in enumerate(REPORTED))]
    Path("mine.csv").write_text("\n".join(rows) + "\n")
    run = ("run", "element_frequency", "--data", "mine.csv", "--pattern", "M-M'-A", "--no-track")
    assert "no column 'formula'" in phasezoo(*run).message
    assert f"{len(REPORTED)} rows, all used" in phasezoo(*run, "--formula-column", "what").out
    tuning = {"trials": 1, "space": {"latent_dim": {"low": 2, "high": 3}}, "sampler": "random"}
    write_yaml(tiny(encoders=["pca"], tuning=tuning))
    tune = ("tune", "tiny.yaml", "--no-track", "--formula-column", "what")
    assert (
        "--formula-column: say how the file of --data is read; name it" in phasezoo(*tune).message
    )
    said = phasezoo(*tune, "--data", "mine.csv")
    assert f"mine.csv: {len(REPORTED)} rows, all used" in said.out


def test_a_file_that_is_used_whole_says_so():
    said = phasezoo("run", "element_frequency", *TINY)
    assert f"read     sets.txt: {len(REPORTED)} rows, all used" in said.out
    said = phasezoo("data", "validate", "sets.txt")
    assert said.out.endswith(f"read        sets.txt: {len(REPORTED)} rows, all used\n")


def test_an_account_survives_as_an_attribute():
    carrier = xr.Dataset(attrs={"reads": as_attribute([Read("a.csv", 2, {"no gap": 3})])})
    assert [read.text() for read in reads_of(carrier)] == [
        "a.csv: 5 rows, 2 used, 3 left out: no gap (3)"
    ]
    assert reads_of(xr.Dataset()) == []


# earlier results


def test_results_of_other_settings_are_not_replaced_without_a_word():
    first = phasezoo("run", "element_frequency", *TINY)
    same = phasezoo("run", "element_frequency", *TINY)
    other = phasezoo("run", "element_frequency", *TINY, "--split", "leave_one_cluster_out")
    assert "replaced" not in first.out + same.out
    assert "replaced results of other splits in runs/run-element_frequency" in other.out
    benchmark = ("benchmark", write_yaml(tiny()), "--no-track")
    assert "replaced" not in phasezoo(*benchmark).out
    write_yaml(tiny(seeds=[0, 1], description="another text"))
    assert "replaced results of other seeds in runs/tiny" in phasezoo(*benchmark).out


# standard output, disks, the environment


def test_version_says_which_it_is():
    said = phasezoo("--version")
    assert said.code == 0 and re.fullmatch(r"phasezoo \d+\.\d+\.\d+\n", said.out)


@pytest.mark.parametrize("command", ["models", "data describe oqmd_icsd", "--help"])
def test_a_reader_that_ends_early_ends_the_command_quietly(command):
    done = shell(f"{command} | head -1")
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1


@pytest.mark.parametrize("command", ["models", "data describe oqmd_icsd"])
def test_output_that_is_closed_or_full_is_no_traceback(command):
    closed = shell(f"{command} >&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    full = shell(f"{command} > /dev/full")
    assert full.returncode == 2
    assert full.stderr == (
        "phasezoo: standard output: cannot be written (No space left on device)\n"
    )


def test_a_backend_of_matplotlib_that_is_not_there_is_not_asked_for():
    said = phasezoo_process("run", "element_frequency", *TINY, MPLBACKEND="nosuch")
    assert said.code == 0, said.err
    assert (last_run(Path("runs")) / "figures" / "ranking_curve.png").exists()


@pytest.mark.slow
def test_a_disk_that_is_full_is_one_message_and_leaves_nothing_half_written():
    """A limit on the size of files stands for the disk: both end a write in the middle."""
    assert phasezoo("run", "element_frequency", *TINY).code == 0
    size = (last_run(Path("runs")) / "cell.nc").stat().st_size // 1024  # in the units of ulimit
    for limit in (1, size // 2):  # in the first file; in the last one, which netCDF writes
        arguments = shlex.join(["run", "element_frequency", *TINY, "--seed", str(limit + 1)])
        done = shell(arguments, before=f"ulimit -f {limit}; ")
        assert done.returncode in (1, 2) and "Traceback" not in done.stderr
        assert "cannot be written (" in done.stderr, done.stderr
        assert not list(Path("runs/cells").glob(".*"))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.pmg", "a figure cannot be written as '.pmg'; did you mean 'png'"),
        ("figure", "a figure cannot be written without an ending; valid: jpg, pdf, png, svg"),
    ],
)
def test_an_audit_refuses_an_ending_that_no_figure_has(out, message):
    assert phasezoo("run", "element_frequency", *TINY).code == 0
    assert message in phasezoo("audit", "last", "--out", out).message
    assert not Path(out).exists()


def test_an_audit_writes_the_kind_of_figure_that_its_ending_says():
    assert phasezoo("run", "pca", *TINY, "--set", "latent_dim=2").code == 0
    assert phasezoo("audit", "last", "--out", "a.pdf").code == 0
    for name in ("a.pdf", "a.clusters.pdf"):
        assert Path(name).read_bytes().startswith(b"%PDF")


def test_a_run_that_ended_says_its_digest():
    said = phasezoo("benchmark", write_yaml(tiny(seeds=[0, 1])), "--no-track")
    (digest,) = re.findall(r"^last +(\w{16}) \(.*\); phasezoo audit last$", said.out, re.MULTILINE)
    settings = json.loads((Path("runs/cells") / digest / "run.json").read_text())
    assert settings["seed"] == 1
