"""Every mistake of a user ends in one clear message and exit code 2: what, where, what is valid."""

import gzip
import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data.candidates.pattern import ANIONS
from data.element_sets import SYMBOLS
from framework.base.errors import UserError
from framework.commands import models
from framework.commands.options import symbols_of
from framework.commands.rank import rank
from framework.commands.run import run
from tests.conftest import PATTERN, REPORTED, phasezoo, phasezoo_process, tiny, write_yaml

NO_TRACK = ("--no-track", "--runs", "runs")
TINY_SPACE = ("--data", "sets.txt", "--pattern", PATTERN)

pytestmark = pytest.mark.usefixtures("blank_figures", "desk")


def benchmark(content: object = None, *more: object, **changes: object):
    """The benchmark of the tiny experiment with changes, or of a text as it is."""
    if isinstance(content, str | bytes):
        path = Path("tiny.yaml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    else:
        path = write_yaml(tiny(**changes))
    return phasezoo("benchmark", path, *NO_TRACK, *more)


def candidates(**parameters: object) -> dict:
    source = {"name": "pattern", "pattern": PATTERN} | parameters
    return {"name": "plausibility", "candidates": source}


# the experiment's YAML: names and values

UNKNOWN = [
    ({"dataset": "oqmd_icds"}, "dataset: 'oqmd_icds' is not a registered data set; did you mean 'oqmd_icsd'?"),
    ({"dataset": {"name": "file", "pth": "x"}}, "dataset.pth is not a parameter of 'file'; did you mean 'path' (str | Path, required)?"),
    ({"dataset": "file"}, "dataset: 'file' needs 'path' (str | Path, required)"),
    ({"task": "plausability"}, "task: 'plausability' is not a registered task; did you mean 'plausibility'?"),
    ({"task": {"name": "plausibility", "prir": 0.1}}, "task.prir is not a parameter of 'plausibility'; did you mean 'prior' (float 0..0.5, default 0.05)?"),
    ({"task": candidates(name="patern")}, "task.candidates: 'patern' is not a registered candidate source; did you mean 'pattern'?"),
    ({"task": candidates(anoins=["O"])}, "task.candidates.anoins is not a parameter of 'pattern'; did you mean 'anions'"),
    ({"task": {"name": "classification", "target": "stable"}}, "task.target: 'stable' is not a variable of Element sets of sets.txt; a class is a whole number"),
    ({"task": {"name": "classification", "target": "stable", "probe": "ridge"}}, "task.probe: 'ridge' is not a classifier, which is needed here; take one of "),
    ({"task": {"name": "classification", "target": "gap", "abov": 0.0}}, "task.abov is not a parameter of 'classification'; did you mean 'above'"),
    ({"task": {"name": "classification"}}, "task: 'classification' needs 'target' (str, required)"),
    ({"encoders": ["phase_field_vea"]}, "encoders[0]: 'phase_field_vea' is not a registered encoder; did you mean 'phase_field_vae'?"),
    ({"encoders": ["pca", {"name": "pca", "label": "b", "latent_dmi": 4}]}, "encoders[1].latent_dmi is not a parameter of 'pca'; did you mean 'latent_dim' (int 1..128, default 16)?"),
    ({"encoders": [{"name": "pca", "width": 4}]}, "encoders[0].width is not a parameter of 'pca'"),
    ({"encoders": [{"name": "pca", "seed": 4}]}, "encoders[0].seed is not a parameter of 'pca'"),
    ({"splits": ["randm"]}, "splits[0]: 'randm' is not a registered split; did you mean 'random'?"),
    ({"splits": [{"name": "random", "fractoin": 0.3}]}, "splits[0].fractoin is not a parameter of 'random'; did you mean 'fraction' (float 0.01..0.9, default 0.2)?"),
    ({"metrics": ["recall_at_1pc"]}, "metrics: 'recall_at_1pc' is not a metric; did you mean 'recall_at_1pct'"),
    ({"representations": {"phasefield": {}}}, "representations: 'phasefield' is not a registered representation; did you mean 'phase_field'?"),
    ({"representations": {"phase_field": {"feature": "magpie"}}}, "representations.phase_field.feature is not a parameter of 'phase_field'; did you mean 'features'"),
    ({"representations": {"phase_field": {"features": "magpi"}}}, "representations.phase_field: no element table 'magpi'; did you mean 'magpie'?"),
    ({"representations": {"phase_field": {"features": "no.csv"}}}, "representations.phase_field: no.csv: no such file"),
    ({"splits": [{"name": "leave_one_cluster_out", "features": "magpi"}]}, "splits[0]: no element table 'magpi'; did you mean 'magpie'?"),
    ({"seads": [1]}, "seads is not a key of an experiment; did you mean 'seeds'?"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNKNOWN, ids=lambda x: x if type(x) is str else "")
def test_an_unknown_name_is_told_with_its_place_and_the_nearest(changes, message):
    assert benchmark(**changes).message.startswith(f"tiny.yaml: {message}")


def encoder(name: str, **parameters: object) -> dict:
    return {"encoders": [{"name": name, **parameters}]}


BAD_VALUES = [
    (encoder("pca", latent_dim="four"), "encoders[0].latent_dim: 'four' is not of type int; 'latent_dim' is int 1..128, default 16"),
    (encoder("pca", latent_dim=4.5), "encoders[0].latent_dim: 4.5 is not of type int"),
    (encoder("pca", latent_dim=None), "encoders[0].latent_dim: None is not of type int"),
    (encoder("pca", latent_dim=0), "encoders[0].latent_dim: 0 is out of range; 'latent_dim' is int 1..128, default 16"),
    (encoder("pca", latent_dim=10**30), f"encoders[0].latent_dim: {10**30} is out of range"),
    (encoder("pca", latent_dim=[4]), "encoders[0].latent_dim: [4] is not of type int"),
    (encoder("autoencoder", learning_rate=float("nan")), "encoders[0].learning_rate: nan is not a finite number; 'learning_rate' is float 1e-06..1, default 0.001"),
    (encoder("autoencoder", learning_rate=float("inf")), "encoders[0].learning_rate: inf is not a finite number"),
    (encoder("autoencoder", learning_rate=2), "encoders[0].learning_rate: 2.0 is out of range"),
    (encoder("autoencoder", optimiser="adm"), "encoders[0].optimiser: 'adm' is no option; did you mean 'adam'"),
    (encoder("autoencoder", hidden=[float("nan")]), "encoders[0].hidden: [nan] is not of type tuple[int, ...]"),
    (encoder("autoencoder", hidden=64), "encoders[0].hidden: 64 is not of type tuple[int, ...]"),
    (encoder("autoencoder", hidden=[-4]), "encoders[0]"),
    ({"task": {"name": "plausibility", "prior": float("nan")}}, "task.prior: nan is not a finite number"),
    ({"task": {"name": "plausibility", "prior": 0.9}}, "task.prior: 0.9 is out of range; 'prior' is float 0..0.5"),
    ({"task": {"name": "plausibility", "candidates": None}}, "task.candidates: None is not of type"),
    ({"task": {"name": "plausibility", "candidates": 3}}, "task.candidates: 3 is not of type"),
    ({"task": {"name": "plausibility", "candidates": {"patern": "M-A"}}}, "task.candidates"),
    ({"task": {"name": "plausibility", "candidates": {"name": 3}}}, "task.candidates"),
    ({"splits": [{"name": "random", "fraction": "half"}]}, "splits[0].fraction: 'half' is not of type float"),
    ({"splits": [{"name": "random", "fraction": 2}]}, "splits[0].fraction: 2.0 is out of range; 'fraction' is float 0.01..0.9"),
    ({"dataset": {"name": "file", "path": 3}}, "dataset.path: 3 is not of type str | Path"),
    ({"dataset": {"name": "file", "path": "sets.txt", "strict": "maybe"}}, "dataset.strict: 'maybe' is not of type bool"),
    ({"dataset": {"name": None}}, "dataset.name must be a text"),
    ({"resamples": 99}, "resamples: input should be greater than or equal to 100, got 99"),
    ({"seeds": [1, 1]}, "seeds: 1 is listed twice; name it once"),
    ({"encoders": ["pca", "pca"]}, "encoders: 'pca' is listed twice; give one of them a 'label'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD_VALUES)
def test_a_bad_value_is_told_with_its_place_and_what_is_valid(changes, message):
    assert benchmark(**changes).message.startswith(f"tiny.yaml: {message}")


def test_a_representation_that_no_encoder_reads_is_not_passed_over(monkeypatch):
    from framework.registry.registry import REPRESENTATIONS

    monkeypatch.setattr(REPRESENTATIONS, "require", lambda *_: None)
    said = benchmark(representations={"diffraction": {}})
    assert "representations.diffraction: no encoder here reads it; take it out" in said.message


# the experiment's YAML: the text

ALL_MISSING = "'dataset' is missing; an experiment needs it"
LATIN = "name: caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin1")
BOMB = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{f'*{a},' * 9}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD_TEXTS = [
    ("- a\n- b\n", ": holds a list, but an experiment is a mapping"),
    ("hello", ": holds a text, but an experiment is a mapping"),
    ("3", ": holds a value, but an experiment is a mapping"),
    ("# nothing\n", ": holds nothing, but an experiment is a mapping"),
    ("null", ": holds nothing"),
    ("", ": the file is empty (an experiment)"),
    (" \n \n", ": the file holds nothing but blanks (an experiment)"),
    ("{}", f": {ALL_MISSING}"),
    ("name: a\nname: b\n", ", line 2: the key 'name' is listed twice; keep one"),
    ("encoders:\n- {name: a,\n   name: b}\n", ", line 3: the key 'name' is listed twice; keep one"),
    ("name: !!python/object/apply:os.system ['touch run']\n", ", line 1: has the tag"),
    ("name: !!python/name:os.system\n", ", line 1: has the tag"),
    ("name: !!str 3\n", ", line 1: has the tag 'tag:yaml.org,2002:str'; write the plain value"),
    ("a:\n  b: 1\n c: 2\n", ", line 3: not valid YAML"),
    ("a:\n\tb: 1\n", ", line 2: not valid YAML (found character '\\t'"),
    ("encoders: [pca\n", ", line 2: not valid YAML (expected ',' or ']'"),
    ("a: *b\n", ", line 1: has the anchor or alias 'b'; write the value out"),
    ("encoders: &a [*a]\n", ", line 1: has the anchor or alias 'a'"),
    (BOMB, ", line 1: has the anchor or alias 'a'"),
    ("encoders: " + "[" * 10_000, ": nested too deeply"),
    ("seeds: [" + "9" * 5000 + "]", ": has a number that is too long to read"),
    ("1: 2\n", ", line 1: the key 1 is not a text"),
    ("null: 2\n", ", line 1: the key None is not a text"),
    ("a: 1\n---\nb: 1\n", ", line 2: not valid YAML (but found another document)"),
    ("a: \x07\n", ": has the control character '\\x07'; remove it"),
    (b"name: a\0b\n", ": not a text file (it holds NUL bytes); save it as UTF-8"),
    (LATIN, ": not a text file (byte 9 is not UTF-8); save it as UTF-8"),
    ("name: a\n".encode("utf-16"), ": not a text file (byte 0 is not UTF-8)"),
    (bytes(range(256)), ": not a text file"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TEXTS, ids=range(len(BAD_TEXTS)))
def test_a_yaml_text_that_is_no_experiment_is_explained_by_its_line(text, message):
    assert benchmark(text).message.startswith(f"tiny.yaml{message}")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tini.yaml", "tini.yaml: no such file (an experiment); did you mean 'tiny.yaml'?"),
        (".", ".: is a folder, not a file (an experiment)"),
        ("sets.txt/x.yaml", "sets.txt/x.yaml: "),
        ("/dev/null", "/dev/null: is a pipe or a device"),
        ("x" * 300, "File name too long"),
    ],
)
def test_an_experiment_that_cannot_be_opened_is_explained(path, message):
    write_yaml(tiny())
    assert message in phasezoo("benchmark", path, *NO_TRACK).message


# data files

GOOD = "\n".join(REPORTED[:12]) + "\n"
UNUSABLE = [
    ("sets.txt", GOOD + "Lj Na O\n", 13, "'Lj' is not an element; did you mean 'Li' or 'La'?"),
    ("sets.txt", GOOD + "Li Li O\n", 13, "Li appears twice"),
    ("sets.txt", GOOD + "Li O\n", 13, "not of the pattern M-M'-A"),
    ("sets.txt", GOOD + "\n# x\nLi Na K O S\n", 15, "not of the pattern M-M'-A"),
    ("sets.txt", GOOD + REPORTED[3] + "\n", 13, "duplicate of line 4"),
    ("sets.txt", GOOD + "NaCl\n", 13, "'NaCl' is not an element"),
    ("sets.csv", "elements,x\n" + GOOD.replace("\n", ",1\n") + "Li Na O,nan\n", 14, "column 'x' holds 'nan', not a finite number"),
    ("sets.csv", "elements,x\n" + GOOD.replace("\n", ",1\n") + "Li Na O,inf\n", 14, "column 'x' holds 'inf', not a finite number"),
    ("sets.csv", "elements,x\n" + GOOD.replace("\n", ",1\n") + "Li Na O,\n", 14, "column 'x' is blank"),
    ("sets.csv", "elements,x\n" + GOOD.replace("\n", ",1\n") + "Li Na O,1,2\n", 14, "3 cells where the header has 2"),
    ("f.csv", "formula\n" + GOOD.replace(" ", "") + "Li(Na\n", 14, "'Li(Na' is not a formula"),
    ("f.csv", "formula\n" + GOOD.replace(" ", "") + "Lj2O\n", 14, "'Lj' in 'Lj2O' is not an element"),
    ("f.csv", "formula\n" + GOOD.replace(" ", "") + "Li-1O\n", 14, "'Li-1O' is not a formula"),
    ("f.csv", "formula\n" + GOOD.replace(" ", "") + "Li" + "9" * 400 + "O\n", 14, "is not a formula"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"), UNUSABLE, ids=[reason for *_, reason in UNUSABLE]
)
def test_an_unusable_row_goes_to_a_side_file_by_line_and_reason_and_strict_refuses_it(
    name, text, line, reason
):
    Path(name).write_text(text)
    command = ("rank", "random_score", "--data", name, "--pattern", PATTERN)
    said = phasezoo(*command)
    side_file = Path("ranking.unusable_rows.csv")
    assert said.code == 0, said.err
    assert re.search(rf"{name}: \d+ rows, \d+ used, 1 left out: .*", said.out), said.out
    assert said.out.endswith(f"each row that was left out, by line and reason: {side_file}\n")
    header, row = side_file.read_text().splitlines()
    assert header == "file,line,reason,text"
    assert row.startswith(f"{name},{line},") and reason in row
    refused = phasezoo(*command, "--strict").message
    assert f"line {line}: " in refused and reason in refused and "strict allows none" in refused


def test_strict_reaches_every_file_that_a_yaml_names():
    Path("sets.txt").write_text(GOOD + "Lj Na O\n")
    said = benchmark()
    assert said.code == 0 and ", 1 left out: 'Lj' is not an element" in said.out
    assert (
        Path("runs/tiny/unusable_rows.csv").read_text().splitlines()[1].startswith("sets.txt,13,")
    )
    said = benchmark(None, "--strict")
    assert "1 unusable row(s), and strict allows none: line 13: 'Lj' is not" in said.message


def test_validate_shows_what_a_run_cannot_use_and_says_how_many_more_there_are():
    Path("sets.txt").write_text(GOOD + "Lj Na O\n" * 25)
    said = phasezoo("data", "validate", "sets.txt")
    assert said.code == 0 and said.out.count("'Lj' is not an element") == 20
    assert "and 5 more" in said.out
    assert "sets.txt: 37 rows, 12 used, 25 left out: ... is not an element (25)" in said.out
    assert "25 unusable row(s)" in phasezoo("data", "validate", "sets.txt", "--strict").message


UNREADABLE = [
    ("x.csv", b"", "x.csv: the file is empty"),
    ("x.csv", b" \n\t\n", "x.csv: the file holds nothing but blanks"),
    ("x.txt", b"# a\n# b\n", "x.txt: nothing but comments"),
    ("x.csv", b"formula,gap\n", "x.csv: a header and no row"),
    ("x.csv", b"elements\n", "x.csv: a header and no row"),
    ("x.csv", b"formula\nLj2O\nXx\n", "none of the 2 rows is usable; line 2: 'Lj' in 'Lj2O' is not an element"),
    ("x.txt", b"Lj O\nLi Li\n", "none of the 2 rows is usable; line 1: 'Lj' is not an element"),
    ("x.csv", b"formla,x\nLiO,1\n", "no column 'formula' or 'composition'; did you mean 'formla' (LiO)?"),
    ("x.csv", b"name,x\nsalt,1\n", "no column 'formula' or 'composition'; the file has name, x;"),
    ("x.csv", b"formula,x,x\nLiO,1,1\n", "column 'x' appears twice"),
    ("x.csv", b"elements,material\nLi O,1\n", "'material', which is taken; rename it"),
    ("x.csv", b"elements\n\"" + b"x" * 200_000, "not CSV (field larger"),
    ("x.csv", bytes(range(256)), "x.csv: not a text file (byte 128 is not UTF-8); save it as UTF-8"),
    ("x.csv", b"Li\0Na O\n", "x.csv: not a text file (it holds NUL bytes)"),
    ("x.xlsx", b"PK\x03\x04" + bytes(60), "x.xlsx: not a readable Excel file"),
    ("x.csv.gz", b"Li Na O\n", "x.csv.gz: not a readable gzip file"),
    ("x.csv.gz", gzip.compress(b"Li Na O\n" * 99, mtime=0)[:30], "x.csv.gz: not a readable gzip file"),
    ("x.txt", b"Li O\nNa S\n", "none of the 2 element sets is of the pattern M-M'-A (first: Li O)"),
    ("x.txt", b"Li Na O\n", "no unexplored field is left"),
    ("x.txt", b"Li Na O\nLi K S\n", "splits[0]: split 'random': leaves no hold-out among 2 reported fields"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), UNREADABLE)
def test_a_data_file_that_cannot_be_used_is_explained(name, content, message):
    Path(name).write_bytes(content)
    said = phasezoo("run", "random_score", "--data", name, "--pattern", PATTERN, *NO_TRACK)
    assert message in said.message


@pytest.mark.parametrize("verb", [("run", "random_score", *NO_TRACK), ("rank", "random_score")])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("oqmd_icds", "'oqmd_icds' is not a registered data set; did you mean 'oqmd_icsd'?"),
        ("set.txt", "set.txt: no such file (a data set"),
        ("set.txt", "did you mean 'sets.txt'?"),
        (".", ".: no .cif file (it has sets.txt); expected a folder of .cif files"),
        ("", ".: no .cif file (it has sets.txt); expected a folder of .cif files"),
        ("y" * 300, "is not a registered data set"),
        ("y" * 300 + ".csv", "cannot be read (File name too long"),
    ],
)
def test_data_that_is_not_there_is_explained(verb, data, message):
    assert message in phasezoo(*verb, "--data", data).message


def test_a_changed_data_file_is_read_again_in_the_same_session():
    Path("sets.txt").write_text(GOOD)
    assert phasezoo("run", "random_score", *TINY_SPACE, *NO_TRACK).code == 0
    os.utime("sets.txt", ns=(1, 1))
    Path("sets.txt").write_text("Li O\n")
    said = phasezoo("run", "random_score", *TINY_SPACE, *NO_TRACK)
    assert "none of the 1 element sets is of the pattern" in said.message


def test_a_changed_element_table_makes_another_run():
    symbols = ["Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al", "O", "S", "Cl", "F"]
    command = ("run", "pca", *TINY_SPACE, *NO_TRACK, "--features", "mine.csv")

    def with_table(values):
        rows = [f"{symbol},{value}" for symbol, value in zip(symbols, values, strict=True)]
        Path("mine.csv").write_text("\n".join(["element,x", *rows]))
        said = phasezoo(*command)
        assert said.code == 0, said.err
        return said.out

    assert "1 computed, 0 reused" in with_table(range(12))
    assert "0 computed, 1 reused" in with_table(range(12))
    assert "1 computed, 0 reused" in with_table(np.arange(12) ** 2)


def test_an_element_table_that_lacks_an_element_names_it():
    Path("mine.csv").write_text("element,x\nLi,1\n")
    said = phasezoo("run", "pca", *TINY_SPACE, *NO_TRACK, "--features", "mine.csv")
    assert "element table 'mine.csv' has no values for O, F, Na" in said.message


# splits, patterns, candidates


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("time", "split 'time': the data set has no order of entry; take split 'random'"),
        (
            {"name": "leave_one_element_out", "elements": ["Xe"]},
            "split 'leave_one_element_out': Xe is in no reported field; those that are: Al, Ca,",
        ),
        (
            {"name": "leave_one_element_out", "elements": ["Lj"]},
            "split 'leave_one_element_out': elements: 'Lj' is not an element; did you mean 'Li'",
        ),
        (
            {"name": "leave_one_element_out", "elements": ["Li", "Li"]},
            "elements: Li is listed twice",
        ),
        ({"name": "leave_one_element_out", "elements": []}, "elements is empty; name some"),
        ({"name": "leave_one_element_out", "elements": "Li"}, "'Li' is not of type tuple"),
        ({"name": "leave_one_element_out", "min_fields": 999}, "lower min_fields"),
        ({"name": "leave_one_cluster_out", "clusters": 61}, "clusters: 61 is out of range"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(split, message):
    said = benchmark(splits=[split])
    assert said.message.startswith("tiny.yaml: splits[0]") and message in said.message


def test_fewer_fields_than_clusters_are_refused():
    Path("sets.txt").write_text("\n".join(REPORTED[:4]))
    said = benchmark(splits=["leave_one_cluster_out"])
    assert "4 reported fields cannot make 5 clusters; lower clusters" in said.message


def test_a_split_that_leaves_nothing_to_learn_from_is_refused():
    Path("sets.txt").write_text("Li Na O\nLi Na S\n\nK Li O\n")
    said = benchmark(splits=[{"name": "random", "fraction": 0.7}])
    assert "leaves 1 of 3 reported fields to learn from; at least 2 are needed" in said.message


def test_nobelium_is_an_element_and_not_a_refusal():
    Path("tiny.yaml").write_text(
        yaml.safe_dump(tiny(splits=None))
        + "splits: [{name: leave_one_element_out, elements: [No]}]"
    )
    said = phasezoo("benchmark", "tiny.yaml", *NO_TRACK)
    assert "No is in no reported field" in said.message


BAD_PATTERNS = [
    "",
    " ",
    "M-X-A",
    "M-M-A",
    "m-a",
    "M-A-",
    "-",
    "M -A",
    "MA",
    "M''M",
    "\0",
    "M'" * 50,
]


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_bad_pattern_is_told_how_to_write_one(pattern):
    said = phasezoo("rank", "input_norm", "--data", "sets.txt", "--pattern", pattern)
    assert "write cations M, M', M'' and anions A, A' joined by hyphens" in said.message


def test_a_pattern_of_too_many_elements_is_refused():
    pattern = "-".join(f"M{chr(39) * i}" for i in range(8)) + "-A"
    said = phasezoo("rank", "input_norm", "--data", "sets.txt", "--pattern", pattern)
    assert "at most 8 elements, this has 9" in said.message


@pytest.mark.parametrize("pattern", ["M", "A", "M-A", "M-M'-A-A'", "M-M'-M''"])
def test_a_pattern_that_no_reported_field_has_is_refused_with_the_first_field(pattern):
    said = phasezoo("rank", "input_norm", "--data", "sets.txt", "--pattern", pattern)
    first = " ".join(sorted(REPORTED[0].split()))
    assert (
        f"none of the 60 element sets is of the pattern {pattern} (first: {first})" in said.message
    )


def test_a_space_too_large_to_enumerate_is_refused_at_once():
    cations = [symbol for symbol in SYMBOLS if symbol not in ANIONS]
    Path("sets.txt").write_text("Li Na K Mg O S Cl F\n")
    pattern = "M-M'-M''-M'''-A-A'-A''-A'''"
    said = benchmark(task=candidates(pattern=pattern, cations=cations))
    assert "fields are too many to enumerate (limit 5,000,000)" in said.message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"contains": ["Lj"]}, "contains: 'Lj' is not an element; did you mean 'Li' or 'La'?"),
        ({"exclude": ["Lj"]}, "exclude: 'Lj' is not an element"),
        ({"cations": ["li"]}, "cations: 'li' is not an element; did you mean 'Li'?"),
        ({"anions": ["Q"]}, "anions: 'Q' is not an element; write symbols such as Li or Sn"),
        ({"anions": ["D"]}, "isotopes of hydrogen are written H"),
        ({"anions": [""]}, "anions: '' is not an element"),
        ({"cations": ["Li", "Li"]}, "cations: Li is listed twice"),
        ({"cations": ["Li", "O"]}, "O stands in cations and in anions; choose one"),
        ({"contains": ["Li"], "exclude": ["Li"]}, "Li is both contained and excluded"),
        ({"contains": "Li"}, "'Li' is not of type tuple[str, ...]"),
        ({"cations": []}, "none of the 60 element sets is of the pattern"),
    ],
)
def test_a_candidate_space_of_bad_elements_is_refused(parameters, message):
    said = benchmark(task=candidates(**parameters))
    assert said.message.startswith("tiny.yaml: ") and message in said.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--contains", "Lj"), "contains: 'Lj' is not an element; did you mean 'Li' or 'La'?"),
        (("--contains", "li"), "contains: 'li' is not an element; did you mean 'Li'?"),
        (("--exclude", "Lj"), "exclude: 'Lj' is not an element"),
        (("--contains", "Li,Li"), "contains: Li is listed twice"),
        (("--contains", "Li,S", "--exclude", "S"), "S is both contained and excluded; choose one"),
        (("--contains", "Xe"), "none of the 52 candidates holds Xe; ask for fewer elements"),
        (("--contains", "Li-Na-K"), "none of the 52 candidates holds Li, Na, K"),
        (("--exclude", "O S Cl F"), "none of the 52 candidates lacks O, S, Cl, F"),
        (("--candidates", "known.txt"), "known.txt: all 3 candidates are reported already"),
        (
            ("--candidates", "off.txt"),
            "off.txt: 1 of 1 element sets do not have 3 elements, as M-M'-A has",
        ),
        (("--candidates", "know.txt"), "know.txt: no such file (candidates, one a line"),
        (("--candidates", "know.txt"), "did you mean 'known.txt'?"),
        (("--candidates", "."), ".: is a folder, not a file"),
        (("--candidates", "bad.txt"), "none of the 1 rows is usable; line 1: 'Lj' is not an"),
        (("--candidates", "some.txt", "--strict"), "some.txt: 1 unusable row(s), and strict"),
        (("--features", "magpi"), "no element table 'magpi'; did you mean 'magpie'?"),
        (("--features", "magpi.csv"), "magpi.csv: no such file (an element table"),
        (("--set", "latent_dmi=3"), "latent_dmi is not a parameter of 'pca'; did you mean"),
    ],
)
def test_a_ranking_that_cannot_be_made_says_why_and_leaves_no_file(options, message):
    Path("known.txt").write_text("\n".join(REPORTED[:3]))
    Path("off.txt").write_text("Li Na O S\n")
    Path("bad.txt").write_text("Lj O\n")
    Path("some.txt").write_text("Cs Rb O\nLj Na O\n")
    assert message in phasezoo("rank", "pca", *TINY_SPACE, *options).message
    assert not Path("ranking.csv").exists()


