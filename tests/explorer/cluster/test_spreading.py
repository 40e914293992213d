"""A run spread over two nodes of one machine: equal numbers, whatever nodes do meanwhile."""

import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}
pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")

import psutil

from explorer.base.errors import BadInputError, ExplorerError, ModelError
from explorer.base.progress import Progress
from explorer.cluster import joining
from explorer.cluster.joining import Asks
from explorer.cluster.runs import RunDivision
from explorer.cluster.sets import SetDivision
from explorer.cluster.spreading import Spread
from explorer.experiments import runs
from explorer.experiments.nodes import read_nodes
from explorer.experiments.runs import Run
from explorer.solutions import sets
from explorer.specs.jobs import SolveSetSpec
from explorer.specs.recipes import Recipe
from tests.explorer.experiments.conftest import QUICK
from tests.steps import exhaust

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeSettings, MakeTask

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]
PATIENCE = 240.0


class Nodes:
    """Nodes of one core each on the loopback device, started as people start them."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.2", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.2:{port}"
        self._folder = folder
        self._hosts = itertools.count(2)  # 127.0.0.1 would stand for the machine's address
        head = self._started("--head", f"--port={port}", "--include-dashboard=false")
        self.running = [head]

    def _started(self, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
        command += [f"--node-ip-address=127.0.0.{next(self._hosts)}", "--num-cpus=1"]
        command += [f"--object-store-memory={80_000_000}", "--disable-usage-stats"]
        with (self._folder / "ray.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def add(self) -> None:
        """Let another join."""
        self.running.append(self._started(f"--address={self.address}"))

    def kill(self) -> None:
        """Kill the last that joined, with all that it has started."""
        started = self.running.pop()
        assert started.poll() is None, (self._folder / "ray.log").read_text()[-2_000:]
        for process in psutil.Process(started.pid).children(recursive=True):
            process.kill()
        started.kill()
        started.wait()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster of two nodes."""
    nodes = Nodes(tmp_path_factory.mktemp("ray"))
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            joining.require_answer(nodes.address)
            break
        except BadInputError:
            assert time.monotonic() < ends
            time.sleep(0.5)
    nodes.add()
    with joining.joined(nodes.address):
        yield nodes
    while nodes.running:
        nodes.kill()


def spread(settings: Any) -> Spread:
    return Spread(RunDivision(settings, "custom"), Asks(cores=1, gpu=0.0, memory=0))


def numbers(run: Run) -> dict[str, list[str]]:
    """Return what was measured of every cell, without times."""
    return {
        cell.key: [
            json.dumps({k: v for k, v in row.items() if k != "seconds"}, sort_keys=True)
            for row in cell.rows
        ]
        for cell in run.done
    }


def until(work: Iterator[Progress], what: Any) -> None:
    """Go on until something is so."""
    ends = time.monotonic() + PATIENCE
    while not what():
        next(work)
        assert time.monotonic() < ends


@pytest.fixture
def hard(small: "MakeSettings") -> Any:
    """Settings whose cells take seconds, since nothing becomes exact."""
    quick: Any = small("arrangements")
    recipe: Recipe = quick.recipe.model_copy(update={"max_steps": 800, "lr": 0.001})
    return small("arrangements", recipe=recipe, arrangements=("halves", "e+mN"), lengths=(3, 5))


