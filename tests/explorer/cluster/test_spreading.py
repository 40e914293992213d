"""A run spread over two nodes of one machine: equal numbers, whatever nodes do meanwhile."""

import itertools
import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.raylets import PATIENCE, STRICT, Nodes, two

os.environ |= STRICT
pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")

import psutil
import ray

from benchmarks.scale import Sleeper, Sleeping
from explorer.base.errors import ExplorerError, ModelError, StorageError
from explorer.base.progress import Progress
from explorer.cluster import joining
from explorer.cluster.curves import CurveDivision
from explorer.cluster.joining import Asks
from explorer.cluster.node import Node
from explorer.cluster.parts import Division, Files, Finished, Part
from explorer.cluster.planes import PlaneDivision
from explorer.cluster.process import Process
from explorer.cluster.runs import RunDivision
from explorer.cluster.sets import SetDivision
from explorer.cluster.spreading import Spread
from explorer.experiments import runs
from explorer.experiments.nodes import read_nodes
from explorer.experiments.runs import Run
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import FILE
from explorer.solutions import sets
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec, SolveSetSpec
from explorer.specs.recipes import Recipe
from tests.explorer.experiments.conftest import QUICK
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.solutions.solution import Solution
    from tests.explorer.experiments.conftest import MakeSettings, MakeTask

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster of two nodes."""
    with two(tmp_path_factory.mktemp("ray")) as nodes:
        yield nodes


def spread(division: Division, node: type | None = None) -> Spread:
    return Spread(division, Asks(cores=1, gpu=0.0, memory=0), node)


def run_of(spreading: Spread) -> Run:
    run: Run = spreading.division.run  # type: ignore[attr-defined]
    return run


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
def hard(small: "MakeSettings", monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings whose cells take a while, since nothing becomes exact; they are heard of often."""
    monkeypatch.setattr("explorer.cluster.spreading.SAY_SECONDS", 0.1)
    monkeypatch.setattr("explorer.cluster.spreading.KEEP_SECONDS", 0.5)
    monkeypatch.setattr("explorer.cluster.spreading.NOTE_SECONDS", 0.0)
    quick: Any = small("arrangements")
    recipe: Recipe = quick.recipe.model_copy(update={"max_steps": 600, "lr": 0.001})
    return small("arrangements", recipe=recipe, arrangements=("halves", "e+mN"), lengths=(3, 5))