# --set and other options

BAD_SETTINGS = [
    ("latent_dim", "--set latent_dim: write name=value, for instance --set latent_dim=8"),
    ("=3", "--set =3: write name=value"),
    (" =3", "write name=value"),
    ("latent_dim=", "latent_dim: None is not of type int; 'latent_dim' is int 1..128, default 16"),
    ("latent_dim=four", "latent_dim: 'four' is not of type int"),
    ("latent_dim=nan", "latent_dim: 'nan' is not of type int"),
    ("latent_dim=.nan", "latent_dim: nan is not a finite number"),
    ("latent_dim=-.inf", "latent_dim: -inf is not a finite number"),
    ("latent_dim=0", "latent_dim: 0 is out of range; 'latent_dim' is int 1..128"),
    ("latent_dim=1e1", "latent_dim: 10.0 is not of type int"),
    ("latent_dim=[1", "--set latent_dim: not valid YAML"),
    ("latent_dim={a: 1, a: 2}", "--set latent_dim: the key 'a' is listed twice"),
    ("latent_dim=!!python/object/apply:os.system ['touch run']", "--set latent_dim: has the tag"),
    ("latent_dim=&a [*a]", "--set latent_dim: has the anchor or alias 'a'"),
    ("latent_dim=" + "9" * 5000, "--set latent_dim: has a number that is too long"),
    ("latent_dim=" + "[" * 3000, "--set latent_dim: nested too deeply"),
    ("latent_dmi=3", "latent_dmi is not a parameter of 'pca'; did you mean 'latent_dim'"),
    ("seed=3", "'seed' is not a setting of the encoder; give it to the command itself"),
    ("data=x", "'data' is not a setting of the encoder"),
    ("name=x", "name is not a parameter of 'pca'"),
    ("label=x", "label is not a parameter of 'pca'"),
    ("parameters=x", "'parameters' is not a setting of the encoder"),
    ("self=x", "self is not a parameter of 'pca'"),
    ("width=3", "width is not a parameter of 'pca'"),
]


