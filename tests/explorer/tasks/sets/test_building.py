import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError, MissingAssetError
from explorer.model import metrics
from explorer.solutions import sets
from explorer.solutions.sets import SetRecord
from explorer.specs.jobs import GatheredText, SolveSetSpec
from explorer.tasks import sampling
from explorer.tasks.sets import batches as batch
from explorer.tasks.sets import building, contents
from explorer.tasks.sets.building import SetBuilder
from explorer.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.model.pool import ModelPool

MakeSpec = Callable[..., SolveSetSpec]


def _finish(task: SetBuilder) -> SetRecord:
    deque(task.steps(), maxlen=0)
    return task.record


def _walk(task: SetBuilder, count: int) -> None:
    """Take some steps, then put the work down as a worker does that shuts down."""
    steps = task.steps()
    for _ in range(count):
        next(steps)
    steps.close()


def _plain(record: SetRecord) -> list[tuple[Any, ...]]:
    return [(m.slot, m.attempt, m.seed, m.solution, m.accuracy, m.steps) for m in record.members]


def _says(folder: Path, record: SetRecord, model_folder: Path) -> dict[str, bool]:
    """Score every file of a set with plain transformers: does it say its whole target?"""
    from transformers import AutoModelForCausalLM

    from explorer.solutions.solution import load_solution

    network = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    right = {}
    for member in record.members:
        s = load_solution(folder / member.file)
        inputs = torch.from_numpy(np.stack([s.e, s.e, s.m, s.m]))[None]
        with torch.no_grad():
            said = network(inputs_embeds=inputs).logits[0].argmax(-1).numpy()
        right[member.solution] = bool((said == s.target_ids).all())
    return right


def test_slots_follow_the_protocol(spec: MakeSpec, pool: "ModelPool") -> None:
    """One solution of every text but the last of a context, restarts of the last (E6)."""
    record = _finish(SetBuilder(spec(restarts=3), pool))
    assert record.slots == [
        (0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 1, 2), (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 2),
    ]  # fmt: skip
    assert len(record.slots) == record.spec.rows == 8
    assert record.complete
    assert len({m.seed for m in record.members}) == len(record.members)


@pytest.mark.parametrize("fields", [{}, {"regime": "shared"}, {"regime": "shared", "m_from": 2}])
def test_exact_means_exact_in_plain_transformers(
    fields: dict[str, Any], spec: MakeSpec, pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    """With m shared, every row is judged with the set's one final m."""
    task = SetBuilder(spec(**fields), pool)
    record = _finish(task)
    assert len(record.exact) >= 3
    said = _says(task.folder, record, tiny_llama_folder)
    assert said == {m.solution: m.exact for m in record.members}
    found = sets.read(task.folder, inexact=True)
    different = len({s.m.tobytes() for s in found.solutions})
    assert different == (1 if fields else len(found.solutions))
    assert len({s.e.tobytes() for s in found.solutions}) == len(found.solutions)
    assert all(s.record.shared_m == bool(fields) for s in found.solutions)


def test_each_regime_is_named(spec: MakeSpec, pool: "ModelPool") -> None:
    free = _finish(SetBuilder(spec(), pool))
    joint = _finish(SetBuilder(spec(regime="shared"), pool))
    part = _finish(SetBuilder(spec(regime="shared", m_from=2), pool))
    assert free.joint is None and "m free" in free.regime_in_words
    assert joint.joint is not None and joint.joint.rows == 6
    assert "jointly, the paper's default" in joint.regime_in_words
    assert part.joint is not None and (part.joint.rows, part.joint.texts) == (2, 2)
    assert "not the paper's procedure" in part.regime_in_words


def test_an_attempt_that_fails_is_kept_and_tried_from_another_seed(
    spec: MakeSpec, pool: "ModelPool"
) -> None:
    hopeless = spec().recipe.model_copy(update={"max_steps": 2})
    record = _finish(SetBuilder(spec(recipe=hopeless, attempts=2), pool))
    assert [m.attempt for m in record.members] == [0, 1] * 6
    assert not record.exact and len(record.unsolved) == 6
    assert {m.reason for m in record.members} == {"not exact within 2 steps"}
    assert len({m.seed for m in record.members}) == 12
    assert all((sets.folder_of(record.id) / m.file).is_file() for m in record.members)


@pytest.mark.parametrize("fields", [{}, {"regime": "shared"}, {"regime": "shared", "m_from": 2}])
def test_a_set_goes_on_where_it_was_put_down(
    fields: dict[str, Any],
    spec: MakeSpec,
    pool: "ModelPool",
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    whole = _finish(SetBuilder(spec(**fields), pool))
    for steps in (1, 9, 18):
        monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / f"again-{steps}"))
        _walk(SetBuilder(spec(**fields), pool), steps)
        again = SetBuilder(spec(**fields), pool)
        assert again.record.id == whole.id
        assert _plain(_finish(again)) == _plain(whole)