@pytest.fixture
def one_node(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the driver see the first node alone: a process takes seconds to start."""
    first = dict([*joining.machines().items()][:1])
    monkeypatch.setattr(joining, "machines", lambda: first)


@pytest.fixture
def brake(tmp_path: Path) -> Path:
    """A file: while it is there, a `slow` node takes a twentieth of a second for every step."""
    brake = tmp_path / "brake"
    brake.touch()
    return brake


@pytest.fixture
def slow(brake: Path) -> type:
    """A node that computes as any other, and rests after every step while it is told to."""

    class Slow(Node):
        def describe(self, kind: str, described: dict[str, Any]) -> Files:
            made = super().describe(kind, described)
            carried: Any = self._carried
            begin = carried.steps

            def slowly(key: str, known: Files) -> Generator[Progress, None, None]:
                for progress in begin(key, known):
                    if brake.exists():
                        time.sleep(0.05)
                    yield progress

            carried.steps = slowly
            return made

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # not there on a node
    return Slow


def test_nodes_come_and_go_and_every_cell_is_measured_once_as_on_one_machine(
    nodes: Nodes, hard: Any, task: "MakeTask", slow: type, brake: Path
) -> None:
    spreading = spread(RunDivision(hard, "custom"), slow)
    at = lambda: {node["part"]: node["fraction"] for node in spreading.nodes}  # noqa: E731
    with closing(spreading.steps()) as work:
        until(work, lambda: len(at()) == 2 and min(at().values()) > 0.2)
        said = read_nodes(run_of(spreading).header.id)
        assert said is not None and len(said.nodes) == 2
        assert all(node.searched_in == "float32" for node in said.nodes)
        before = at()
        nodes.kill()
        until(work, lambda: len(spreading.nodes) == 1)
        (lost,) = before.keys() - at().keys()
        nodes.add()
        until(work, lambda: len(spreading.nodes) == 2)
        until(work, lambda: at().get(lost, 0.0) > 0)
        assert at()[lost] > 0.05  # from scratch it would be a hundredth
        brake.unlink()
        for progress in work:
            assert 0 <= progress.fraction <= 1
    run = run_of(spreading)
    there = runs.load(run.folder)
    lines = (run.folder / runs.CELLS_FILE).read_bytes().splitlines()
    assert len(lines) == 4 == len(there.keys)
    assert not runs.work_of(run.header.id).exists()
    files = {row["solution"] for cell in there.done for row in cell.rows}
    assert files == {file.name for file in (run.folder / runs.SOLUTIONS).iterdir()}
    (run.folder / runs.CELLS_FILE).unlink()
    alone = task(hard)
    exhaust(alone.steps())
    assert numbers(alone.run) == numbers(there)
    assert all(cell.computed is not None and cell.computed.threads == 1 for cell in there.done)


def test_a_killed_process_gives_its_part_back_and_an_ended_driver_is_gone_on_with(
    one_node: None, hard: Any, slow: type, brake: Path
) -> None:
    first = spread(RunDivision(hard, "custom"), slow)
    with closing(first.steps()) as work:
        until(work, lambda: any(node["fraction"] > 0.1 for node in first.nodes))
        mine = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "ray::Slow.carry_out"]
        mine[0].kill()
        until(work, lambda: first._deaths.total() > 0)
        brake.unlink()
        until(work, lambda: len(run_of(first).done) > 0)
    again = spread(RunDivision(hard, "custom"))
    exhaust(again.steps())
    assert len(run_of(again).done) == 4


def test_a_node_with_other_weights_or_versions_takes_nothing(
    nodes: Nodes, hard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.cluster.spreading.versions", lambda: {"torch": "1.0"})
    with pytest.raises(ExplorerError, match=r"has torch .*, here it is 1\.0: install the same"):
        exhaust(spread(Sleeping([0.1]), Sleeper).steps())


def test_a_model_that_no_node_has_room_for_is_said(nodes: Nodes, tiny_llama_folder: Path) -> None:
    from explorer.assets import catalog

    card = catalog.find(str(tiny_llama_folder))
    with pytest.raises(ModelError, match="and no node has more than"):
        joining.require_room(Asks(1, 0.0, 10**15), card)
    with pytest.raises(ExplorerError, match="No node has 99 cores"):
        joining.require_room(Asks(99, 0.0, 1), card)


def test_a_process_that_waits_for_another_command_takes_over_what_that_leaves(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.assets.catalog.find", lambda name: None)
    cells = Sleeping([0.1])
    cells.held_back = True  # somebody else is at it
    spreading = spread(cells, Sleeper)
    with closing(spreading.steps()) as work:
        until(work, lambda: any(process.idle for process in spreading.processes))
        next(work)
        assert len(cells.left()) == 1
        cells.held_back = False
        exhaust(work)
    assert not cells.left()


def test_a_process_waits_for_another_command_while_others_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = Sleeping([0.1, 0.1])
    cells.held_back = True  # somebody else is at the second
    spreading, ended = spread(cells, Sleeper), []
    monkeypatch.setattr(spreading, "_end", ended.append)
    busy = Process("", None, None, "step", part=cells.left()[0])
    first, second = (Process("", None, None, "nothing") for _ in range(2))
    spreading.processes = [busy, first]
    spreading._hand_out(first)
    assert not ended, "another would be started in its place, again and again"
    spreading.processes = [busy, first, second]
    spreading._hand_out(second)
    assert ended == [second], "one is enough for what may become free"


def test_a_machine_on_which_no_process_can_begin_is_left_out() -> None:
    spreading, good = spread(Sleeping([0.1]), Sleeper), Process("good", None, None)
    spreading.processes = [good]
    for machine in ["bad"] * 9 + ["lost, now and then"] * 8:
        spreading.processes.append(Process(machine, None, None))
        spreading._bury(spreading.processes[-1])
    assert spreading.processes == [good] and spreading.refused.keys() == {"bad"}
    assert "end there before they can begin" in spreading.outcome


@pytest.mark.parametrize(
    "ends", [ExplorerError("“pair 7” ended 3 processes."), KeyboardInterrupt()]
)
def test_what_is_finished_is_written_whatever_ends_the_work(
    ends: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    class InMemory(Sleeping):
        def checkpoint(self) -> None:
            written.append(len(self.left()))

    def end() -> None:
        spreading.division.keep(spreading.division.left()[0], Finished({}))
        raise ends

    spreading = spread(InMemory([0.1, 0.1]), Sleeper)
    spreading._begun = True
    monkeypatch.setattr(spreading, "_staff", end)
    with pytest.raises(type(ends)):
        exhaust(spreading.steps())
    assert written == [1]


def test_a_full_disk_at_the_driver_ends_it_with_a_sentence_and_all_its_processes(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(Sleeping):
        def keep(self, part: Part, found: Finished) -> None:
            raise StorageError("A finished cell could not be written (No space left on device).")

    monkeypatch.setattr("explorer.assets.catalog.find", lambda name: None)
    spreading = spread(Full([0.1, 0.1]), Sleeper)
    with pytest.raises(StorageError, match="No space left"):
        exhaust(spreading.steps())
    assert not spreading.nodes and len(spreading.division.left()) == 2


def test_curves_and_a_plane_are_measured_by_several_nodes(
    nodes: Nodes,
    exact_solutions: "list[Solution]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("explorer.cluster.curves.CURVE_ROWS", 2)
    recipe = PathRecipe(
        max_steps=10, finish_steps=0, samples=2, points=5, look_every=5, precision="float32"
    )
    pairs = [*itertools.combinations(exact_solutions[:3], 2)]
    curves = CurveDivision(pairs, "bezier", recipe, tmp_path / "out")
    exhaust(spread(curves).steps())
    assert curves.paths.over.all() and curves.outcome.endswith("of 3 pairs connected.")
    plane = PlaneDivision(curves.paths, LandscapeSpec(paths="made", level=3), tmp_path / "out")
    exhaust(spread(plane).steps())
    assert plane.found.measured == 9 * 9 and plane.found.header.reached == 3
    assert {FILE, LANDSCAPE} == {file.name for file in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(("regime", "where"), [("free", "one_node"), ("shared", "nodes")])
def test_a_set_is_made_in_groups_of_rows_by_several_nodes(
    request: pytest.FixtureRequest,
    where: str,
    tiny_llama_folder: Path,
    regime: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request.getfixturevalue(where)
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
    for progress in spread(division).steps():
        assert 0 <= progress.fraction <= 1
    made = sets.load(sets.folder_of(division.record.id))
    assert made.complete and not made.missing and not made.to_try
    assert {member.slot for member in made.members} == set(made.slots) and len(made.slots) == 10
    assert len({(m.slot, m.attempt) for m in made.members}) == len(made.members)
    assert (made.joint is not None) == (regime == "shared")
    files = {path.name for path in sets.folder_of(made.id).glob("*.safetensors")}
    assert files == {member.file for member in made.members}
    assert not sets.work_of(made.id).exists()