@pytest.mark.parametrize("verb", [("run", "pca", *NO_TRACK), ("rank", "pca")], ids=["run", "rank"])
@pytest.mark.parametrize(("setting", "message"), BAD_SETTINGS, ids=range(len(BAD_SETTINGS)))
def test_a_bad_setting_is_explained(verb, setting, message):
    assert message in phasezoo(*verb, *TINY_SPACE, "--set", setting).message
    assert not Path("run").exists()


def test_a_setting_given_twice_is_refused():
    two = ("--set", "latent_dim=3", "--set", "latent_dim=4")
    assert "'latent_dim' is set twice" in phasezoo("rank", "pca", *TINY_SPACE, *two).message


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("rnk",), "No such command 'rnk'. Did you mean 'rank'"),
        (("run",), "Missing argument 'encoder'"),
        (("explain",), "Missing argument 'FIELD'"),
        (("rank", "pca", "--contain", "Li"), "No such option: --contain"),
        (("models", "a", "b"), "Got unexpected extra argument"),
        (("benchmark", "tiny.yaml", "--workers", "0"), "greater than or equal to 1"),
        (("benchmark", "tiny.yaml", "--workers", "two"), "valid integer"),
        (("run", "pca", "--seed", "-1"), "greater than or equal to 0"),
        (("run", "pca", "--seed", str(2**31)), "less than or equal to 2147483647"),
        (("rank", "pca", "--seed", str(2**31)), "less than or equal to 2147483647"),
        (("ui", "--port", "0"), "greater than or equal to 1"),
        (("data", "validate"), "Missing argument"),
    ],
)
def test_a_bad_option_is_explained(command, message):
    said = phasezoo(*command)
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", said.err).split())
    assert said.code == 2 and message in text and said.out == ""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("models", "nosuch"), "no model is called 'nosuch'; valid: autoencoder, composition"),
        (("models", "phase_field_vea"), "did you mean 'phase_field_vae'"),
        (("models", "*nothing*"), "no model is called '*nothing*'; valid: "),
        (("models", "["), "no model is called '['"),
        (("models", ""), "no model is called ''"),
        (("data", "describe", "oqmd"), "'oqmd' is not a registered data set; did you mean 'oqmd_"),
        (("data", "describe", "sets.txt"), "'sets.txt' is not a registered data set"),
        (("data", "validate", "set.txt"), "set.txt: no such file"),
        (("run", "pcaa", "--no-track"), "'pcaa' is not a registered encoder; did you mean 'pca'?"),
        (("run", "pca", "--no-track", "--split", "tim"), "'tim' is not a registered split; did you"),
        (("check", "nosuch.py"), "nosuch.py: no such file (a model file)"),
        (("check", "sets.txt"), "sets.txt: a model file is a Python file (*.py)"),
        (("check", "."), ".: is a folder, not a file (a model file)"),
    ],
)  # fmt: skip
def test_an_unknown_thing_on_the_command_line_is_told_with_the_nearest(command, message):
    assert message in phasezoo(*command).message


