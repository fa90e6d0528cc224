"""The experiment schema, strict YAML, and the digest."""

import json
import random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from framework.base.digest import digest
from framework.base.errors import UserError
from framework.config.experiment import Experiment, experiment_from, read_experiments
from framework.config.experiment import read_experiment as read
from framework.config.schema import RESERVED, Component
from framework.config.strict_yaml import read_yaml, write_yaml
from framework.metrics.ranking import RANKING
from tests.conftest import tiny

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
labels = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() and text.isprintable() and not set(text) & set("/|")
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
settings = st.dictionaries(
    words.filter(lambda key: key not in ("name", "label", "parameters")), plain, max_size=3
)


@st.composite
def components(draw, label=True):
    return Component(
        name=draw(words),
        label=draw(st.none() | labels) if label else None,
        parameters=draw(settings),
    )


@st.composite
def experiments(draw):
    return Experiment(
        name=draw(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,20}\Z")) + "x",
        description=draw(words),
        dataset=draw(components()),
        task=draw(components()),
        representations=draw(st.dictionaries(words, settings, max_size=2)),
        splits=draw(st.lists(components(), min_size=1, max_size=3, unique_by=lambda c: c.title)),
        seeds=draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3, unique=True)),
        encoders=draw(st.lists(components(), min_size=1, max_size=3, unique_by=lambda c: c.title)),
        metrics=draw(st.lists(st.sampled_from(list(RANKING)), min_size=1, unique=True)),
        validation_fraction=draw(st.floats(0, 0.5)),
        resamples=draw(st.integers(100, 100_000)),
    )


@given(experiments())
def test_an_experiment_reads_back_equal_from_its_yaml(experiment):
    again = experiment_from(read_yaml(experiment.to_yaml(), "test"), "test")
    assert again == experiment


@given(plain)
def test_plain_content_reads_back_equal_from_yaml(content):
    assert read_yaml(write_yaml(content), "test") == content


@given(plain)
def test_readers_of_yaml_1_1_read_the_same_from_what_is_written(content):
    assert yaml.safe_load(write_yaml(content)) == content


@given(st.dictionaries(words, plain), st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_keys(content, rng: random.Random):
    keys = list(content)
    rng.shuffle(keys)
    assert digest({key: content[key] for key in keys}) == digest(content)


@given(plain, plain)
def test_different_content_has_different_digests(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(one) == digest(other)) == same


def test_a_tuple_and_a_list_of_the_same_values_have_one_digest():
    assert digest({"hidden": (64, 32)}) == digest({"hidden": [64, 32]})


def test_the_experiments_of_the_project_are_valid():
    from framework.config.optimisation import read_optimisation
    from framework.registry.registry import ROOT

    files = sorted((ROOT / "experiments").glob("*.yaml"))
    assert len(files) > 5
    for path in files:
        if "\nexperiments:" in path.read_text():
            assert read_experiments(path)
            continue
        searches = "\nobjectives:" in path.read_text()
        found = read_optimisation(path) if searches else read(path)
        assert found.name == path.stem


def test_a_name_is_the_short_form_of_a_component_without_settings():
    short = Component.model_validate("pca")
    assert short == Component.model_validate({"name": "pca"}) and short.as_yaml() == "pca"
    long = Component.model_validate({"name": "pca", "label": "wide", "latent_dim": 64})
    assert long.parameters == {"latent_dim": 64} and long.title == "wide"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-3", -3),
        ("0", 0),
        ("true", True),
        ("~", None),
        ("", None),
        (".inf", float("inf")),
        ("No", "No"),
        ("yes", "yes"),
        ("on", "on"),
        ("N", "N"),
        ("10:30", "10:30"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"),
        ("nan", "nan"),
        ("=", "="),
    ],
)
def test_a_scalar_means_what_it_seems_to(text, value):
    assert read_yaml(text, "test") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "x, line 4: the key 'c' is listed twice; keep one"),
        ("1: 2", "x: the key 1 is not a text"),
        ("~: 2", "x: the key None is not a text"),
        ("? [a]\n: 1", "x, line 1: the key ['a'] is not a text"),
        ("? {a: b}\n: 1", "x, line 1: the key {'a': 'b'} is not a text"),
        ("a: !!str 3", "has the tag 'tag:yaml.org,2002:str'; write the plain value"),
        ("a: ! 3", "has the tag '!'"),
        ("a: !!binary aGVsbG8=", "has the tag"),
        ("a: !!set {b}", "has the tag"),
        ("!!python/dict {a: 1}", "has the tag"),
        ("a: &b 1\nc: *b", "x, line 1: has the anchor or alias 'b'; write the value out"),
        ("a: *b", "has the anchor or alias 'b'"),
        ("a: &b [*b]", "has the anchor or alias 'b'"),
        ("{<<: {a: 1}, <<: {b: 1}}", "the key '<<' is listed twice"),
        ("a:\n  b: 1\n c: 2\n", "x, line 3: not valid YAML"),
        ("a:\n\tb: 1\n", "x, line 2: not valid YAML (found character '\\t' that cannot start"),
        ("[a, b", "check indentation (no tabs), brackets, quotes"),
        ("'a", "not valid YAML"),
        ("a: 1\n---\nb: 2", "x, line 2: not valid YAML (but found another document)"),
        ("%YAML 3.0\n---\na: 1", "not valid YAML"),
        ("a: \x07", "has the control character '\\x07'; remove it"),
        ('a: "\\ud800"', "half of a character"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 3000 + "1" + "}" * 3000, "nested too deeply"),
        ("9" * 5000, "a number that is too long"),
    ],
)
def test_yaml_that_does_not_mean_what_it_seems_to_is_refused(text, message):
    with pytest.raises(UserError) as caught:
        read_yaml(text, "x")
    assert message in str(caught.value) and str(caught.value).startswith("x")


