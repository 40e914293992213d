"""What e and m carry: outputs against plain transformers, verdicts both ways, and the command."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError
from explorer.cli.main import main
from explorer.geometry import linear_probes, roles
from explorer.geometry.roles import Difference, OverContexts, RolesReport
from explorer.solutions import sets
from explorer.tasks.inside import trials
from explorer.tasks.inside.roles import LENGTHS, RolesTask, directions, doublings
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool

pytestmark = pytest.mark.usefixtures("letters")


@pytest.fixture
def pool(one_thread: None, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> "ModelPool":
    from explorer.model.pool import ModelPool

    def of_solution(self: ModelPool, _: Any) -> Any:
        return self.get(tiny_llama_folder, "tiny", torch.float32)

    monkeypatch.setattr(ModelPool, "of_solution", of_solution)
    monkeypatch.setattr(linear_probes.probe, "__defaults__", (19, 0))
    return ModelPool(torch.device("cpu"))


@pytest.fixture
def measure(pool: "ModelPool", make_set: Callable[..., str]) -> Callable[..., RolesReport]:
    def make(**asked: Any) -> RolesReport:
        given = sets.read(sets.find(make_set(d=32, contexts=6, **asked)))
        task = RolesTask(given, pool)
        exhaust(task.steps())
        assert task.found is not None and roles.REPORTS.load(given.record) == task.found
        return task.found

    return make


def test_swaps_and_noise_are_what_transformers_outputs(
    measure: Callable[..., RolesReport], tiny_llama_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM

    made = measure()
    given = sets.read(sets.find(made.set))
    network = AutoModelForCausalLM.from_pretrained(tiny_llama_folder, dtype=torch.float32).eval()

    def says(e: np.ndarray, m: np.ndarray) -> np.ndarray:
        fed = torch.from_numpy(np.stack([e, m, m, m]))[None]
        with torch.no_grad():
            found: np.ndarray = network(inputs_embeds=fed).logits[0, 1:].argmax(-1).numpy()
        return found

    draw, everyone = np.random.default_rng(0), given.solutions
    group = [(m.context, m.continuation) for m in given.members]
    right: dict[str, dict[int, list[tuple[float, float]]]] = {s.kind: {} for s in made.swaps}
    firsts = [group.index(g) for g in dict.fromkeys(group)]
    for i in firsts:  # the same draws in the same order
        context, text = group[i]
        for kind, fits in {
            "same text": [j for j, g in enumerate(group) if g == (context, text) and j != i],
            "same context": [j for j, g in enumerate(group) if g[0] == context and g[1] != text],
            "different contexts": [j for j, g in enumerate(group) if g[0] != context],
        }.items():
            if fits:
                j = int(draw.choice(fits))
                said = says(everyone[i].e, everyone[j].m)
                ends = (float((said == everyone[k].target_ids).mean()) for k in (i, j))
                right[kind].setdefault(context, []).append(tuple(ends))  # type: ignore[arg-type]
    for swap in made.swaps:
        for c, pairs in right[swap.kind].items():
            of_e, of_m = np.mean(pairs, 0)
            assert swap.of_e.by_context[c] == pytest.approx(of_e)
            assert swap.of_m.by_context[c] == pytest.approx(of_m)
    for noise in made.noise[:: len(LENGTHS) - 1]:
        accuracy: dict[int, list[float]] = {}
        for seed, k in enumerate(firsts):
            pair = trials.moved(everyone[k], noise.vector, 0, noise.length, seed)
            accuracy.setdefault(group[k][0], []).append(
                float((says(pair.e, pair.m) == everyone[k].target_ids).mean())
            )
        assert noise.by_context == pytest.approx([np.mean(a) for a in accuracy.values()])


def test_probes_read_e_and_m_themselves_and_the_states_where_they_stand(
    measure: Callable[..., RolesReport],
) -> None:
    made = measure()
    given = sets.read(sets.find(made.set))
    at = {(p.vector, p.layer) for p in made.probes}
    assert at == {(v, k) for v in "em" for k in range(made.layers + 1)}
    assert {p.target for p in made.probes} == set(roles.TARGETS) - {"source", "last token"}
    assert [n.split(" is ")[0] for n in made.notes] == ["The source", "The last token"]
    texts = np.array([3 * m.context + m.continuation for m in given.members])
    contexts = np.repeat(np.arange(6), 3)
    folds = linear_probes.over_texts(contexts)
    hat = linear_probes.held_out(
        np.stack([s.m for s in given.solutions]).astype(float), texts, folds
    )
    mine = linear_probes.probe(hat, np.eye(6)[contexts], contexts, folds)
    stored = made.probe("m", "context")
    assert mine is not None and stored is not None
    assert stored.by_context == pytest.approx(mine.by_context.tolist())
    assert stored.value > 0.9 and stored.p <= 0.05  # vectors of a context lie around one centre
    assert stored.low is not None and stored.high is not None
    assert len(made.table) == len(made.probes)


def test_a_target_that_differs_between_held_out_texts_alone_is_not_called_equal(
    pool: "ModelPool", make_set: Callable[..., str]
) -> None:
    """Contexts 0 and 3, 1 and 4, 2 and 5 are held out together."""
    given = sets.read(sets.find(make_set(d=32, contexts=6)))
    contexts = [
        context.model_copy(update={"source": ("seen", "news", "book")[k % 3]})
        for k, context in enumerate(given.record.contexts)
    ]
    record = given.record.model_copy(update={"contexts": contexts})
    task = RolesTask(replace(given, record=record), pool)
    exhaust(task.steps())
    assert task.found is not None
    source, last = task.found.notes
    assert source.startswith("The source is the same for all texts that are held out together")
    assert last.startswith("The last token is the same for all texts of this set")


def test_a_shared_m_leaves_nothing_to_compare_but_what_sharing_does(
    measure: Callable[..., RolesReport],
) -> None:
    shared, free = measure(regime="shared"), measure()
    assert not shared.swaps and free.swaps and shared.shown is None
    assert shared.probe("m", "meaning") is None and shared.probe("m", "meaning", 1) is not None
    assert any("one m" in note for note in shared.notes)
    assert "no m of each text's own" in shared.sentence
    assert roles.partner(shared, [shared, free]) == free
    of = roles.sharing(shared, free)
    a, b = shared.probe("e", "meaning"), free.probe("e", "meaning")
    assert a and b and of["meaning"].value == pytest.approx(a.value - b.value)
    assert {"noise", "context"} <= set(of)


@pytest.mark.parametrize(("m", "shown"), [(0.9, True), (0.1, False), (0.5, None)])
def test_the_verdict_works_both_ways(m: float, shown: bool | None) -> None:
    around = np.tile([0.02, -0.02], 4)
    e = OverContexts.of(0.5 + around[::-1])
    found = OverContexts.of(m + around).minus(e)
    assert found.shown is shown
    every = [
        np.mean(signs * np.abs(np.array(found.by_context)))
        for signs in np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T
    ]
    assert found.more == pytest.approx(np.mean(np.array(every) >= found.value - 1e-12))
    assert "p = " in found.sentence


def test_the_radius_is_told_as_a_share_and_compared(measure: Callable[..., RolesReport]) -> None:
    made = measure()
    shares = [np.exp2(np.mean([x for x in made.radius(v).by_context if x])) for v in roles.ROLES]
    assert f"on e of {shares[0]:.1%} of its norm, and on m of {shares[1]:.1%}" in made.stands
    assert "noise tried, 1.6%, counts as 1.1%" in made.stands


def test_few_contexts_can_show_nothing_by_one_mean_above_another() -> None:
    found = OverContexts.of([0.9, 0.8, 0.9, 0.95]).minus(OverContexts.of([0.5] * 4))
    assert found.value > 0.3 and found.shown is None and found.low is None
    assert Difference.model_validate(found.model_dump()) == found


def test_doublings_are_counted_to_the_first_length_that_fails() -> None:
    holds = np.zeros((len(LENGTHS), 3), dtype=bool)
    holds[:2, 1] = True
    holds[3, 1] = True  # later ones do not count
    holds[:, 2] = True
    least, greatest = np.log2(LENGTHS[0]), np.log2(LENGTHS[-1])
    assert doublings(holds).tolist() == [least - 0.5, least + 1.5, greatest + 0.5]


def test_directions_are_seen_from_the_mean() -> None:
    found = directions(np.array([[5.0, 5], [7, 5], [3, 5]]))
    assert found.tolist() == [[0, 0], [1, 0], [-1, 0]]


def test_what_cannot_be_measured_is_a_sentence(
    pool: "ModelPool", make_set: Callable[..., str]
) -> None:
    few = sets.read(sets.find(make_set(d=32)))
    with pytest.raises(BadInputError, match="at least four"):
        RolesTask(few, pool)
    without = sets.read(sets.find(make_set(d=32, contexts=5)))
    for solution in without.solutions:
        object.__setattr__(
            solution, "record", solution.record.model_copy(update={"arrangement": "e"})
        )
    with pytest.raises(BadInputError, match="no m to compare"):
        RolesTask(without, pool)


def test_the_command_says_all_of_it(
    measure: Callable[..., RolesReport], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = measure()
    assert main(["roles", "--set", made.set, "--out", str(tmp_path), "--json"]) == 0
    assert RolesReport.model_validate_json(json.dumps(json.loads(capsys.readouterr().out))) == made
    lines = (tmp_path / f"roles-{made.set}.csv").read_text().splitlines()
    assert len(lines) == 1 + len(made.probes)
    assert main(["roles", "--set", made.set]) == 0
    assert "m minus e" in capsys.readouterr().out