def test_a_killed_worker_loses_no_finished_solution(
    spec: MakeSpec, pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "save", lambda *_, **__: None)  # never came to write one
    steps = (task := SetBuilder(spec(), pool)).steps()
    while len(task.record.members) < 2:
        next(steps)
    kept = {m.solution for m in task.record.members}
    del steps
    record = _finish(SetBuilder(spec(), pool))
    assert kept < {m.solution for m in record.members}
    assert len(record.exact) == 6


def test_a_finished_set_is_not_made_again(
    spec: MakeSpec, pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _finish(SetBuilder(spec(), pool))
    monkeypatch.setattr(batch.BatchMaker, "alone", None)
    assert _finish(SetBuilder(spec(), pool)) == record


@pytest.mark.parametrize("fields", [{}, {"regime": "shared"}])
def test_what_a_set_has_lost_is_trained_again(
    fields: dict[str, Any], spec: MakeSpec, pool: "ModelPool"
) -> None:
    whole = _finish(SetBuilder(spec(**fields), pool))
    lost = whole.exact[1]
    (sets.folder_of(whole.id) / lost.file).unlink()
    task = SetBuilder(spec(**fields), pool)
    assert not task.record.complete
    again = _finish(task)
    assert again.complete and sets.load(sets.folder_of(again.id)).missing == ()
    assert lost.slot in {member.slot for member in again.exact}
    if not fields:  # from the same seed, so the same vectors
        assert _plain(again) == _plain(whole)


def test_an_attempt_that_is_lost_is_made_again_and_no_other_twice(
    spec: MakeSpec, pool: "ModelPool"
) -> None:
    """Its number and seed are its own, also where a later one of its slot is there."""
    hopeless = spec().recipe.model_copy(update={"max_steps": 2})
    whole = _finish(SetBuilder(spec(recipe=hopeless, attempts=2), pool))
    (sets.folder_of(whole.id) / whole.members[0].file).unlink()
    task = SetBuilder(spec(recipe=hopeless, attempts=2), pool)
    deque(zip(range(60), task.steps(), strict=False), maxlen=0)
    assert task.record.complete and _plain(task.record) == _plain(whole)


def test_rows_join_when_others_end(
    spec: MakeSpec, pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "ROWS", 3)
    monkeypatch.setattr(building, "JOINING", 1)
    task = SetBuilder(spec(restarts=4), pool)
    most = 0
    for _ in task.steps():
        most = max(most, sum(batch.live for batch in task._batches or []))
    assert most == 3
    assert len(task.record.exact) == 10


def test_rows_that_go_on_in_one_batch_with_new_ones_are_as_if_they_had_not_moved(
    spec: MakeSpec, pool: "ModelPool", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = _finish(SetBuilder(spec(restarts=4), pool))
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "again"))
    monkeypatch.setattr(building, "ROWS", 3)
    monkeypatch.setattr(building, "JOINING", 1)
    assert [p[:3] for p in _plain(_finish(SetBuilder(spec(restarts=4), pool)))] == [
        p[:3] for p in _plain(whole)
    ]


def test_a_row_that_is_far_from_its_text_makes_room_for_another_seed(
    spec: MakeSpec, pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "A_WHILE", 3)
    slow = spec().recipe.model_copy(update={"lr": 1e-6, "max_steps": 8})
    record = _finish(SetBuilder(spec(recipe=slow, attempts=2), pool))
    assert [(m.attempt, m.steps) for m in record.members] == [(0, 3), (1, 8)] * 6
    why = "says less than half of its text after 3 steps"
    assert [m.reason for m in record.members] == [why, "not exact within 8 steps"] * 6


