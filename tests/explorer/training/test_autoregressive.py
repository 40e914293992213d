"""The autoregressive baseline: gradients, independence, greedy generation, checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import score_memory
from explorer.solutions.solution import made_from, save_solution
from explorer.training import Row, Trainer
from explorer.training.layouts import TeacherForced
from explorer.training.shared_pass import Answer, answer
from explorer.training.solved import solution_of
from explorer.training.starts import start
from tests.explorer.solutions.memories import load_memory
from tests.explorer.training.cases import HARD, quick

EASY = (17, 99, 17, 99)
OTHER = (250, 31, 5, 160)
RECIPE = quick(max_steps=300)


def train(trainer: Trainer, steps: int = 1000) -> Trainer:
    for _ in range(steps):
        if trainer.finished:
            break
        trainer.step()
    return trainer


def greedy(model: FrozenModel, mem: np.ndarray, count: int, sink: int | None = None) -> list[int]:
    """Generate one token at a time with plain transformers."""
    table = model.network.get_input_embeddings()
    inputs, said = torch.from_numpy(mem)[None], []
    if sink is not None:
        inputs = torch.cat([table(torch.tensor([[sink]])).detach(), inputs], 1)
    with torch.no_grad():
        for _ in range(count):
            token = model.network(inputs_embeds=inputs).logits[0, -1].argmax()
            said.append(int(token))
            inputs = torch.cat([inputs, table(token[None, None])], 1)
    return said


@pytest.fixture(scope="module")
def gemma(
    load_model: Callable[..., FrozenModel],
    tiny_llama_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> FrozenModel:
    """A tiny random Gemma: a model that scales its embeddings."""
    import shutil

    from transformers import GemmaConfig, GemmaForCausalLM

    folder = tmp_path_factory.mktemp("gemma") / "tiny-gemma"
    shutil.copytree(tiny_llama_folder, folder)
    torch.manual_seed(0)
    config = GemmaConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=128,
        initializer_range=0.2, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    GemmaForCausalLM(config).save_pretrained(folder)
    return load_model(folder, name="tiny-gemma")


@pytest.mark.parametrize(("K", "sink"), [(1, None), (2, None), (1, 7), (2, 7)])
@pytest.mark.parametrize("name", ["llama", "neox", "gemma"])
def test_the_gradient_is_that_of_plain_transformers(
    request: pytest.FixtureRequest, name: str, K: int, sink: int | None
) -> None:
    model: FrozenModel = request.getfixturevalue(name)
    trainer = Trainer(model, [Row(HARD, 0), Row(HARD[::-1], 1)], TeacherForced(K, sink), RECIPE)
    ids = torch.tensor([HARD, HARD[::-1]])
    mem = torch.from_numpy(np.stack([trainer.vectors_of(i) for i in range(2)])).requires_grad_()
    read = model.network.get_input_embeddings()(ids)  # the model reads all tokens, as in a batch
    before = model.network.get_input_embeddings()(torch.tensor([[sink or 0]] * 2)).detach()
    fed = torch.cat([*([] if sink is None else [before]), mem, read], 1)
    logits = model.network(inputs_embeds=fed).logits[:, -len(HARD) - 1 : -1]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none").mean(
        1
    )
    (expected,) = torch.autograd.grad(losses.sum(), mem)
    (proposal,) = trainer.propose()
    (said,) = answer([proposal])
    assert isinstance(said, Answer) and said.gradient is not None
    gradient = trainer.layout.by_vector(said.gradient, len(HARD))
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(trainer.step().loss, losses.detach().numpy(), rtol=1e-4)


def test_rows_do_not_influence_each_other(llama: FrozenModel) -> None:
    rows = [Row(EASY, 0), Row(HARD, 1), Row(OTHER, 2)]
    together = Trainer(llama, rows, TeacherForced(2), RECIPE)
    alone = [Trainer(llama, [row], TeacherForced(2), RECIPE) for row in rows]
    for _ in range(5):
        for trainer in (together, *alone):
            trainer.step()
    for i, trainer in enumerate(alone):
        np.testing.assert_allclose(
            together.vectors_of(i), trainer.vectors_of(0), rtol=1e-3, atol=1e-4
        )


def test_one_vector_starts_where_e_does(llama: FrozenModel) -> None:
    one, two = start(llama, RECIPE, 3, 1), start(llama, RECIPE, 3, 2)
    torch.testing.assert_close(one[0], two[0])
    assert not torch.allclose(two[0], two[1])


@pytest.mark.parametrize("name", ["llama", "neox", "gemma"])
def test_exact_with_true_tokens_is_exact_without_them(
    request: pytest.FixtureRequest, name: str
) -> None:
    model: FrozenModel = request.getfixturevalue(name)
    rows = [Row((17, 99), 0), Row(EASY, 0), Row(OTHER, 1)]
    trainer = train(Trainer(model, rows, TeacherForced(2), RECIPE))
    found = [trainer.outcome(i) for i in range(3)]
    assert any(o.score.correct.all() for o in found)
    for outcome in found:
        assert outcome.score.said.tolist() == greedy(
            model, outcome.vectors, len(outcome.row.target_ids)
        )
        if outcome.score.correct.all():
            assert outcome.score.exact and outcome.reason is None
            assert outcome.score.said.tolist() == list(outcome.row.target_ids)
            assert outcome.score.margin >= RECIPE.finish_margin


def test_the_other_restarts_of_a_text_end_with_the_first_exact_one(llama: FrozenModel) -> None:
    rows = [Row(EASY, 0), Row(EASY, 1), Row(HARD, 0)]
    trainer = train(Trainer(llama, rows, TeacherForced(2), RECIPE, until="first"), 1)
    while not any(phase == "done" for phase in trainer.report(detailed=False).phase[:2]):
        trainer.step()
    one, other, apart = (trainer.outcome(i) for i in range(3))
    assert {one.reason, other.reason} in ({None, "another restart is exact"}, {None})
    assert (
        trainer.report(detailed=False).phase[:2] == ("done", "done")
        and apart.reason == "still training"
    )


@pytest.mark.parametrize(("K", "sink"), [(1, None), (2, None), (1, 7), (2, 7)])
def test_generation_without_a_solution_is_that_of_one_token_at_a_time(
    llama: FrozenModel, K: int, sink: int | None
) -> None:
    """Also where nothing is right: a guess settles at least one token a pass."""
    for seed in range(4):
        mem = start(llama, RECIPE, seed, K).numpy()
        found = score_memory(llama, mem, HARD, sink)
        said = greedy(llama, mem, len(HARD), sink)
        assert found.said.tolist() == said
        assert found.accuracy == np.mean(np.array(said) == np.array(HARD))


def test_a_wrong_token_spoils_what_follows(llama: FrozenModel) -> None:
    """Generated accuracy is counted on what is said, not on what true tokens would lead to."""
    trainer = Trainer(llama, [Row(HARD, 0)], TeacherForced(1), quick(max_steps=15))
    found = train(trainer).outcome(0)
    assert found.reason == "not exact within 15 steps" and not found.score.exact
    assert found.steps == 15
    first_wrong = int(np.flatnonzero(~found.score.correct)[0])
    assert found.score.right[:first_wrong].all() and not found.score.right[first_wrong]


def test_a_search_in_bfloat16_ends_exact_in_float32(
    llama: FrozenModel, fast_llama: FrozenModel
) -> None:
    trainer = Trainer(
        fast_llama, [Row(EASY, 0)], TeacherForced(2), RECIPE, exact_model=lambda: llama
    )
    found = train(trainer).outcome(0)
    assert found.score.exact and found.confirmed_in == "float32"
    assert greedy(llama, found.vectors, 4) == list(EASY)


@pytest.mark.parametrize("at", [1, 10, 40])
def test_going_on_from_a_checkpoint_is_as_if_never_interrupted(llama: FrozenModel, at: int) -> None:
    rows, recipe = [Row(EASY, 0), Row(HARD, 1)], quick(max_steps=60)
    whole = train(Trainer(llama, rows, TeacherForced(2), recipe), at)
    tensors, values = whole.checkpoint()
    resumed = Trainer(llama, rows, TeacherForced(2), recipe)
    resumed.restore(tensors, json.loads(json.dumps(values)))
    train(whole), train(resumed)
    for i in range(2):
        one, two = whole.outcome(i), resumed.outcome(i)
        np.testing.assert_array_equal(one.vectors, two.vectors)
        assert (one.steps, one.reason) == (two.steps, two.reason)


def test_a_checkpoint_of_another_run_changes_nothing(llama: FrozenModel) -> None:
    foreign = train(Trainer(llama, [Row(HARD, 0)], TeacherForced(1), RECIPE), 2)
    ours = Trainer(llama, [Row(HARD, 0)], TeacherForced(2), RECIPE)
    before = ours.vectors_of(0)
    with pytest.raises((KeyError, ValueError)):
        ours.restore(*foreign.checkpoint())
    np.testing.assert_array_equal(ours.vectors_of(0), before)


def test_memory_that_runs_short_is_noticed(
    llama: FrozenModel, memory_for: Callable[[int], None]
) -> None:
    memory_for(2)
    trainer = train(Trainer(llama, [Row(HARD, s) for s in range(5)], TeacherForced(1), RECIPE), 2)
    assert trainer.notices == ["Memory was short: 2 rows at a time from here."]
    assert trainer.report(detailed=False).steps.tolist() == [2] * 5


def test_stopping_keeps_the_best(llama: FrozenModel) -> None:
    trainer = train(Trainer(llama, [Row(HARD, 0)], TeacherForced(1), RECIPE), 3)
    trainer.stop("stopped by hand")
    assert trainer.finished and trainer.outcome(0).reason == "stopped by hand"
    assert trainer.report(detailed=False).phase == ("done",)


@pytest.mark.parametrize(
    ("rows", "K", "said"),
    [
        ([], 1, "nothing to train"),
        ([Row(HARD, 0)], 0, "memory vectors"),
        ([Row(HARD * 22, 0)], 1, "input positions"),
    ],
)
def test_what_cannot_be_trained_is_said(llama: FrozenModel, rows: Any, K: int, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        Trainer(llama, rows, TeacherForced(K), RECIPE)


@pytest.mark.parametrize("steps", [12, 1000])
def test_a_saved_file_reproduces_its_accuracy(
    llama: FrozenModel, tmp_path: Path, steps: int
) -> None:
    trainer = train(Trainer(llama, [Row(EASY, 0)], TeacherForced(2), RECIPE), steps)
    trainer.stop("stopped by hand")
    kept = solution_of(trainer.outcome(0), llama, TeacherForced(2), RECIPE, (4.5, 3), "00000001")
    found = load_memory(save_solution(kept, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(found.mem, kept.mem)
    assert found.record == kept.record and found.record.kind == "autoregressive"
    again = score_memory(llama, found.mem, found.target_ids.tolist())
    assert again.accuracy == found.record.accuracy == found.record.c_tokens / found.length
    assert again.exact == found.record.exact == (steps == 1000)
    assert again.loss == pytest.approx(found.record.loss, rel=1e-5)
    assert greedy(llama, found.mem, 4) == again.said.tolist()


def test_a_token_before_the_vectors_is_a_part_of_what_is_recorded(llama: FrozenModel) -> None:
    """It changes what is trained, so it tells equal runs apart; without one all is as it was."""
    made = {}
    for sink in (None, 7):
        trainer = train(Trainer(llama, [Row(EASY, 0)], TeacherForced(1, sink), quick(max_steps=2)))
        found = trainer.outcome(0)
        memory = solution_of(found, llama, trainer.layout, trainer.recipe, (1.0, 4), "run")
        made[sink] = memory.record
        assert score_memory(llama, memory.mem, EASY, sink).accuracy == memory.record.accuracy
    assert (made[None].layout, made[None].sink) == ("mem", None)
    assert (made[7].layout, made[7].sink) == ("bos+mem", 7)
    assert made[None].made_from != made[7].made_from
    ids = np.array(EASY, dtype=np.int64)
    before = made_from("tiny-llama", llama.fingerprint, ids, "[mem]×1", made[7].recipe, 0)
    assert made[None].made_from == before