# where results go


@pytest.mark.parametrize("runs", ["sets.txt", "sets.txt/x", "/proc/nowhere", "y" * 300])
@pytest.mark.parametrize("verb", ["benchmark", "run"])
def test_a_folder_of_results_that_cannot_be_written_is_refused_before_anything_runs(verb, runs):
    what = (write_yaml(tiny()),) if verb == "benchmark" else ("random_score", *TINY_SPACE)
    said = phasezoo(verb, *what, "--no-track", "--runs", runs)
    assert "cannot be written (" in said.message and "--runs" in said.message


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "--out .: cannot be written (Is a directory); name another file"),
        ("", "cannot be written (Is a directory)"),
        ("sets.txt/r.csv", "cannot be written"),
        ("/proc/nowhere/r.csv", "cannot be written"),
        ("y" * 300, "cannot be written (File name too long)"),
        ("sets.txt", "--out sets.txt: is a file that this command reads; name another one"),
        ("./sets.txt", "is a file that this command reads"),
        ("cand.txt", "is a file that this command reads"),
    ],
)
def test_a_ranking_that_cannot_be_written_is_refused_before_anything_is_fitted(out, message):
    Path("cand.txt").write_text("Li Na O\n")
    before = Path("sets.txt").read_text()
    said = phasezoo("rank", "pca", *TINY_SPACE, "--candidates", "cand.txt", "--out", out)
    assert message in said.message
    assert Path("sets.txt").read_text() == before
    assert Path("cand.txt").read_text() == "Li Na O\n"