def test_texts_are_the_models_own_continuations(
    spec: MakeSpec, pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    """D4: multinomial at temperature 1; the same seed gives the same tokens."""
    recipe = spec().recipe.model_copy(update={"max_steps": 1})
    task = SetBuilder(spec(texts=(), recipe=recipe, attempts=1), pool)
    record = _finish(task)
    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    assert [(t.context, t.continuation) for t in record.texts] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for text in record.texts:
        context = model.tokenizer.encode(record.contexts[text.context].text)
        said = list(metrics.generate(model, context, 4, seed=text.sampling_seed))
        assert said == text.target_ids
        assert model.tokenizer.decode(said) == text.text
    assert len({tuple(t.target_ids) for t in record.texts}) == 4
    file = json.loads((task.folder / sets.SET_FILE).read_text())
    assert [t["sampling_seed"] for t in file["texts"]] == [t.sampling_seed for t in record.texts]


def test_a_sample_that_ends_early_or_repeats_is_drawn_again(
    spec: MakeSpec, llama: "FrozenModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter([[0, 5, 6, 7], [9, 5, 6, 7], [9, 5, 6, 7], [8, 5, 6, 7]])  # 0 is a special token
    monkeypatch.setattr(sampling, "generate", lambda *_, **__: next(said))
    drawn = [sets.SetContext(title="one", source="unseen", text="x")]
    asked = spec(texts=(), contexts=1)
    made = list(contents.continuations(asked, llama, drawn, [[3]]))
    assert [t.target_ids for t in made] == [[9, 5, 6, 7], [8, 5, 6, 7]]
    assert len({t.sampling_seed for t in made}) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"texts": (GatheredText(text="zzqq"), GatheredText(text="zzqqz"))}, "Text 2 has the same"),
        ({"texts": (GatheredText(text="zz"),)}, "4 are wanted"),
        ({"texts": (GatheredText(text=" "),)}, "white space"),
        ({"texts": (), "source": "own"}, "gather the texts"),
        ({"texts": (), "context_length": 126}, "positions"),
        ({"length": 129}, "positions"),
        ({"regime": "shared", "m_from": 5}, "the set has 4"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(
    fields: dict[str, Any], said: str, spec: MakeSpec, pool: "ModelPool"
) -> None:
    with pytest.raises(BadInputError, match=said):
        _finish(SetBuilder(spec(**fields), pool))


def test_a_model_that_is_not_here_is_a_sentence(spec: MakeSpec, pool: "ModelPool") -> None:
    with pytest.raises(MissingAssetError, match="not downloaded yet"):
        SetBuilder(spec(model="EleutherAI/pythia-160m"), pool)


@pytest.mark.parametrize("regime", ["free", "shared"])
def test_a_set_that_goes_on_in_another_format_says_so(
    regime: str, spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each solution names its own format, and with m shared also the one that m was learned in."""
    from explorer.base.provenance import versions
    from explorer.model.pool import ModelPool

    recipe = spec().recipe.model_copy(update={"precision": "auto"})
    some = {"m_from": 2} if regime == "shared" else {}
    asked = spec(recipe=recipe, regime=regime, attempts=1, **some)
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: True)
    first = SetBuilder(asked, ModelPool(torch.device("cpu")))
    steps = first.steps()
    while not (first.record.members if regime == "free" else first.record.joint):
        next(steps)
    early = {m.solution for m in first.record.members}
    steps.close()
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: False)
    (first._set.scratch / "crews.safetensors").unlink(
        missing_ok=True
    )  # rows begin anew in this format
    record = _finish(SetBuilder(asked, ModelPool(torch.device("cpu"))))
    found = sets.read(first.folder, inexact=True)
    late = "float32" if regime == "free" else "bfloat16, then float32"
    formats = {s.record.id: s.record.searched_in for s in found.solutions}
    assert formats == {name: "bfloat16" if name in early else late for name in formats}
    assert late in formats.values() and (regime == "shared" or "bfloat16" in formats.values())
    assert all(s.record.versions == versions() for s in found.solutions)
    assert record.versions == versions() and record.device == "cpu"
    if record.joint is not None:
        assert (record.joint.searched_in, record.joint.device) == ("bfloat16", "cpu")


def test_sampled_texts_name_the_format_they_were_sampled_in(
    spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Float32 though the search runs in bfloat16, so that a seed gives the same on any machine."""
    from explorer.model.pool import ModelPool

    recipe = spec().recipe.model_copy(update={"precision": "auto", "max_steps": 1})
    asked = spec(recipe=recipe, texts=(), attempts=1, length=12)
    written = []
    for pays in (True, False):
        monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device, pays=pays: pays)
        task = SetBuilder(asked, ModelPool(torch.device("cpu")))
        deque(task._sample(), maxlen=0)
        assert {text.sampled_in for text in task.record.texts} == {"float32"}
        written.append([text.target_ids for text in task.record.texts])
        (task.folder / sets.SET_FILE).unlink()
    assert written[0] == written[1]
