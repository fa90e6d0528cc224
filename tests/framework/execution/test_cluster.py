"""A Dask cluster: the very numbers of this process, whatever dies on the way."""

import shutil
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import xarray as xr

from framework.base.errors import UserError
from framework.benchmark.benchmark import benchmark
from framework.config.experiment import experiment_from
from framework.config.optimisation import Optimisation
from framework.config.schema import validated
from framework.execution import cluster
from framework.execution.cluster import Cluster
from framework.execution.cluster_worker import Terms, identity, refusal
from framework.execution.command import command_of_this_process
from framework.execution.here import Here
from framework.search.optimisation.optimisation import optimise
from framework.search.study.ownership import is_mine
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.tuning import tuning
from tests.conftest import PHASEZOO, phasezoo, tiny, write_yaml
from tests.framework.execution.conftest import PATIENCE, ROOT
from tests.framework.execution.pieces import Deed, attempts

NETWORK = {"name": "autoencoder", "epochs": 40}
TIMED = ["seconds_fit", "seconds_score"]


def outcomes(executor, work, pieces, report=lambda *_: None):
    with closing(executor.run(work, pieces, report)) as ending:
        return dict(ending)


def wait_until(happened):
    give_up = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.slow
def test_a_benchmark_on_two_workers_of_which_one_is_killed_equals_one_in_this_process(
    scheduler, desk
):
    content = tiny(name="small", encoders=[NETWORK, "pca", "element_frequency"], seeds=[0, 1])
    command = [PHASEZOO, "benchmark", write_yaml(content), "--no-track", "--runs", "cluster"]
    process = subprocess.Popen(
        [*command, "--scheduler", scheduler.address], stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: [*Path("cluster").glob("cells/[!.]*")] or process.poll() is not None)
    before = scheduler.workers()
    before[0].kill()
    assert process.wait(PATIENCE) == 0, process.stderr.read()
    wait_until(lambda: len(scheduler.workers()) == 2)
    assert before[0] not in scheduler.workers()

    wanted = experiment_from(content, where="test")
    there = benchmark(wanted, Path("cluster"), progress=False)
    assert there.computed == []
    here = benchmark(wanted, Path("here"), progress=False)
    assert len(here.computed) == 6
    xr.testing.assert_equal(there.results.drop_vars(TIMED), here.results.drop_vars(TIMED))
    assert not [*Path("cluster").rglob(".cluster-*")]


@pytest.mark.slow
def test_searches_and_trials_are_those_of_this_process(scheduler, desk):
    ackley = {"name": "test_function", "function": "ackley"}
    content = {"name": "o", "objectives": [ackley], "samplers": ["random", "tpe"], "trials": 12}
    functions = validated(Optimisation, content, "o")
    quiet = {"progress": False}
    there = optimise(functions, Path("cluster"), scheduler=scheduler.address, **quiet)
    assert there.results.identical(optimise(functions, Path("here"), **quiet).results)

    content = tiny(
        name="t",
        encoders=["pca"],
        validation_fraction=0.3,
        tuning={"trials": 4, "sampler": "random"},
    )
    wanted = experiment_from(content, where="test")
    there = tuning.tune(wanted, Path("cluster"), scheduler=scheduler.address, **quiet)
    here = tuning.tune(wanted, Path("here"), **quiet)
    trials = [
        [(slot, trial.params, trial.values) for slot, trial in ended(open_study(of.plan.study))]
        for of in (there, here)
    ]
    assert trials[0] == trials[1]
    owners = [trial.user_attrs["owner"] for _, trial in ended(open_study(there.plan.study))]
    assert {owner["pid"] for owner in owners} <= {worker.pid for worker in scheduler.workers()}
    assert all(map(is_mine, owners))  # so that this command tells its tracker as they end
    xr.testing.assert_equal(
        there.outcome.results.drop_vars(TIMED), here.outcome.results.drop_vars(TIMED)
    )


def test_pieces_end_as_they_do_here_and_report_on_the_way(scheduler, tmp_path):
    pieces = ["value 0", "fail 1", "refuse 2", "value 3"]
    reports = []
    executor = Cluster(scheduler.address, tmp_path)
    there = outcomes(executor, Deed(tmp_path), pieces, lambda *said: reports.append(said))
    here = outcomes(Here(), Deed(tmp_path), pieces)
    assert {piece: outcome.result for piece, outcome in there.items()} == {
        piece: outcome.result for piece, outcome in here.items()
    }
    assert there["fail 1"].failure.cause == here["fail 1"].failure.cause
    assert there["refuse 2"].failure.refused
    assert ("value 0", 2, 2) in reports


@pytest.mark.slow
def test_a_piece_that_kills_its_workers_costs_only_itself(scheduler, tmp_path):
    there = outcomes(Cluster(scheduler.address, tmp_path), Deed(tmp_path), ["die 0", "value 1"])
    assert there["die 0"].failure.died
    assert there["value 1"].failure is None
    wait_until(lambda: len(scheduler.workers()) == 2)


