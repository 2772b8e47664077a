"""A Dask cluster of real processes: a scheduler and workers, one killed and one added on the way."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from specc import UsageError, sweep
from specc.sweeps import cluster
from specc.sweeps.results import line
from specc.version import __version__
from tests.cli.conftest import Specc
from tests.sweeps.conftest import SPEC

ROOT = Path(__file__).parents[2]
GRID = {"width": "1..250", "depth": "1..4"}
TYPED = ("--set", "width=1..250", "--set", "depth=1..4")
swept = pytest.mark.swept
pytestmark = pytest.mark.filterwarnings("ignore")  # what other libraries use of Python's is not at stake here


@contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    settings = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
    running = subprocess.Popen(
        [sys.executable, "-m", *command], env=os.environ | settings, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stderr is not None
        running.stderr.close()


@contextmanager
def scheduler() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
    with process(*command) as running:
        assert running.stderr is not None
        address = next(found[0] for text in running.stderr if (found := re.search(r"tcp://[\d.]+:\d+", text)))
        threading.Thread(target=running.stderr.read, daemon=True).start()
        yield address, running


@contextmanager
def worker(address: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "20")
    with process("distributed.cli.dask_worker", address, *options, **environment) as running:
        assert running.stderr is not None
        threading.Thread(target=running.stderr.read, daemon=True).start()
        yield running


@swept
class TestCluster:
    def test_workers_killed_and_added_change_nothing(self, net: Path) -> None:
        """What is left when both of the first are dead, the one that was added has done."""
        here = [line(variant) for variant in sweep(net, GRID, where="params < 9k", jobs=1)]
        with scheduler() as (address, _), worker(address) as one, worker(address) as other:
            there, added = [], None
            of = sweep(net, GRID, where="params < 9k", scheduler=address)
            net.unlink()  # no worker reads it
            try:
                for variant in of:
                    there.append(line(variant))
                    if variant.number == 200:
                        one.send_signal(signal.SIGKILL)
                        one.wait()
                    if variant.number == 300:
                        added = worker(address)
                        added.__enter__()
                    if variant.number == 600:
                        other.send_signal(signal.SIGKILL)
            finally:
                if added is not None:
                    added.__exit__(None, None, None)
        assert there == here
        assert len(here) == 1000

    def test_the_command_writes_the_same_bytes(self, specc: Specc, here: Path) -> None:
        (here / "net.cnn").write_text(SPEC)
        alone = specc("sweep", "net.cnn", *TYPED, "-o", "alone")
        with scheduler() as (address, _), worker(address):
            together = specc("sweep", "net.cnn", *TYPED, "-o", "together", "--scheduler", address)
        assert together == alone
        for name in ("sweep.json", "variants.jsonl"):
            assert (here / "together" / name).read_bytes() == (here / "alone" / name).read_bytes()

    def test_a_scheduler_that_goes_leaves_what_is_done(self, specc: Specc, here: Path) -> None:
        (here / "net.cnn").write_text(SPEC)
        with scheduler() as (address, running), worker(address):
            real = cluster._result

            def ended(future: Any, where: str) -> Any:
                running.kill()
                return real(future, where)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(cluster, "_result", ended)
                result = specc("sweep", "net.cnn", *TYPED, "-o", "out", "--scheduler", address)
        assert result.code == 2
        assert f"the scheduler at {address} has gone" in result.err
        again = specc("sweep", "net.cnn", *TYPED, "-o", "out", "--resume")
        assert again.out == specc("sweep", "net.cnn", *TYPED).out

    def test_a_worker_without_specc_is_told(self, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of which the path of Python has a folder that hides it."""
        (tmp_path / "sitecustomize.py").write_text(
            "import sys\n"
            "class Hidden:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.partition('.')[0] == 'specc': raise ModuleNotFoundError(name=name)\n"
            "sys.meta_path.insert(0, Hidden())\n"
        )
        with scheduler() as (address, _), worker(address, PYTHONPATH=str(tmp_path)):
            with pytest.raises(UsageError, match="has no specc: pip install"):
                list(sweep(net, GRID, scheduler=address))
            monkeypatch.setattr(cluster, "require_workers", lambda _: None)  # it has come later
            with pytest.raises(UsageError, match=r"that has come to .* has no specc: pip install"):
                list(sweep(net, GRID, scheduler=address))

    def test_a_worker_of_another_version_is_told(self, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with scheduler() as (address, _), worker(address):
            monkeypatch.setattr(cluster, "__version__", "9.9.9")
            with pytest.raises(UsageError, match=f"has specc {__version__}, and this is 9.9.9"):
                list(sweep(net, GRID, scheduler=address))
            monkeypatch.setattr(cluster, "require_workers", lambda _: None)
            with pytest.raises(UsageError, match=f"that has come to .* has specc {__version__}, and this is 9.9.9"):
                list(sweep(net, GRID, scheduler=address))

    def test_no_workers_and_no_scheduler_are_told(self, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster, "_CONNECTING", 1)
        with scheduler() as (address, _), pytest.raises(UsageError, match="has no worker: start one"):
            list(sweep(net, GRID, scheduler=address))
        for wrong in (address, "tcp://127.0.0.1:1", "nonsense://x", "tcp://127.0.0.1:notaport"):
            with pytest.raises(UsageError, match=f"no scheduler of Dask answers at {wrong}"):
                list(sweep(net, GRID, scheduler=wrong))

    def test_what_is_no_scheduler_is_told(self, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster, "_CONNECTING", 1)
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

            def answer() -> None:
                with server.accept()[0] as connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            threading.Thread(target=answer, daemon=True).start()
            with pytest.raises(UsageError, match="no scheduler of Dask answers"):
                list(sweep(net, GRID, scheduler=address))


def facts(python: str = "3.11.7", dask: str = "2026.8.0") -> dict[str, Any]:
    return {"host": {"python": f"{python}.final.0"}, "packages": {"dask": dask, "distributed": dask}}


@pytest.mark.parametrize(
    ("scheduler_has", "worker_has", "words"),
    [
        (facts(dask="2025.1.0"), facts(), "the scheduler at A has distributed 2025.1.0, and here it is 2026.8.0"),
        (facts(), facts("3.12.1"), "the worker at W has Python 3.12, and here it is 3.11"),
        (facts("3.11.2"), facts(), None),
    ],
)
def test_versions_that_do_not_understand_each_other(
    scheduler_has: dict[str, Any], worker_has: dict[str, Any], words: str | None
) -> None:
    versions = {"client": facts(), "scheduler": scheduler_has, "workers": {"W": worker_has}}
    if words is None:
        cluster.require_versions("A", versions)
        return
    with pytest.raises(UsageError) as caught:
        cluster.require_versions("A", versions)
    assert words in str(caught.value)


def test_a_cluster_says_what_it_needs(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'specc-nn\[cluster\]'"):
        list(sweep(net, GRID, scheduler="tcp://127.0.0.1:1"))
    with pytest.raises(UsageError, match=r"^jobs is how many .* a scheduler has a cluster do it"):
        sweep(net, GRID, scheduler="tcp://127.0.0.1:1", jobs=2)
