"""A frozen token before e: what is trained, shared and saved, with BOS and without, and by whom."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError, CorruptFileError
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import score
from explorer.solutions.solution import Solution, SolutionRecord, load_solution, save_solution
from explorer.tasks.paths.bends import along
from explorer.training import Outcome, Row, Trainer
from explorer.training.layouts import OnePass
from explorer.training.shared_pass import Step, take_together
from explorer.training.solved import solution_of
from tests.explorer.training.cases import EASY, follow_plain_adamw, quick, run, trajectory

KEY = "sink+e+mN"
SINK = 7
"""Not BOS: what a probe may have chosen where there is none."""


@pytest.fixture(params=["llama", "neox", "gpt2"])
def model(request: pytest.FixtureRequest) -> FrozenModel:
    """One without a BOS token: with bodies written out, and transformers' own."""
    found: FrozenModel = request.getfixturevalue(request.param)
    return replace(found, tokenizer=replace(found.tokenizer, bos_id=None))


def plain(model: FrozenModel, found: Solution | Outcome, sink: int) -> list[int]:
    """Return what transformers output by themselves at the first m and after it."""
    ids = found.row.target_ids if isinstance(found, Outcome) else found.target_ids
    first = model.network.get_input_embeddings().weight[sink]
    e, m = torch.from_numpy(found.e), torch.from_numpy(found.m)
    with torch.no_grad():
        logits = model.network(inputs_embeds=torch.stack([first, e, *[m] * len(ids)])[None]).logits
    said: list[int] = logits[0, 2:].argmax(-1).tolist()
    return said


def test_two_vectors_learn_behind_a_token_that_stays(model: FrozenModel) -> None:
    """Step by step the same as AdamW on e and m over plain transformers."""
    follow_plain_adamw(model, 5, OnePass(KEY, SINK))


def test_a_saved_solution_scores_the_same_in_plain_transformers(
    model: FrozenModel, tmp_path: Path
) -> None:
    trainer = Trainer(model, [Row(EASY, 2), Row(EASY, 3)], OnePass(KEY, SINK), quick())
    run(trainer)
    outcomes = [trainer.outcome(i) for i in range(2)]
    assert any(o.score.exact for o in outcomes)
    best = max(outcomes, key=lambda o: o.score.accuracy)
    made = [
        solution_of(best, model, layout, quick(), (1.0, 3), "r")
        for layout in (OnePass(KEY, SINK), OnePass(KEY, SINK + 1), OnePass("e+mN"))
    ]
    assert len({s.record.made_from for s in made}) == 3  # the sink is a part of what made it
    kept = load_solution(save_solution(made[0], tmp_path / "s.safetensors"))
    assert (kept.record.arrangement, kept.record.sink) == (KEY, SINK)
    assert plain(model, kept, SINK) == list(EASY)
    here = score(model, kept.e, kept.m, EASY, KEY, kept.record.sink)
    assert here.exact and here.accuracy == kept.record.accuracy
    points = np.concatenate([kept.e, kept.m])[None]
    found = along(model, points, torch.tensor(EASY), KEY, kept.record.sink)
    assert bool(found.correct.all())


def test_arrangements_share_a_pass(llama: FrozenModel) -> None:
    """With a sink, the paper's default and e once, of one length: each as it is alone."""
    layouts = [OnePass.of(key, llama) for key in (KEY, "e+mN-1", "e+mN")]
    assert [layout.sink for layout in layouts] == [llama.tokenizer.bos_id, None, None]
    alone = [trajectory(Trainer(llama, [Row(EASY, 1)], a, quick()), 0, 4) for a in layouts]
    together = [Trainer(llama, [Row(EASY, 1)], a, quick()) for a in layouts]
    for _ in range(4):
        take_together([Step(trainer) for trainer in together])
    for own, trainer in zip(alone, together, strict=True):
        np.testing.assert_allclose(trainer.vectors_of(0), own[-1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arrangement", "sink"), [(KEY, None), ("e+mN", SINK), (KEY, -1), (KEY, 2**31)]
)
def test_a_sink_goes_with_an_arrangement_that_has_one(
    make_solution: Callable[..., Solution], tmp_path: Path, arrangement: str, sink: Any
) -> None:
    made = make_solution()
    record = made.record.model_copy(update={"arrangement": arrangement, "sink": sink})
    file = save_solution(replace(made, record=record), tmp_path / "s.safetensors")
    with pytest.raises(CorruptFileError):
        load_solution(file)


def test_files_without_a_sink_are_written_as_before(make_solution: Callable[..., Solution]) -> None:
    assert "sink" not in make_solution().record.model_dump()
    assert SolutionRecord.model_validate(make_solution().record.model_dump()).sink is None


def test_a_sink_that_the_model_has_not_is_said(llama: FrozenModel) -> None:
    vectors = np.zeros((2, llama.d_model), np.float32)
    with pytest.raises(BadInputError, match=r"Token 999999 stands before e"):
        score(llama, *vectors, EASY, KEY, 999_999)