@pytest.mark.parametrize("out", [".", "sets.txt/a.png", "/proc/nowhere/a.png"])
def test_the_figure_of_an_audit_that_cannot_be_written_is_refused(out):
    assert f"--out {out}: cannot be written (" in phasezoo("audit", "x", "--out", out).message


def test_a_missing_folder_of_a_ranking_is_made():
    said = phasezoo("rank", "input_norm", *TINY_SPACE, "--out", "new/folder/r.csv")
    assert said.code == 0 and Path("new/folder/r.csv").exists()


# finished runs


@pytest.fixture
def runs(finished, desk):
    """A copy of the finished runs, to damage; encoder name -> folder."""
    shutil.copytree(finished, "runs")
    found = {}
    for folder in Path("runs/cells").iterdir():
        settings = json.loads((folder / "run.json").read_text())
        found[settings["encoder"]["name"]] = folder
    return found


@pytest.mark.parametrize("verb", ["rank", "audit"])
@pytest.mark.parametrize(
    "name",
    ["deadbeef", "pcaa", "d" * 32, "", "[a-", "****", "../x", "/etc/passwd", ".", "sets.txt",
     "y" * 5000, "\0"],
)  # fmt: skip
def test_a_run_that_is_not_there_is_told_with_what_is(verb, name, runs):
    said = phasezoo(verb, name)
    if len(name) == 32:
        assert "runs/mlflow.db: nothing is tracked there yet" in said.message
    elif verb == "rank":
        assert "is neither a registered encoder nor a finished run in runs; " in said.message
    elif name:
        assert (
            f"is not a finished run in runs/cells; valid: {sorted(f.name for f in runs.values())[0]}"
            in said.message
        )


