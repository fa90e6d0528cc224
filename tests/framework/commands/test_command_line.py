"""The verbs, as a user types them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
import xarray as xr

from framework.commands import main as cli
from framework.commands.rank import rank
from framework.registry.registry import DATASETS, ENCODERS
from framework.runs.cell import read_cell
from framework.runs.finished import last_run
from tests.conftest import (
    FIELDS,
    PATTERN,
    PHASEZOO,
    REPORTED,
    phasezoo,
    phasezoo_process,
    tiny,
    write_yaml,
)

TINY_SPACE = ("--data", "sets.txt", "--pattern", PATTERN)
NO_TRACK = ("--no-track", "--runs", "runs")
HEAVY = ("torch", "pytorch_lightning", "mlflow", "pymatgen", "pandas", "xarray", "sklearn")
CLICK = typer.main.get_command(cli.app)
VERBS = {*CLICK.commands, *(f"data {name}" for name in CLICK.commands["data"].commands)}  # type: ignore[attr-defined]

pytestmark = pytest.mark.usefixtures("blank_figures", "desk")


RUNAWAY = {"name": "autoencoder", "optimiser": "sgd", "learning_rate": 0.1, "batch_size": 8,
           "hidden": []}  # fmt: skip
"""Linear, with steps far too long: diverges within its first epoch."""


def canonical(fields):
    return {" ".join(sorted(field.split())) for field in fields}


def test_the_promised_verbs_are_there_and_the_help_names_them():
    assert {*VERBS} >= {"models", "data", "run", "benchmark", "rank", "ui", "check"}
    assert {*VERBS} >= {"data list", "data describe", "data validate"}
    said = phasezoo("--help")
    assert said.code == 0 and all(verb in said.out for verb in CLICK.commands)


@pytest.mark.parametrize("command", sorted(VERBS))
def test_help_exits_0_and_shows_an_example(command):
    for flag in ("--help", "-h"):
        said = phasezoo(*command.split(), flag)
        assert said.code == 0 and said.err == ""
        assert f"Example: phasezoo {command}" in said.out


@pytest.mark.parametrize("command", [["models"], ["data", "list"], ["--help"], ["rank", "--help"]])
def test_listings_and_help_start_without_anything_heavy(command):
    code = (
        "import sys\n"
        f"sys.argv = ['phasezoo', *{command}]\n"
        "from framework.commands.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr


def test_the_installed_command_lists_every_encoder():
    said = phasezoo_process("models")
    assert said.code == 0 and said.err == ""
    assert all(name in said.out for name in ENCODERS.names())
    assert PHASEZOO.exists()


def test_models_shows_every_encoder_and_marks_the_baselines():
    said = phasezoo("models")
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    for name in ENCODERS.names():
        assert ENCODERS.entry(name).summary in rows[name]
        assert ("baseline" in rows[name].split()) == ENCODERS.load(name).baseline


def test_models_takes_wildcards():
    said = phasezoo("models", "*p*")
    assert "pca" in said.out and "phase_field_vae" in said.out and "random_score" not in said.out


def test_one_model_is_shown_with_every_setting_its_range_and_default():
    said = phasezoo("models", "autoencoder")
    assert re.search(r"latent_dim\s+int 1\.\.1024, default 16\s+2\.\.64", said.out)
    assert re.search(
        r"learning_rate\s+float 1e-06\.\.1, default 0\.001\s+0\.0001\.\.0\.01, logarithmic",
        said.out,
    )
    assert "width" not in [line.split()[0] for line in said.out.splitlines() if line.split()]


def test_data_lists_and_describes_what_is_registered():
    said = phasezoo("data", "list")
    assert said.code == 0 and all(name in said.out for name in DATASETS.names())
    said = phasezoo("data", "describe", "oqmd_icsd")
    assert "32,159 (16,499 element sets)" in said.out and "licence" in said.out
    assert (
        "dataset: {name: formula_csv, path: FILE}"
        in phasezoo("data", "describe", "formula_csv").out
    )


def test_validate_counts_what_can_be_used():
    said = phasezoo("data", "validate", "sets.txt")
    assert said.code == 0 and "materials   60 (60 element sets)" in said.out
    Path("f.csv").write_text("formula,gap (eV)\nLi2O,1.5\nNaCl,8\n")
    said = phasezoo("data", "validate", "f.csv")
    assert "gap: 2 values, 1.5 to 8 eV" in said.out


# run


def test_run_shows_every_metric_with_interval_and_random_order():
    said = phasezoo("run", "pair_cooccurrence", *TINY_SPACE, *NO_TRACK, "--seed", "3")
    assert said.code == 0 and said.err == ""
    assert re.search(r"auroc +0\.\d{4} +0\.\d{4} \.\. 0\.\d{4} +0\.5000", said.out), said.out
    assert "60 of 60 element sets are of the pattern M-M'-A; 52 unexplored candidates" in said.out
    cube = xr.load_dataset("runs/run-pair_cooccurrence/results.nc")
    assert dict(cube.sizes)["encoder"] == 1 and cube["seed"].values.tolist() == [3]


def test_run_takes_settings_a_split_and_a_candidate_file():
    unexplored = sorted(canonical(FIELDS) - canonical(REPORTED))[:20]
    Path("candidates.txt").write_text("\n".join(unexplored))
    options = ("--set", "latent_dim=3", "--split", "leave_one_cluster_out")
    said = phasezoo(
        "run", "pca", *TINY_SPACE, *NO_TRACK, *options, "--candidates", "candidates.txt"
    )
    assert said.code == 0, said.err
    assert "5 computed" in said.out and "20 unexplored candidates" in said.out
    settings = [json.loads(path.read_text()) for path in Path("runs/cells").glob("*/run.json")]
    assert all(each["encoder"]["parameters"]["latent_dim"] == 3 for each in settings)
    assert {each["split"]["fold"] for each in settings} == {f"cluster{i}" for i in range(1, 6)}


# benchmark


def grid(**changes):
    encoders = ["element_frequency", "input_norm", {"name": "autoencoder", "epochs": 2}]
    return tiny(**{"encoders": encoders, "seeds": [0, 1], "name": "grid"} | changes)


def test_a_benchmark_leaves_results_tables_and_figures_and_is_not_repeated():
    command = ("benchmark", write_yaml(grid()), *NO_TRACK)
    said = phasezoo(*command)
    assert said.code == 0 and said.err == ""
    assert "6 computed, 0 reused" in said.out
    folder = Path("runs/grid")
    cube = xr.load_dataset(folder / "results.nc")
    assert dict(cube.sizes)["encoder"] == 3 and dict(cube.sizes)["seed"] == 2
    board = pd.read_csv(folder / "leaderboard.csv")
    assert set(board["encoder"]) == {"element_frequency", "input_norm", "autoencoder"}
    assert board["auroc"].is_monotonic_decreasing
    means = cube["value"].sel(metric="auroc").mean(("split", "seed"))
    for name, value in zip(board["encoder"], board["auroc"], strict=True):
        assert value == pytest.approx(float(means.sel(encoder=name)))
        assert name in said.out and f"{value:.3f} [" in said.out
    markdown = (folder / "leaderboard.md").read_text()
    assert all(name in markdown for name in board["encoder"]) and "*random order*" in markdown
    assert list((folder / "figures").glob("*.png"))
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]

    before = (folder / "results.nc").stat().st_mtime_ns
    again = phasezoo(*command)
    assert again.code == 0 and "0 computed, 6 reused" in again.out
    assert (folder / "results.nc").stat().st_mtime_ns == before


def test_the_number_of_workers_and_the_order_of_encoders_change_no_bit():
    content = grid(seeds=[0])
    one = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "one")
    turned = write_yaml(content | {"encoders": content["encoders"][::-1]})
    two = phasezoo_process("benchmark", turned, "--no-track", "--runs", "two", "--workers", "2")
    assert one.code == two.code == 0, two.err
    first, second = (xr.load_dataset(f"{n}/grid/results.nc") for n in ("one", "two"))
    second = second.sel(encoder=first["encoder"])
    for name in set(first.data_vars) - {"seconds_fit", "seconds_score"}:
        np.testing.assert_array_equal(first[name].values, second[name].values, err_msg=str(name))
    assert (
        Path("one/grid/leaderboard.csv").read_bytes()
        == Path("two/grid/leaderboard.csv").read_bytes()
    )


def test_a_cell_that_fails_is_told_with_its_cause_and_the_others_are_computed():
    runaway = {**RUNAWAY, "label": "runaway"}
    path = write_yaml(tiny(encoders=["element_frequency", runaway, "input_norm"], seeds=[0, 1]))
    said = phasezoo("benchmark", path, *NO_TRACK)
    assert said.code == 1
    for seed in (0, 1):
        assert f"FAILED   runaway, random, seed {seed}: the loss of Autoencoder is no" in said.err
    assert "lower learning_rate (0.1)" in said.err and "Traceback" not in said.err
    assert "4 computed" in said.out and "incomplete" in said.out
    cube = xr.load_dataset("runs/tiny/results.nc")
    missing = cube["value"].isnull().all(("metric", "seed", "split"))
    assert missing.sel(encoder="runaway") and not missing.sel(encoder="input_norm")


def test_a_benchmark_of_which_every_cell_fails_exits_1_without_results():
    said = phasezoo("benchmark", write_yaml(tiny(encoders=[RUNAWAY])), *NO_TRACK)
    assert said.code == 1 and "FAILED   autoencoder" in said.err
    assert not Path("runs/tiny/results.nc").exists()


def test_data_on_the_command_line_stands_in_for_that_of_the_yaml():
    path = write_yaml(tiny(dataset="oqmd_icsd"))
    said = phasezoo("benchmark", path, *NO_TRACK, "--data", "sets.txt")
    assert said.code == 0 and "60 of 60 element sets" in said.out


# rank


def ranking(*options, model="element_frequency", out="ranking.csv", space=TINY_SPACE):
    said = phasezoo("rank", model, *space, *options, "--out", out)
    assert said.code == 0, said.err
    return pd.read_csv(out, keep_default_na=False), said  # NaN would be a field of Na and N


def test_a_ranking_lists_every_unexplored_field_once_best_first():
    table, said = ranking()
    assert list(table) == ["rank", "elements", "score", "percentile", "nearest_reported"]
    assert set(table["elements"]) == canonical(FIELDS) - canonical(REPORTED)
    assert table["rank"].tolist() == list(range(1, 53))
    assert table["score"].is_monotonic_decreasing
    assert table["percentile"].is_monotonic_decreasing and table["percentile"].iloc[0] == 100
    assert "52 unexplored fields, best first, in ranking.csv" in said.out


def test_the_ranking_of_a_run_says_how_probable_a_reported_field_is():
    """By its validation part, at the share of hits among what it ranked."""
    assert phasezoo("run", "element_frequency", *TINY_SPACE, "--no-track").code == 0
    said = phasezoo("rank", "last", "--out", "ranking.csv")
    assert said.code == 0, said.err
    table = pd.read_csv("ranking.csv", keep_default_na=False)
    cell = read_cell(last_run(Path("runs")))
    prior = cell["calibration_log_odds"].attrs["prior"]
    assert table["probability"].between(0, 1).all() and table["probability"].is_monotonic_decreasing
    assert table["probability"].min() < prior < table["probability"].max()
    Path("mine.txt").write_text(f"{sorted(canonical(FIELDS) - canonical(REPORTED))[0]}\n")
    said = phasezoo("rank", "last", "--candidates", "mine.txt", "--pattern", PATTERN)
    assert said.code == 0 and "probability" not in Path("ranking.csv").read_text()


def test_the_nearest_reported_field_shares_as_many_elements_as_any():
    table, _ = ranking()
    reported = [set(field.split()) for field in REPORTED]
    for elements, nearest in zip(table["elements"], table["nearest_reported"], strict=True):
        own, found = set(elements.split()), set(nearest.split())
        assert found in reported
        assert len(own & found) == max(len(own & other) for other in reported)


def test_a_ranking_by_element_frequency_agrees_with_counting():
    table, _ = ranking()
    counts = {
        s: sum(s in f.split() for f in REPORTED)
        for s in ["Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al", "O", "S", "Cl", "F"]
    }
    smoothed = [sum(np.log(counts[s] + 1) for s in e.split()) for e in table["elements"]]
    assert np.corrcoef(smoothed, table["score"])[0, 1] > 0.99


def test_contains_and_exclude_choose_among_the_same_scores():
    everything, _ = ranking()
    chosen, _ = ranking("--contains", "Li", "--exclude", "S, Cl", out="li.csv")
    expected = everything[
        [
            {"Li"} <= set(e.split()) and not {"S", "Cl"} & set(e.split())
            for e in everything["elements"]
        ]
    ]
    assert len(chosen) and chosen["elements"].tolist() == expected["elements"].tolist()
    np.testing.assert_array_equal(chosen["score"], expected["score"])
    assert chosen["rank"].tolist() == list(range(1, len(chosen) + 1))


@pytest.mark.parametrize("separator", [" ", ",", "-", ", ", "\t", " - "])
def test_a_candidate_file_may_part_symbols_as_it_likes(separator):
    everything, _ = ranking()
    wanted = everything["elements"].tolist()[3:40:6]
    lines = [separator.join(reversed(field.split())) for field in wanted]
    Path("candidates.txt").write_text("# mine\n" + "\n\n".join(lines) + f"\n{REPORTED[0]}\n")
    table, _ = ranking("--candidates", "candidates.txt", out="mine.csv")
    assert table["elements"].tolist() == wanted


def test_a_ranking_does_not_depend_on_the_order_of_the_data():
    first, _ = ranking(model="pca")
    Path("sets.txt").write_text("\n".join(reversed(REPORTED)))
    second, _ = ranking(model="pca", out="again.csv")
    assert first["elements"].tolist() == second["elements"].tolist()


def test_a_ranking_takes_settings_and_a_seed():
    one, _ = ranking("--seed", "1", model="random_score")
    two, _ = ranking("--seed", "2", model="random_score")
    again, _ = ranking("--seed", "1", model="random_score")
    assert one["elements"].tolist() == again["elements"].tolist() != two["elements"].tolist()
    few, _ = ranking("--set", "latent_dim=1", model="pca")
    many, _ = ranking("--set", "latent_dim=20", model="pca")
    assert few["score"].mean() < many["score"].mean()


@pytest.fixture
def digests(finished) -> dict[str, str]:
    shutil.copytree(finished, "runs")
    return {
        json.loads(path.read_text())["encoder"]["name"]: path.parent.name
        for path in Path("runs/cells").glob("*/run.json")
    }


@pytest.mark.parametrize("name", ["pca", "autoencoder", "element_frequency"])
def test_a_finished_run_ranks_by_its_own_scores(digests, name):
    table, _ = ranking(model=digests[name], space=())
    cell = xr.load_dataset(f"runs/cells/{digests[name]}/cell.nc")
    expected = np.sort(cell["score"].values[cell["part"].values == 3])[::-1]
    np.testing.assert_allclose(table["score"], expected, rtol=1e-5)
    assert set(table["elements"]) == canonical(FIELDS) - canonical(REPORTED)


def test_a_finished_run_is_found_by_the_beginning_of_its_digest_or_by_its_folder(digests):
    whole, _ = ranking(model=digests["pca"], space=())
    for model in (digests["pca"][:6], f"runs/cells/{digests['pca']}"):
        table, _ = ranking(model=model, space=(), out="again.csv")
        pd.testing.assert_frame_equal(table, whole)


def test_a_finished_run_ranks_candidates_of_a_file(digests):
    whole, _ = ranking(model=digests["pca"], space=())
    wanted = whole["elements"].tolist()[:5]
    Path("candidates.txt").write_text("\n".join(wanted))
    options = ("--candidates", "candidates.txt", "--pattern", PATTERN)
    table, _ = ranking(*options, model=digests["pca"], space=(), out="mine.csv")
    assert table["elements"].tolist() == wanted
    np.testing.assert_allclose(table["score"], whole["score"][:5], rtol=1e-6)


def test_a_notebook_gets_the_same_table(monkeypatch):
    table, _ = ranking("--contains", "Li")
    same = rank("element_frequency", data="sets.txt", pattern=PATTERN, contains=["Li"])
    pd.testing.assert_frame_equal(table, same, check_exact=False)