def test_nodes_come_and_go_and_every_cell_is_measured_once_as_on_one_machine(
    nodes: Nodes, hard: Any, task: "MakeTask", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.cluster.spreading.NOTE_SECONDS", 0.0)
    recipe = hard.recipe.model_copy(update={"max_steps": 4_000})  # still at it when a node joins
    hard = hard.model_copy(update={"recipe": recipe})
    spreading = spread(hard)
    run = lambda: spreading.division.run  # type: ignore[attr-defined]  # noqa: E731
    with closing(spreading.steps()) as work:
        until(work, lambda: sum(node["fraction"] > 0 for node in spreading.nodes) == 2)
        said = read_nodes(run().header.id)
        assert said is not None and len(said.nodes) == 2
        assert all(node.searched_in == "float32" for node in said.nodes)
        nodes.kill()
        until(work, lambda: len(spreading.nodes) == 1)
        nodes.add()
        until(work, lambda: len(spreading.nodes) == 2)
        for progress in work:
            assert 0 <= progress.fraction <= 1
    there = runs.load(run().folder)
    lines = (run().folder / runs.CELLS_FILE).read_bytes().splitlines()
    assert len(lines) == 4 == len(there.keys)
    assert not runs.work_of(run().header.id).exists()
    files = {row["solution"] for cell in there.done for row in cell.rows}
    assert files == {file.name for file in (run().folder / runs.SOLUTIONS).iterdir()}
    (run().folder / runs.CELLS_FILE).unlink()
    alone = task(hard)
    exhaust(alone.steps())
    assert numbers(alone.run) == numbers(there)
    assert all(cell.computed is not None and cell.computed.threads == 1 for cell in there.done)


def test_a_driver_that_is_ended_is_gone_on_with_by_another(nodes: Nodes, hard: Any) -> None:
    first = spread(hard)
    with closing(first.steps()) as work:
        until(work, lambda: any(node["fraction"] > 0.2 for node in first.nodes))
    again = spread(hard)
    with closing(again.steps()) as work:
        until(work, lambda: hasattr(again.division, "run"))
        exhaust(work)
    assert len(again.division.run.done) == 4  # type: ignore[attr-defined]


def test_a_process_that_is_killed_gives_its_part_back(nodes: Nodes, hard: Any) -> None:
    spreading = spread(hard)
    with closing(spreading.steps()) as work:
        until(work, lambda: any(node["fraction"] > 0 for node in spreading.nodes))
        mine = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "ray::Node.carry_out"]
        mine[0].kill()
        exhaust(work)
    assert len(spreading.division.run.done) == 4  # type: ignore[attr-defined]


def test_a_node_with_other_weights_or_versions_takes_nothing(
    nodes: Nodes, hard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.cluster.spreading.versions", lambda: {"torch": "1.0"})
    with pytest.raises(ExplorerError, match=r"has torch .*, here it is 1\.0: install the same"):
        list(spread(hard).steps())


def test_a_model_that_no_node_has_room_for_is_said(nodes: Nodes, tiny_llama_folder: Path) -> None:
    from explorer.assets import catalog

    card = catalog.find(str(tiny_llama_folder))
    with pytest.raises(ModelError, match="and no node has more than"):
        joining.require_room(Asks(1, 0.0, 10**15), card)
    with pytest.raises(ExplorerError, match="No node has 99 cores"):
        joining.require_room(Asks(99, 0.0, 1), card)


@pytest.mark.parametrize("regime", ["free", "shared"])
def test_a_set_is_made_in_groups_of_rows_by_several_nodes(
    nodes: Nodes, tiny_llama_folder: Path, regime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "GROUP", 6)
    words = ("heron", "tram", "bell", "letter", "quarry")
    spec = SolveSetSpec.model_validate(
        {
            "model": str(tiny_llama_folder),
            "texts": [{"text": word} for word in words],
            "restarts": 2,
            "restarts_of": "every",
            "length": 2,
            "regime": regime,
            "recipe": QUICK,
            "attempts": 2,
        }
    )
    division = SetDivision(spec)
    spreading = Spread(division, Asks(cores=1, gpu=0.0, memory=0))
    for progress in spreading.steps():
        assert 0 <= progress.fraction <= 1
    made = sets.load(sets.folder_of(division.record.id))
    assert made.complete and not made.missing and not made.to_try
    assert {member.slot for member in made.members} == set(made.slots) and len(made.slots) == 10
    assert len({(m.slot, m.attempt) for m in made.members}) == len(made.members)
    assert (made.joint is not None) == (regime == "shared")
    files = {path.name for path in sets.folder_of(made.id).glob("*.safetensors")}
    assert files == {member.file for member in made.members}
    assert not sets.work_of(made.id).exists()