def test_too_short_a_beginning_of_a_digest_is_refused_and_a_shared_one_names_the_runs(runs):
    folder = runs["pca"]
    assert "is neither" in phasezoo("rank", folder.name[:3]).message
    shutil.copytree(folder, folder.with_name(folder.name[:-1] + "x"))
    said = phasezoo("rank", folder.name[:8])
    assert f"'{folder.name[:8]}' is the beginning of 2 runs in runs/cells" in said.message
    assert folder.name in said.message


CHECKPOINTS = [
    ("pca", "encoder.npz"),
    ("pca", "representation.npz"),
    ("autoencoder", "encoder.ckpt"),
    ("autoencoder", "representation.npz"),
]


@pytest.mark.parametrize(("name", "file"), CHECKPOINTS)
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2] + b"\x55" * 40 + content[len(content) // 2 + 40 :],
        lambda content: b"",
        lambda content: b"not a checkpoint at all",
        lambda content: b"\x93NUMPY" + content,
        lambda content: b"PK\x03\x04" + bytes(100),
    ],
    ids=["half", "a byte less", "flipped", "empty", "text", "npy", "zip"],
)  # fmt: skip
def test_a_damaged_checkpoint_is_told_by_its_path(runs, name, file, damage):
    path = runs[name] / file
    path.write_bytes(damage(path.read_bytes()))
    said = phasezoo("rank", runs[name].name)
    assert said.message.startswith(f"{path}: not a readable checkpoint (")
    assert said.message.endswith("; fit again")


@pytest.mark.parametrize(("name", "file"), CHECKPOINTS)
def test_a_missing_checkpoint_is_told_by_its_path(runs, name, file):
    (runs[name] / file).unlink()
    assert phasezoo("rank", runs[name].name).message.startswith(f"{runs[name] / file}: ")


def test_a_checkpoint_of_another_encoder_is_refused(runs):
    shutil.copy(runs["element_frequency"] / "encoder.npz", runs["pca"] / "encoder.npz")
    said = phasezoo("rank", runs["pca"].name)
    assert "is a checkpoint of ElementFrequency" in said.message
    assert (
        "not of PCA with the settings {'latent_dim': 16, 'representation': 'phase_field'}; fit again"
        in said.message
    )


@pytest.mark.parametrize("name", ["pca", "autoencoder"])
def test_a_checkpoint_of_other_settings_is_refused(runs, name):
    path = runs[name] / "run.json"
    settings = json.loads(path.read_text())
    settings["encoder"]["parameters"]["latent_dim"] = 7
    path.write_text(json.dumps(settings))
    said = phasezoo("rank", runs[name].name)
    assert str(runs[name] / "encoder.") in said.message
    assert "latent_dim" in said.message or "size mismatch" in said.message


