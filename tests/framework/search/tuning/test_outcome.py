"""What of a tuning depends on timing: which trials ran at the same time, and what that decides."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from framework.search.tuning.outcome import Tuned, concurrent
from framework.search.tuning.plan import plan_tuning
from tests.framework.search.tuning.test_tuning import experiment

BEGINNING = datetime(2026, 1, 1)


def ran(start: int, end: int):
    """A trial between two seconds."""
    trial = create_trial(state=TrialState.COMPLETE, value=0.0)
    trial.datetime_start = BEGINNING + timedelta(seconds=start)
    trial.datetime_complete = BEGINNING + timedelta(seconds=end)
    return trial


spans = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda pair: (pair[0], sum(pair)))


@given(st.lists(spans, max_size=8))
def test_trials_ran_at_the_same_time_where_their_spans_overlap(given_spans):
    overlaps = [
        any(i != j and a < d and c < b for j, (c, d) in enumerate(given_spans))
        for i, (a, b) in enumerate(given_spans)
    ]
    assert concurrent([ran(*span) for span in given_spans]) == overlaps


@pytest.mark.parametrize(
    ("changes", "said", "not_said"),
    [
        ({"sampler": "random", "pruner": "none"}, [], ["ran at the same time"]),
        ({"sampler": "tpe", "pruner": "none"}, ["3 of 5 trials", "sampler tpe"], ["pruner"]),
        ({"sampler": "random", "pruner": "median"}, ["pruner median"], ["settings were tried"]),
        ({"sampler": "gp", "pruner": "hyperband"}, ["sampler gp", "pruner hyperband"], []),
        ({"sampler": "random", "objectives": ["seconds_fit"], "pruner": "none"}, ["measured"], []),
    ],
)
def test_what_depends_on_timing_is_named(desk, changes, said, not_said):
    plan = plan_tuning(experiment(**changes), Path("runs"))
    timing = Tuned(plan, finished=4, pruned=1, concurrent=3).timing()
    assert all(text in timing for text in said)
    assert not any(text in timing for text in not_said)


def test_nothing_depends_on_timing_where_one_worker_went_through(desk):
    plan = plan_tuning(experiment(sampler="tpe", pruner="median"), Path("runs"))
    assert Tuned(plan, finished=5).timing() == ""
