"""Sweeps on a Dask cluster, of two workers on this machine: row for row those of one process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

import shapecalc
from tests.command import Command

distributed = pytest.importorskip("distributed", reason="pip install -c constraints.txt '.[dask]'")

pytestmark = pytest.mark.filterwarnings("default")  # of Dask's own, which are no matter of these tests

ASKED: dict[str, Any] = {"vary": {"S": "1..60"}, "columns": ["receptive", "macs", "training"]}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two processes of two threads each, so that threads share what a process keeps, too."""
    options = {"threads_per_worker": 2, "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, **options) as found:
        yield found


def rows(scheduler: str | None = None) -> Iterator[tuple[dict[str, object], str]]:
    network = shapecalc.load("lenet-maxpool")
    points = shapecalc.sweep(network, "1x1xSxS", set={"classes": [2, 5]}, scheduler=scheduler, **ASKED)
    return ((point.to_dict(), str(point.error)) for point in points)


def test_a_cluster_gives_the_rows_of_one_process(cluster: Any) -> None:
    assert list(rows(cluster.scheduler_address)) == list(rows())


def test_a_worker_that_is_ended_in_the_middle_is_no_loss(cluster: Any) -> None:
    found = []
    for row in rows(cluster.scheduler_address):
        found.append(row)
        if len(found) == 10:
            os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)
    assert found == list(rows())


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_command_prints_what_it_prints_without_a_cluster(form: str, cluster: Any, run: Command) -> None:
    words = [
        "sweep",
        "vgg11-small",
        "--set",
        "classes=3..9",
        "--columns",
        "receptive,params",
        "--format",
        form,
    ]
    assert run(*words, "--scheduler", cluster.scheduler_address) == run(*words)


def test_a_cluster_without_workers(run: Command) -> None:
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty:
        done = run("sweep", "lenet", "--scheduler", empty.scheduler_address)
    assert (done.code, done.out) == (3, "")
    assert f"error: --scheduler '{empty.scheduler_address}' has no workers\n" in done.err


@pytest.mark.parametrize(
    ("address", "reason"),
    [("foo://127.0.0.1:8786", "unknown address scheme 'foo'"), ("", "missing port number in address")],
)
def test_what_is_no_address(address: str, reason: str, run: Command) -> None:
    done = run("sweep", "lenet", "--scheduler", address)
    assert (done.code, done.out) == (3, "")
    assert f"error: --scheduler '{address}' can't be reached: {reason}" in done.err