def test_a_checkpoint_in_which_strange_things_lie_is_refused(runs):
    path = runs["pca"] / "encoder.npz"
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    np.savez(path, allow_pickle=False, **content, fit=np.zeros(1))
    assert "it holds 'fit', which no fit learns" in phasezoo("rank", runs["pca"].name).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged (KeyError: 'encoder')"),
        ('{"encoder": 3}', "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("\0", "not a text file"),
    ],
)
def test_damaged_settings_of_a_run_are_told_by_their_path(runs, text, message):
    path = runs["pca"] / "run.json"
    path.write_text(text)
    said = phasezoo("rank", runs["pca"].name)
    assert said.message.startswith(str(path)) and message in said.message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder", {"name": "pcaa", "parameters": {}}, "encoder: 'pcaa' is not a registered"),
        ("encoder", {"name": "pca", "parameters": {"x": 1}}, "encoder.x is not a parameter of"),
        ("encoder", {"name": "pca", "parameters": 3}, "is damaged"),
        ("encoder", {"name": "pca"}, "is damaged (KeyError: 'parameters')"),
        ("encoder", 3, "is damaged"),
        ("representation", {"name": "x", "parameters": {}}, "representation: 'x' is not a reg"),
        ("dataset", {"name": "x", "parameters": {}}, "dataset: 'x' is not a registered"),
        ("dataset", {"name": "file", "parameters": {}}, "dataset: 'file' needs 'path'"),
        ("dataset", None, "is damaged"),
        ("task", {"name": "x", "parameters": {}}, "task: 'x' is not a registered task"),
        ("split", {"name": "x", "parameters": {}, "fold": ""}, "split: 'x' is not a registered"),
        ("split", {"name": "random", "parameters": {}}, "is damaged (KeyError: 'fold')"),
        ("seed", None, "is damaged"),
        ("seed", "x", "is damaged"),
    ],
)
@pytest.mark.parametrize("verb", ["rank", "audit"])
def test_a_setting_of_a_run_that_no_longer_fits_is_told_by_its_path(
    runs, verb, key, value, message
):
    path = runs["pca"] / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    said = phasezoo(verb, runs["pca"].name)
    assert said.message.startswith(f"{path}: ") and message in said.message


@pytest.mark.parametrize("content", [b"", b"CDF", b"\x89HDF\r\n\x1a\n" + bytes(200), b"text"])
def test_a_damaged_cell_is_told_with_how_to_mend_it(finished, runs, content):
    yaml_file = shutil.copy(finished.parent / "tiny.yaml", "tiny.yaml")
    folder = runs["pca"]
    (folder / "cell.nc").write_bytes(content)
    said = phasezoo("benchmark", yaml_file, *NO_TRACK)
    assert said.message.startswith(f"{folder}/cell.nc: cannot be read (")
    assert f"delete the folder {folder} and run the benchmark again" in said.message
    shutil.rmtree(folder)
    again = phasezoo("benchmark", yaml_file, *NO_TRACK)
    assert again.code == 0 and "1 computed, 2 reused" in again.out


@pytest.mark.parametrize(
    "options",
    [
        ("--data", "sets.txt"),
        ("--pattern", PATTERN),
        ("--features", "magpie"),
        ("--seed", "1"),
        ("--set", "latent_dim=3"),
    ],
)
def test_what_a_finished_run_has_of_its_own_cannot_be_given_again(runs, options):
    said = phasezoo("rank", runs["pca"].name, *options)
    assert "a finished run has its own " in said.message
    assert options[0].strip("-") in said.message or "latent_dim" in said.message


def test_a_run_whose_data_file_is_gone_names_the_file(runs, finished):
    path = runs["pca"] / "run.json"
    path.write_text(path.read_text().replace(str(finished.parent), "gone"))
    assert "gone/sets.txt: no such file" in phasezoo("rank", runs["pca"].name).message


# check FILE.py

MODEL = '''"""A model to check."""

import numpy as np

from framework.contracts.encoder import Encoder


class Mine(Encoder):
    """Scores by the sum of atomic numbers."""

    representation = "phase_field"

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def fit(self, samples, validation=None):
        self.mean_ = samples.elements.numpy().mean()
        return self

    def transform(self, samples):
        return self.score_samples(samples)[:, None]

    def score_samples(self, samples):
        self.require_fitted()
        return samples.elements.numpy().sum(1) ** self.power - self.mean_
'''
NEURAL = '''"""A network to check."""

from torch import nn

from framework.neural.encoder import NeuralEncoder


class Mine(NeuralEncoder):
    """A linear map that cannot learn."""

    representation = "phase_field"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.layer = nn.Linear(width, 2)

    def encode(self, batch):
        return self.layer(batch)

    def loss(self, batch):
        raise ValueError("no loss today")
'''


def test_a_good_model_file_holds_every_check():
    Path("mine.py").write_text(MODEL)
    said = phasezoo("check", "mine.py")
    assert said.code == 0, said.out + said.err
    assert "FAILED" not in said.out and "mine.py: Mine holds all" in said.out


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Mine(\n", "mine.py: fails on import: SyntaxError"),
        ("import nosuch\n", "mine.py, line 1: fails on import: ModuleNotFoundError"),
        ("x = 1\n", "holds no item; name its class 'Mine', or its function or object 'mine'"),
        ("", "mine.py: the file is empty (a model file)"),
    ],
)
def test_a_file_that_holds_no_model_is_explained(source, message):
    Path("mine.py").write_text(source)
    assert message in phasezoo("check", "mine.py").message


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('"""Mine."""\n\n\nclass Mine:\n    pass\n', "the item is not a subclass of Encoder"),
        ('"""Mine."""\n\n\ndef mine():\n    pass\n', "it gives NoneType, not an xarray.Dataset"),
        (MODEL.partition("\n")[2], "the file has no docstring"),
        (MODEL.replace("phase_field", "phasefield"), "did you mean 'phase_field'?"),
        (MODEL.replace('representation = "phase_field"', ""), "set the class attribute"),
        (MODEL.replace("power: float = 1.0", "power: float"), "'power' has no default"),
        (MODEL.replace("power: float", "power"), "'power' has no type; annotate it"),
        (MODEL.replace("= 1.0", "= 'one'"), "the default of 'power' does not fit: 'one' is not"),
        (MODEL.replace("self.power = power", "self.p = power"), "store the argument 'power'"),
        (MODEL.replace("self.require_fitted()", "pass"), "AttributeError"),
        (MODEL.replace(" - self.mean_", " / 0"), "not finite"),
        (MODEL.replace("        return samples", "        raise ValueError('no')\n        return samples"), "ValueError: no (mine.py, line "),
        (NEURAL, "ValueError: no loss today (mine.py, line "),
    ],
)  # fmt: skip
def test_a_model_that_breaks_the_contract_fails_with_the_reason_and_exit_code_1(source, problem):
    Path("mine.py").write_text(source)
    said = phasezoo("check", "mine.py")
    assert said.code == 1, said.out + said.err
    assert "FAILED" in said.out and problem in said.out and said.err == ""


