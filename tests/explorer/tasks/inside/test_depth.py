"""Distances by depth, against hidden states of plain transformers and counts of all pairs."""

import json
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError
from explorer.cli.main import main
from explorer.figures import depth as charts
from explorer.geometry import depth, maps
from explorer.geometry.states import States
from explorer.solutions import sets
from explorer.specs.jobs import MapSpec
from explorer.tasks.inside import depth as tasks
from explorer.tasks.inside.depth import DepthTask, StatesTask
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


@pytest.fixture
def pool(one_thread: None, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> "ModelPool":
    from explorer.model.pool import ModelPool

    def of_solution(self: ModelPool, _: Any) -> Any:
        return self.get(tiny_llama_folder, "tiny", torch.float32)

    monkeypatch.setattr(ModelPool, "of_solution", of_solution)
    return ModelPool(torch.device("cpu"))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_every_statistic_is_that_of_transformers_hidden_states(
    pool: "ModelPool", make_set: Callable[..., str], tiny_llama_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM

    given = sets.read(sets.find(make_set(d=32, contexts=5)))
    task = DepthTask(given, pool)
    exhaust(task.steps())
    made = task.found
    assert made is not None and made == depth.REPORTS.load(given.record)
    network = AutoModelForCausalLM.from_pretrained(tiny_llama_folder, dtype=torch.float32).eval()
    states = []
    last: list[torch.Tensor] = []
    network.model.norm.register_forward_pre_hook(lambda _, x: last.append(x[0]))
    for s in given.solutions:
        fed = torch.from_numpy(np.stack([s.e, s.m, s.m, s.m]))[None]
        with torch.no_grad():
            hidden = network(inputs_embeds=fed, output_hidden_states=True).hidden_states
        states.append(torch.stack([*(h[0] for h in hidden[:-1]), last.pop()[0]]).numpy())
    groups = [(m.context, m.continuation) for m in given.members]
    for place, at in (("e", [0]), ("m", [1, 2, 3]), ("last", [3])):
        for row in made.at(place):
            vectors = [s[row.layer, at].mean(0) for s in states]
            near, far = [], []
            for a, b in combinations(range(len(vectors)), 2):
                if groups[a] == groups[b]:
                    near.append(_cosine(vectors[a], vectors[b]))
                elif groups[a][0] == groups[b][0]:
                    far.append(_cosine(vectors[a], vectors[b]))
            assert row.medians["same text"] == pytest.approx(np.median(near), abs=1e-4)
            auc = np.mean([[n < f for f in far] for n in near])
            assert row.comparisons[0].auc == pytest.approx(auc, abs=0.01)
            assert row.comparisons[0].low is not None and 0 < row.comparisons[0].p <= 1
    assert len(made.rows) == 3 * (made.layers + 1)
    assert "same text against same context, AUC" in made.sentence
    assert f"chosen as the best of {len(made.at('m'))})." in made.sentence
    chart = charts.by_layer(made, "m")
    for earlier, later in pairwise(made.map_of("e")):
        a, b = np.array(earlier.at), np.array(later.at)
        assert np.sqrt((b**2).sum(1).mean()) == pytest.approx(1, abs=1e-3)
        nearest = np.linalg.norm(a - b)  # turned by any angle, or mirrored, it lies farther away
        for angle in np.linspace(0.3, 6, 7):
            c, s = np.cos(angle), np.sin(angle)
            for turn in ([[c, -s], [s, c]], [[c, s], [s, -c]]):
                assert np.linalg.norm(a - b @ np.array(turn)) >= nearest - 1e-6
    looks = [(t.line.dash, t.marker.symbol) for t in chart.figure.data if t.fill is None]
    assert len(set(looks)) == len(looks) == 3 and len(chart.table) == 9 * (made.layers + 1)


def test_a_shared_m_has_nothing_to_compare_at_the_input(
    pool: "ModelPool", make_set: Callable[..., str]
) -> None:
    given = sets.read(sets.find(make_set(d=32, regime="shared")))
    task = DepthTask(given, pool)
    exhaust(task.steps())
    assert task.found is not None
    assert not task.found.at("m")[0].comparisons and task.found.at("m")[1].comparisons
    assert task.found.at("e")[0].comparisons
    assert any("interval" in note for note in task.found.notes)  # three contexts are too few
    assert charts.by_layer(task.found, "m").figure.data


def test_where_no_position_holds_m_nothing_is_said_of_it(
    pool: "ModelPool", make_set: Callable[..., str], tmp_path: Path
) -> None:
    name = make_set(d=32, arrangement="e")
    given = sets.read(sets.find(name))
    task = DepthTask(given, pool)
    exhaust(task.steps())
    made = task.found
    assert made is not None and made.places == ["e", "last"]
    assert len(made.rows) == len(made.layouts) == 2 * (made.layers + 1)
    assert " m " not in made.sentence and "Where e stands" in made.sentence
    assert not charts.by_layer(made, "m").figure.data
    spec = MapSpec(sets=(name,), place="m")
    assert maps.load(spec) is None
    with pytest.raises(BadInputError, match="no m to lay out"):
        StatesTask(spec, pool, tmp_path / "states.npz")


def test_where_memory_is_short_fewer_are_read_at_a_time(
    pool: "ModelPool", make_set: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sets.read(sets.find(make_set(d=32)))
    model = pool.of_solution(given.solutions[0])
    whole, plain = _read(given, model), tasks._states
    sizes: list[int] = []

    def read(model: Any, solutions: Any) -> Any:
        if len(solutions) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        sizes.append(len(solutions))
        return plain(model, solutions)

    monkeypatch.setattr(tasks, "_states", read)
    np.testing.assert_allclose(_read(given, model), whole, atol=1e-5)
    assert max(sizes) == 2 and sum(sizes) == len(given.solutions)


def _read(given: sets.SolutionSet, model: Any) -> Any:
    steps = tasks.states_of(given, model, 1.0)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_set_that_grows_while_its_states_are_laid_out_keeps_them_with_their_solutions(
    pool: "ModelPool",
    make_set: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = MapSpec(sets=(make_set(d=32),), place="e")
    whole, file = maps.gather(spec)[0], tmp_path / "states.npz"
    every = [s.record.id for s in whole.solutions]
    with monkeypatch.context() as earlier:
        early = whole.only([every[0], *every[2:]])  # the second comes while states are read
        earlier.setattr(maps, "gather", lambda _: [early])
        exhaust(StatesTask(spec, pool, file).steps())
    read = States.load(file)
    made = maps.make(spec, read)
    assert made.record.solutions == read.ids == [every[0], *every[2:]]
    assert len(made.record.layers[0]) == len(made.points) == len(every) - 1
    assert maps.make_and_save(spec, file) == len(every) - 1 and not file.exists()
    assert maps.load(spec) is None  # the set as it is now has another map


def test_the_command_says_all_of_it(
    pool: "ModelPool",
    make_set: Callable[..., str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = make_set(d=32)
    assert main(["depth", "--set", name, "--out", str(tmp_path), "--device", "cpu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["set"] == name and len(said["rows"]) == 3 * (said["layers"] + 1)
    lines = (tmp_path / f"depth-{name}.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(row["comparisons"]) for row in said["rows"])
    assert main(["depth", "--set", name]) == 0  # what was measured is read
    assert "AUC" in capsys.readouterr().out


def test_hidden_states_of_several_rows_are_those_of_each(pool: "ModelPool") -> None:
    from explorer.model import inside

    model = pool.of_solution(None)  # type: ignore[arg-type]
    inputs = torch.randn(3, 5, model.d_model)
    together = inside.hidden_states(model, inputs)
    for k, row in enumerate(inputs):
        torch.testing.assert_close(together[:, k], inside.trace(model, row).states)