def test_no_tag_runs_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    attacks = [
        "!!python/object/apply:os.system ['touch run']",
        "!!python/object/new:os.system ['touch run']",
        "!!python/name:os.system",
        "!!python/module:os",
    ]
    for attack in attacks:
        with pytest.raises(UserError, match="has the tag"):
            read_yaml(f"name: {attack}", "x")
    # the same text does run where nobody is careful: the attack is a real one
    yaml.load(attacks[0], Loader=yaml.UnsafeLoader)
    assert (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encodres": ["pca"]}, "encodres is not a key of an experiment; did you mean 'encoders'?"),
        ({"encoders": None}, "'encoders' is missing; an experiment needs it"),
        ({"name": 3}, "name must be a text"),
        ({"name": "../x"}, "name must be letters, digits"),
        ({"name": "a" * 81}, "at most 80 characters"),
        *(({"name": name}, f"'{name}' is taken in the folder of results") for name in RESERVED),
        ({"description": 3}, "description must be a text"),
        ({"dataset": ["oqmd_icsd"]}, "dataset: give a name, or a mapping with the key 'name'"),
        ({"dataset": 3}, "dataset: give a name"),
        ({"dataset": {"path": "x"}}, "dataset: give a name"),
        ({"dataset": {"name": 3}}, "dataset.name must be a text"),
        ({"encoders": "pca"}, "encoders must be a list such as [a, b], not 'pca'"),
        ({"encoders": {"pca": {}}}, "encoders must be a list"),
        ({"encoders": []}, "encoders: list should have at least 1 item"),
        ({"encoders": [None]}, "encoders[0]: give a name"),
        ({"encoders": [3]}, "encoders[0]: give a name"),
        (
            {"encoders": ["pca", "pca"]},
            "encoders: 'pca' is listed twice; give one of them a 'label'",
        ),
        (
            {"encoders": [{"name": n, "label": "a"} for n in ("pca", "input_norm")]},
            "encoders: 'a' is listed twice",
        ),
        ({"encoders": [{"name": "pca", "label": 3}]}, "encoders[0].label must be a text"),
        ({"encoders": [{"name": "pca", "label": ""}]}, "'' is not a valid label"),
        (
            {"splits": [{"name": "random", "label": "a/b"}]},
            "splits[0].label: 'a/b' is not a valid label",
        ),
        ({"splits": [{"name": "random", "label": "a|b"}]}, "'a|b' is not a valid label"),
        ({"splits": [{"name": "random", "label": "a\nb"}]}, "write one line"),
        ({"splits": "random"}, "splits must be a list"),
        ({"seeds": [0, 0]}, "seeds: 0 is listed twice; name it once"),
        ({"seeds": 3}, "seeds must be a list"),
        ({"seeds": [-1]}, "seeds[0]: input should be greater than or equal to 0, got -1"),
        ({"seeds": [2**31]}, "seeds[0]: input should be less than 2147483648"),
        ({"seeds": ["0"]}, "seeds[0] must be a whole number, not '0'"),
        ({"seeds": [0.0]}, "seeds[0] must be a whole number, not 0.0"),
        ({"seeds": [True]}, "seeds[0] must be a whole number, not True"),
        ({"seeds": [float("nan")]}, "seeds[0] must be a whole number, not nan"),
        ({"metrics": ["aurok"]}, "metrics: 'aurok' is not a metric; did you mean 'auroc'"),
        ({"metrics": ["auroc", "auroc"]}, "metrics: 'auroc' is listed twice; name it once"),
        ({"metrics": []}, "metrics: list should have at least 1 item"),
        ({"validation_fraction": 0.9}, "validation_fraction: input should be less than"),
        ({"validation_fraction": float("nan")}, "validation_fraction: input should be"),
        ({"resamples": 10}, "resamples: input should be greater than or equal to 100, got 10"),
        ({"resamples": "many"}, "resamples must be a whole number, not 'many'"),
        ({"representations": ["phase_field"]}, "representations must be a mapping"),
        ({"representations": {"phase_field": None}}, "representations.phase_field must be a map"),
    ],
)
def test_a_misfit_is_told_by_its_place_in_one_line(changes, message):
    content = tiny(**{"name": "x", "metrics": ["auroc"]} | changes)
    with pytest.raises(UserError) as caught:
        experiment_from(content, "x.yaml")
    assert str(caught.value).startswith("x.yaml: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_misfit_is_told_but_not_endlessly():
    content = tiny(name="x", seeds=list(range(-40, -1)), splits=3)
    with pytest.raises(UserError) as caught:
        experiment_from(content, "x.yaml")
    lines = str(caught.value).splitlines()
    assert "x.yaml: splits must be a list such as [a, b], not 3" in lines
    assert len(lines) == 11 and lines[-1] == "x.yaml: and 30 more of this kind"


@given(plain)
def test_any_content_that_is_no_experiment_is_refused(content):
    with pytest.raises(UserError, match="x: "):
        experiment_from({"name": "x", "dataset": content, "encoders": content}, "x")