# the real process


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("models", "nosuch"), "phasezoo: no model is called 'nosuch'; valid: autoencoder"),
        (("benchmark", "bad.yaml"), "phasezoo: bad.yaml, line 1: has the tag"),
        (("data", "validate", "n\x1b[31m.csv"), "phasezoo: n\\x1b[31m.csv: no such file"),
    ],
)
def test_a_process_ends_with_one_message_and_exit_code_2(command, message):
    Path("bad.yaml").write_text("name: !!python/object/apply:os.system ['touch run']\n")
    said = phasezoo_process(*command)
    assert (said.code, said.out) == (2, "") and said.err.startswith(message)
    assert said.err.count("\n") == 1 and not Path("run").exists()


def test_a_terminal_without_unicode_gets_escapes_and_no_traceback():
    said = phasezoo_process(
        "benchmark", write_yaml(tiny(seeds=[0, 1])), *NO_TRACK, PYTHONIOENCODING="ascii"
    )
    assert said.code == 0 and "Traceback" not in said.err
    path = os.fsdecode(b"caf\xff.csv")
    said = phasezoo_process("data", "validate", path)
    assert said.code == 2 and "no such file" in said.err and "Traceback" not in said.err


def test_an_interrupted_command_says_that_the_same_command_goes_on(monkeypatch):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(models, "list_models", interrupted)
    said = phasezoo("models")
    assert said.code == 130 and "Traceback" not in said.err


def test_a_notebook_gets_one_exception_class():
    with pytest.raises(UserError, match="did you mean 'pca'"):
        run("pcaa")
    with pytest.raises(UserError, match="did you mean 'latent_dim'"):
        rank("pca", data="sets.txt", pattern=PATTERN, latent_dmi=3)
    with pytest.raises(UserError, match="name is not a parameter"):
        run("pca", data="sets.txt", pattern=PATTERN, name="x")


# anything at all

anything = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
yamlish = st.text(st.sampled_from("ab:-[]{}!&*'\"#|>%@`,?~ \n\t01.e=<"), max_size=40) | texts


def ends_well(said, codes=(0, 2)) -> None:
    assert said.code in codes, said.err
    assert "Traceback" not in said.err
    if said.code == 2:
        assert said.err.strip() and said.out == ""


@anything
@given(yamlish)
@example("<<: {a: 1}")
@example("? a")
@example("@")
@example("!<!> a")
def test_any_text_as_an_experiment_ends_well(desk, text):
    ends_well(benchmark(text), codes=(2,))


@anything
@given(st.sampled_from([*tiny(), "name", "representations", "metrics"]), yamlish)
def test_any_text_as_a_value_of_an_experiment_ends_well(desk, key, text):
    rest = yaml.safe_dump(tiny(**{key: None}))
    Path("tiny.yaml").write_text(f"{rest}{key}: {text}\n", encoding="utf-8")
    ends_well(phasezoo("benchmark", "tiny.yaml", *NO_TRACK))


@anything
@given(
    st.binary(max_size=80) | texts.map(str.encode), st.sampled_from(["x.txt", "x.csv", "x.csv.gz"])
)
@example(b"formula\n(\n", "x.csv")
@example(b"elements;x\nLi O;1\n", "x.csv")
@example("formula\nLi\N{SUBSCRIPT TWO}O\n".encode(), "x.csv")
def test_any_bytes_as_a_data_file_end_well(desk, content, name):
    Path(name).write_bytes(content)
    ends_well(phasezoo("data", "validate", name))


cells = st.sampled_from(["Li", "Na", "O", "Lj", "Li Na O", "LiNaO", "1", "nan", "inf", "", "1e999",
                         "elements", "formula", "x", '"', "#", "Li(", "-"])  # fmt: skip


@anything
@given(st.lists(st.lists(cells, max_size=4), max_size=6), st.sampled_from(",; \t"))
def test_any_table_as_data_ends_well(desk, rows, separator):
    Path("x.csv").write_text("\n".join(separator.join(row) for row in rows))
    ends_well(phasezoo("run", "random_score", "--data", "x.csv", "--pattern", PATTERN, *NO_TRACK))


@anything
@given(st.sampled_from(["latent_dim=", "hidden=", "optimiser=", ""]), yamlish)
@example("", "latent_dim=\ud800")
def test_any_text_as_a_setting_ends_well(desk, name, text):
    Path("rank.csv").unlink(missing_ok=True)
    ends_well(phasezoo("rank", "pca", *TINY_SPACE, "--set", name + text))


@anything
@given(st.text(st.sampled_from("MA'-\N{PRIME} m\0"), max_size=12) | texts)
def test_any_text_as_a_pattern_ends_well(desk, text):
    ends_well(phasezoo("rank", "input_norm", "--data", "sets.txt", f"--pattern={text}"))


@anything
@given(texts)
@example("Li,S")
def test_any_text_as_elements_ends_well(desk, text):
    ends_well(phasezoo("rank", "input_norm", *TINY_SPACE, f"--contains={text}"))
    assert not set(" ,-") & set("".join(symbols_of(text)))


@anything
@given(texts.filter(lambda text: not text.startswith("-")))
def test_any_text_as_a_run_ends_well(desk, text):
    ends_well(phasezoo("rank", text, "--runs", "runs"))


@anything
@given(st.data())
def test_any_flipped_or_missing_bytes_of_a_checkpoint_end_well(finished, tmp_path_factory, data):
    from framework.runs.saved import SavedRun

    name, file = data.draw(st.sampled_from(CHECKPOINTS))
    source = next(
        folder
        for folder in (finished / "cells").iterdir()
        if json.loads((folder / "run.json").read_text())["encoder"]["name"] == name
    )
    folder = shutil.copytree(source, tmp_path_factory.mktemp("damaged") / "run")
    content = bytearray((folder / file).read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[start:]
    else:
        content[start : start + 8] = data.draw(st.binary(min_size=8, max_size=8))
    (folder / file).write_bytes(content)
    try:
        SavedRun.open(folder)
    except UserError as error:
        message = str(error)
    else:
        message = str(folder)  # bytes that nothing reads, or a number that is as good
    assert str(folder) in message
