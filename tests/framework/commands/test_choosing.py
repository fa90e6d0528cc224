"""`rank`, `select` and `explain` as a user types them: what they list, say, write and refuse."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from framework.commands import main as cli
from framework.registry.registry import ENCODERS, PREDICTORS
from phasezoo import explain, rank, select
from tests.conftest import PATTERN, REPORTED, phasezoo

SPACE = ("--pattern", PATTERN)
RANK = ("rank", "element_frequency", "--data", "sets.txt", *SPACE)
SELECT = (
    "select", "element_frequency", "--reported", "sets.txt", *SPACE, "--data", "gaps.csv",
    "--property", "gap", "--workers", "1",
)  # fmt: skip
EXPLAIN = ("explain", "Li-Na-O", "--encoder", "element_frequency", "--data", "sets.txt", *SPACE)


def gap(field):
    return 4.0 * bool({"Cl", "F"} & {*field.split()}) + ("Li" in field.split())


@pytest.fixture(autouse=True)
def gaps(desk):
    rows = [f"{field},{gap(field)}" for field in REPORTED]
    Path("gaps.csv").write_text("\n".join(["elements,gap", *rows]) + "\n")


def done(*command):
    said = phasezoo(*command)
    assert said.code == 0, said.err
    return said


def table(path="ranking.csv"):
    return pd.read_csv(path, keep_default_na=False)


# the best one is the default


def test_the_defaults_are_registered():
    best = PREDICTORS.default
    assert best["name"] in PREDICTORS.names()
    for encoder in (ENCODERS.default, ENCODERS.quick):
        assert ENCODERS.load(encoder).representation == "phase_field"
    PREDICTORS.load(best["name"])(**{k: v for k, v in best.items() if k != "name"})


def test_without_an_encoder_the_best_one_ranks(monkeypatch):
    import zoo.encoders

    monkeypatch.setattr(zoo.encoders, "DEFAULT", {"name": "random_score"})
    done("rank", "--data", "sets.txt", *SPACE)
    first = table()
    done("rank", "random_score", "--data", "sets.txt", *SPACE)
    pd.testing.assert_frame_equal(first, table())


# what rank lists


def test_cations_and_anions_choose_among_the_same_scores():
    done(*RANK)
    everything = table()
    done(*RANK, "--cations", "Li,K,Zn,Al", "--anions", "S Cl")
    wanted = [
        {*text.split()} <= {"Li", "K", "Zn", "Al", "S", "Cl"} for text in everything["elements"]
    ]
    expected = everything[wanted]
    assert 0 < len(expected) < len(everything)
    assert table()["elements"].tolist() == expected["elements"].tolist()
    np.testing.assert_array_equal(table()["score"], expected["score"])


@pytest.mark.parametrize("verb", [RANK, (*SELECT, "--above", "3")], ids=["rank", "select"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cations", "Lj"), "cations: 'Lj' is not an element; did you mean 'Li'"),
        (("--cations", "Li,Li"), "cations: Li is listed twice"),
        (("--cations", "Li,S"), "S stands in cations and in anions"),
        (("--anions", "S,Li"), "anions: Li is not among the anions of phase fields"),
        (("--cations", "Li,Na,Cs"), "cations: Cs is in none of the 52 candidates"),
        (("--anions", "S,Br"), "anions: Br is in none of the 52 candidates"),
        (("--cations", "Li"), "none of the 52 candidates has only cations among Li"),
        (("--contains", "Li-Na-K"), "none of the 52 candidates holds Li, Na, K"),
        (("--candidates", "none.txt"), "none.txt: all 3 candidates are reported already"),
        (("--candidates", "off.txt"), "off.txt: 2 of 2 element sets do not have 3 elements"),
        (("--candidates", "long.txt"), "long.txt: 1 of 1 element sets do not have 3 elements"),
        (("--candidates", "bad.txt"), "none of the 2 rows is usable; line 1: 'Lj' is not an"),
        (("--candidates", "empty.txt"), "empty.txt: the file is empty"),
    ],
)
def test_a_list_without_candidates_is_refused(verb, options, message):
    Path("none.txt").write_text("\n".join(REPORTED[:3]))
    Path("off.txt").write_text("Li Na O S\nLi2O\n")
    Path("long.txt").write_text("Li Na K Mg Ca Sr Zn Al O\n")
    Path("bad.txt").write_text("Lj O\nLi Li O\n")
    Path("empty.txt").touch()
    said = phasezoo(*verb, *options)
    assert message in said.message
    assert not Path("ranking.csv").exists() and not Path("selection.csv").exists()


def test_formulas_are_candidates_and_mean_their_elements():
    done(*RANK)
    names = table()["elements"].tolist()[:3]
    first, second, third = (name.split() for name in names)
    lines = ["-".join(first), "2".join(second), f"{''.join(third)}0.5", "Li2O", "".join(first)]
    Path("mine.txt").write_text("\n".join(lines) + "\n")
    said = done(*RANK, "--candidates", "mine.txt")
    assert table()["elements"].tolist() == names
    assert "5 rows, 3 used, 2 left out: " in said.out
    assert "has 2 elements, and M-M'-A has 3" in said.out and "duplicate of line 1" in said.out
    assert "of the rows are formulas; each means its element set" in said.out


@pytest.mark.parametrize("header", ["formula", "composition", "elements"])
def test_candidates_may_be_a_column_of_a_table(header):
    done(*RANK)
    names = table()["elements"].tolist()[:4]
    rows = [f"{i},{name.replace(' ', '')},{'' if i else 2.5}" for i, name in enumerate(names)]
    Path("mine.csv").write_text("\n".join([f"id,{header},cost", *rows]) + "\n")
    said = done(*RANK, "--candidates", "mine.csv")
    assert table()["elements"].tolist() == names and "4 rows, all used" in said.out


def test_candidates_are_not_refused_for_what_is_not_among_them():
    symbols = ["Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "O", "S", "Cl", "F"]  # no Al
    rows = [f"{symbol},{i},{i * i}" for i, symbol in enumerate(symbols)]
    Path("own.csv").write_text("\n".join(["element,one,two", *rows]) + "\n")
    done(*RANK)
    names = [name for name in table()["elements"] if "Al" not in name.split()][:5]
    Path("mine.txt").write_text("\n".join(names) + "\n")
    said = done("rank", "pca", *RANK[2:], "--features", "own.csv", "--candidates", "mine.txt")
    n = sum("Al" in field.split() for field in REPORTED)
    assert f"note     {n} reported fields and 0 candidates are left out" in said.out
    assert {*table()["elements"]} == {*names}
    Path("mine.txt").write_text(
        "Al Li O\n" if "Al Li O" in names else "Al K S\nAl Sr F\nAl Zn Cl\n"
    )
    said = phasezoo("rank", "pca", *RANK[2:], "--features", "own.csv", "--candidates", "mine.txt")
    assert "element table 'own.csv' has no values for Al" in said.message


# select


def test_a_selection_writes_its_table_and_figure_and_says_what_the_models_are_worth():
    said = done(*SELECT, "--above", "3")
    chosen = table("selection.csv")
    assert list(chosen) == [
        "rank", "elements", "joint", "probability", "uncertainty", "accessibility", "score",
        "front", "nearest_reported", "nearest_gap",
    ]  # fmt: skip
    assert len(chosen) == 52 and "52 unexplored fields in selection.csv" in said.out
    assert "merit         AUROC " in said.out and "accessibility AUROC " in said.out
    assert "wanted   gap > 3; joint = P(merit) x accessible % / 100" in said.out
    assert "read     sets.txt: 60 rows, all used" in said.out and "gaps.csv: 60 rows" in said.out
    assert imread("selection.png").shape[2] in (3, 4)


def test_processes_decide_no_number():
    done(*SELECT, "--above", "3")
    done(*SELECT[:-1], "2", "--above", "3", "--out", "two.csv")
    assert Path("two.csv").read_text() == Path("selection.csv").read_text()


def test_what_is_not_above_a_value_may_be_wanted():
    done(*SELECT, "--above", "3")
    above = table("selection.csv").set_index("elements")["probability"]
    done(*SELECT, "--at-most", "3")
    at_most = table("selection.csv").set_index("elements")["probability"]
    np.testing.assert_allclose(above + at_most[above.index], 1, atol=1e-6)


def test_a_notebook_selects_the_same():
    done(*SELECT, "--above", "3", "--contains", "Li")
    of = {"reported": "sets.txt", "pattern": PATTERN, "data": "gaps.csv", "contains": ["Li"]}
    same = select("element_frequency", target="gap", above=3, **of)
    pd.testing.assert_frame_equal(table("selection.csv"), same, check_exact=False)
    quality = json.loads(same.attrs["quality"])
    assert len(quality["merit"]["auroc"]) == 4 and quality["accessibility"]["held_out"] == [12]


def test_a_finished_run_selects_by_its_own_scores(finished):
    shutil.copytree(finished, "runs")
    run = next(
        path.parent
        for path in Path("runs/cells").glob("*/run.json")
        if json.loads(path.read_text())["encoder"]["name"] == "pca"
    )
    options = ("--data", "gaps.csv", "--property", "gap", "--above", "3", "--workers", "1")
    said = done("select", run.name, *options)
    done("rank", run.name)
    scores = table().set_index("elements")["score"]
    chosen = table("selection.csv").set_index("elements")
    np.testing.assert_allclose(chosen["score"], scores[chosen.index], rtol=1e-6)
    assert "of 12 reported fields held out, among 52 candidates" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--above", "50"), "--above 50: 0 of 60 element sets have gap > 50"),
        (("--above", "-1"), "--above -1: 60 of 60 element sets have gap > -1"),
        (("--at-most", "-1"), "--at-most -1: 0 of 60 element sets"),
        (("--above", "3", "--at-most", "4"), "give one of --above and --at-most"),
        ((), "give one of --above and --at-most"),
        (("--above", "nan"), "nan is not a finite number"),
        (("--property", "gpa", "--above", "3"), "--property gpa: is not a property of"),
        (("--above", "3", "--classifier", "ridge"), "--classifier ridge: is neither a classifier"),
        (("--above", "3", "--data", "gasp.csv"), "gasp.csv: no such file"),
        (("--above", "3", "--figure", "s.docx"), "a figure cannot be written as '.docx'"),
        (("--above", "3", "--out", "gaps.csv"), "is a file that this command reads"),
        (("--above", "3", "--pattern", "M-M'-A-A'"), "none of the 60 element sets is of the"),
    ],
)
def test_a_selection_that_cannot_be_made_says_why_and_leaves_no_file(options, message):
    assert message in phasezoo(*SELECT, *options).message
    assert not Path("selection.csv").exists() and not Path("selection.png").exists()


def test_a_property_of_one_value_is_refused():
    rows = [f"{field},1.5" for field in REPORTED]
    Path("gaps.csv").write_text("\n".join(["elements,gap", *rows]) + "\n")
    assert "is 1.5 for all 60" in phasezoo(*SELECT, "--above", "1").message


# explain


def test_an_explanation_says_all_that_was_asked_and_draws_it():
    said = done(*EXPLAIN)
    for text in (
        "field    Li Na O: ",
        "score    ",
        "among 52 candidates",
        "what each element adds, over all orders; sum = score - mean:",
        "what elements, pairs and triples add beyond their parts; same sum:",
        "nearest reported fields",
        "reported sets within it",
        "neighbours in the periodic table",
    ):
        assert text in said.out
    assert imread("explanation.png").shape[2] in (3, 4)


def test_an_explanation_in_a_notebook_has_the_tables_of_the_command():
    why = explain("Li-Na-O", "element_frequency", data="sets.txt", pattern=PATTERN)
    ranking = rank("element_frequency", data="sets.txt", pattern=PATTERN)
    assert why.candidates == len(ranking)
    if why.reported == "not reported":
        assert ranking.set_index("elements").loc["Li Na O", "score"] == pytest.approx(why.score)
    assert why.elements["shapley"].sum() == pytest.approx(why.score - why.background, abs=1e-6)
    assert not Path("explanation.png").exists()


def test_a_finished_run_explains_its_own_scores(finished):
    shutil.copytree(finished, "runs")
    for path in Path("runs/cells").glob("*/run.json"):
        said = done("explain", "Li-Na-O", "--from", path.parent.name)
        assert f"by {json.loads(path.read_text())['encoder']['name']}" in said.out
    why = explain("Li-Na-O", path.parent.name)
    scores = rank(path.parent.name).set_index("elements")["score"]
    np.testing.assert_allclose(why.scores, scores.sort_values(ascending=False), rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "options", "message"),
    [
        (
            "Li-Na-O-S",
            (),
            "has 4 elements; this fit is for 3; a field of the space is for instance",
        ),
        ("Li-Na-K", (), "'Li-Na-K' is not a field of the space (60 of 60 element sets"),
        ("Li-Lj-O", (), "'Lj' is not an element; did you mean 'Li'"),
        ("Li-Li-O", (), "Li appears twice; an element set holds each element once"),
        ("Li-Na-K-Mg-Ca-Sr-Zn-Al-O", (), "has 9 elements; this fit is for 3"),
        ("Li-Na-O", ("--encoder", "elment_frequency"), "did you mean 'element_frequency'"),
        ("Li-Na-O", ("--from", "last"), "give --encoder or --from"),
        ("Li-Na-O", ("--out", "e.docx"), "a figure cannot be written as '.docx'"),
        ("Li-Na-O", ("--out", "sets.txt"), "is a file that this command reads"),
        ("Li-Na-O", ("--set", "smoothin=2"), "smoothin is not a parameter of"),
    ],
)
def test_a_field_that_cannot_be_explained_is_refused(field, options, message):
    assert message in phasezoo("explain", field, *EXPLAIN[2:], *options).message
    assert not Path("explanation.png").exists()


def test_a_run_has_its_own_data(finished):
    shutil.copytree(finished, "runs")
    (run, *_) = (path.parent.name for path in Path("runs/cells").glob("*/run.json"))
    said = phasezoo("explain", "Li-Na-O", "--from", run, "--data", "sets.txt")
    assert "a finished run has its own data" in said.message
    assert "is an encoder, not a" in phasezoo("explain", "Li-Na-O", "--from", "pca").message


def test_bars_are_drawn_for_people_alone(monkeypatch):
    assert phasezoo(*RANK).err == ""
    monkeypatch.setattr(cli.sys.stderr, "isatty", lambda: True, raising=False)
    done(*RANK)