@pytest.mark.slow
def test_a_closed_stream_ends_what_it_has_begun_and_leaves_the_workers(scheduler, tmp_path):
    executor = Cluster(scheduler.address, tmp_path)
    with closing(executor.run(Deed(tmp_path), ["sleep 0", "value 1"], print)) as ending:
        assert next(ending)[0] == "value 1"
        wait_until(lambda: (tmp_path / "sleep 0").exists())
    (worker,) = attempts(tmp_path, "sleep 0")
    started = time.monotonic()
    # the workers are free: two pieces at once do not wait for the end of the 50 seconds
    again = outcomes(executor, Deed(tmp_path), ["value 2", "value 3"])
    assert all(outcome.failure is None for outcome in again.values())
    assert time.monotonic() - started < 30
    assert psutil.pid_exists(worker)


@pytest.mark.slow
def test_an_interrupted_command_says_so_and_frees_the_workers(scheduler, desk):
    long = {"name": "autoencoder", "epochs": 1000}
    content = tiny(encoders=[long], seeds=[0, 1])
    command = [PHASEZOO, "benchmark", write_yaml(content), "--no-track", "--runs", "runs"]
    command += ["--scheduler", scheduler.address]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: [*Path("runs").glob(".cluster-*")] or process.poll() is not None)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert process.stderr.read() == (
        "phasezoo: interrupted; finished runs are kept. Run the same command to continue.\n"
    )
    started = time.monotonic()
    outcomes(Cluster(scheduler.address, desk), Deed(desk), ["value 0", "value 1"])
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_command_with_a_message(bare_scheduler, tmp_path):
    bare_scheduler.worker("--nthreads", "1")
    executor = Cluster(bare_scheduler.address, tmp_path)
    with pytest.raises(UserError, match=r"no longer answers; .* Run the same command to continue"):
        outcomes(executor, Deed(tmp_path), ["sleep 0"], lambda *_: bare_scheduler.kill())


class TestRefusals:
    def test_nobody_answers(self, desk, monkeypatch):
        monkeypatch.setattr(cluster, "ANSWER", 1)
        said = phasezoo(
            "benchmark", write_yaml(tiny()), "--no-track", "--scheduler", "tcp://127.0.0.1:9"
        )
        assert said.message.startswith(
            "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there ("
        )
        with pytest.raises(UserError, match="no Dask scheduler answers there"):
            outcomes(Cluster("tcp://no.such.host.invalid:8786", desk), print, [0])

    @pytest.mark.parametrize("address", ["", "nonsense", "ftp://a:1", "tcp://a", "a:b", "tcp://:1"])
    def test_what_is_not_an_address(self, desk, address):
        with pytest.raises(UserError, match=r"is not a valid address; .* tcp://10\.0\.0\.1:8786"):
            outcomes(Cluster(address, desk), print, [0])

    def test_workers_of_another_kind(self, bare_scheduler, tmp_path, monkeypatch):
        executor = Cluster(bare_scheduler.address, tmp_path)
        monkeypatch.setattr(cluster, "ANSWER", 1)
        with pytest.raises(UserError, match=r"has no worker; start some with `dask worker tcp://"):
            outcomes(executor, Deed(tmp_path), ["value 0"])

        monkeypatch.setattr(cluster, "ANSWER", 60)
        other = tmp_path / "other"
        for folder in ("framework", "zoo", "data"):
            shutil.copytree(ROOT / folder, other / folder, ignore=shutil.ignore_patterns("*.pyc"))
        with (other / "zoo" / "networks.py").open("a") as file:
            file.write("\nCHANGED = True\n")
        older = "import platform; platform.python_version = lambda: '3.11.1'"
        differing = {
            r"has code of phasezoo \w{16} instead of \w{16}, so its": {"PYTHONPATH": str(other)},
            r"has python 3\.11\.1 instead of": {"program": older},
        }
        for message, start in differing.items():
            bare_scheduler.worker("--no-nanny", "--nthreads", "1", **start)
            with pytest.raises(UserError, match=message) as refused:
                outcomes(executor, Deed(tmp_path), ["value 0"])
            assert f"--scheduler {bare_scheduler.address}: worker tcp://" in str(refused.value)
            bare_scheduler.stop(first=1)
            wait_until(lambda: not _workers_of(bare_scheduler.address))

    def test_what_a_worker_must_share(self, tmp_path):
        def terms(**changes):
            same = {"identity": identity(), "folder": str(tmp_path), "mark": str(tmp_path)}
            return Terms(**{**same, "command": command_of_this_process(), **changes})

        assert refusal(terms(), 1) is None
        assert "has 4 threads" in refusal(terms(), 4)
        assert "--nworkers 4 --nthreads 1" in refusal(terms(), 4)
        away = str(tmp_path / "away")
        assert f"does not see {away}; " in refusal(terms(mark=away), 1)
        newer = {**identity(), "torch": "9.9"}
        assert f"has torch {identity()['torch']} instead of 9.9" in refusal(
            terms(identity=newer), 1
        )

    def test_workers_and_a_cluster_at_once(self, desk):
        options = "--no-track", "--workers", 2, "--scheduler", "tcp://127.0.0.1:9"
        said = phasezoo("benchmark", write_yaml(tiny()), *options)
        assert "--workers 2: a cluster has its own workers" in said.message


def _workers_of(address):
    with cluster._connected(address) as client:
        return client.nthreads()
