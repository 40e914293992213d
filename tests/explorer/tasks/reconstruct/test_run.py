import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from explorer.assets import hub
from explorer.base.errors import BadInputError, MissingAssetError, ModelError
from explorer.model import passes
from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted
from explorer.solutions import store
from explorer.solutions.recording import MAX_FRAMES, PHASES, Recording, read_log
from explorer.solutions.solution import BEATEN, Solution, halted, load_solution
from explorer.tasks import reconstruct
from explorer.tasks.reconstruct import Reconstruction
from explorer.training import StepReport
from tests.explorer.tasks.reconstruct.cases import RECIPE, TEXT, finish
from tests.steps import exhaust

Make = Callable[..., Reconstruction]


@pytest.mark.parametrize(("seconds", "apart"), [(0.5, 1), (0.25, 1), (0.1, 3)])
def test_slow_steps_are_all_shown_and_quick_ones_four_times_a_second(
    make: Make, monkeypatch: pytest.MonkeyPatch, seconds: float, apart: int
) -> None:
    monkeypatch.setattr(reconstruct, "FRAME_SECONDS", 0.25)
    task, now = make(), 100.0
    monkeypatch.setattr(reconstruct.time, "monotonic", lambda: now)
    shown = []
    for _ in task.steps():
        if task.report is None:  # the first step is about to begin
            continue
        now += seconds  # this one is over, and the next begins
        shown.append(task.report.detailed)
        if len(shown) == 10:
            break
    assert shown == [step % apart == 0 for step in range(10)]


def test_how_long_a_step_takes_follows_the_last_steps(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps get quicker when restarts rest or end."""
    now, each = 100.0, 2.0
    monkeypatch.setattr(reconstruct.time, "monotonic", lambda: now)
    task = make(text="qzjxkv", length=6, recipe=RECIPE.model_copy(update={"lr": 0.01}))
    apply = task.trainer.apply

    def slow_step(*asked: Any, **how: Any) -> StepReport:
        nonlocal now
        now += each
        return apply(*asked, **how)

    monkeypatch.setattr(task.trainer, "apply", slow_step)
    told = []
    steps = task.steps()
    next(steps)  # the first is about to begin
    for _ in steps:
        told.append(task.step_seconds)
        if len(told) == 10:
            each = 0.5
        if len(told) == 40:
            break
    assert told[:4] == [None] * 4
    assert told[4:10] == pytest.approx([2.0] * 6)
    assert told[-1] == pytest.approx(0.5)


def test_the_files_say_their_text_in_plain_transformers(
    make: Make, tiny_llama_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    task = make(restarts=3)
    assert not task.resumed
    exhaust(task.steps())
    network = AutoModelForCausalLM.from_pretrained(tiny_llama_folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama_folder)
    files = sorted((task.out).glob("*-*.safetensors"))
    assert files == sorted(task.solutions.values())
    seeds = []
    for path in files:
        with safe_open(path, framework="pt") as file:
            e, m, ids = (file.get_tensor(name) for name in ("e", "m", "target_ids"))
            record = json.loads(file.metadata()["solution"])
        assert ids.tolist() == tokenizer(TEXT, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            said = network(inputs_embeds=torch.stack([e, e, m, m])[None]).logits[0].argmax(-1)
            teacher = torch.cat([torch.tensor([0]), ids])[None]
            log_p = torch.log_softmax(network(teacher).logits[0], -1)
        assert record["c_tokens"] == int((said == ids).sum())
        assert record["accuracy"] == pytest.approx(record["c_tokens"] / 4)
        assert record["exact"] is (record["c_tokens"] == 4) is (record["reason"] is None)
        h_lm = -float(log_p[:4].gather(1, ids[:, None]).sum())
        assert record["h_lm"] == pytest.approx(h_lm, rel=1e-4)
        assert record["h_lm_terms"] == 4
        assert record["text"] == TEXT and record["title"] == "two letters"
        assert record["confirmed_in"] == record["searched_in"] == "float32"
        assert record["model"] == str(tiny_llama_folder) and len(record["fingerprint"]) == 64
        assert record["id"].startswith(record["made_from"] + "-")
        assert record["steps"] > 0 and record["seconds"] > 0
        step_time = record["steps"] * 4 / record["seconds"]
        assert record["tokens_per_second"] == pytest.approx(step_time)
        seeds.append(record["seed"])
    assert sorted(seeds) == [3, 4, 5]
    assert any(outcome.score.exact for outcome in task.outcomes())
    assert [o.row.seed for o in task.outcomes()] == [3, 4, 5]


def test_the_recording_shows_the_run(make: Make) -> None:
    task = make()
    begins = [task.trainer.vectors_of(k) for k in range(2)]
    found = finish(task)
    recording = Recording.load(task.recording_file)
    frames, header = recording.frames, recording.header
    assert 1 < len(recording) <= MAX_FRAMES
    assert header.target_ids == found[0].target_ids.tolist()
    assert header.seeds == [3, 4] and header.d_model == 32
    assert [text for *_, text in header.groups] == [header.pieces[i] for i in header.target_ids]
    assert set(np.unique(frames["predicted"])) <= set(header.pieces)
    assert frames["step"][0] == 1 and frames["steps"][0].tolist() == [1, 1]
    np.testing.assert_allclose(frames["e"][0], begins[frames["best"][0]][0], rtol=1e-2, atol=1e-2)
    assert (np.diff(frames["step"]) > 0).all() and (np.diff(frames["seconds"]) >= 0).all()
    assert frames["phase"][-1].tolist() == [2, 2]
    for k, solution in enumerate(found):
        assert frames["steps"][-1, k] == solution.record.steps
        assert frames["accuracy"][-1, k] == pytest.approx(solution.record.accuracy)
        assert recording.correct[-1, k].sum() == solution.record.c_tokens
    best = found[frames["best"][-1]]
    np.testing.assert_allclose(frames["e"][-1], best.e, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(frames["m"][-1], best.m, rtol=1e-2, atol=1e-2)
    task.discard()
    assert not task.folder.exists()


def test_frames_stay_where_there_is_no_recording(make: Make) -> None:
    task = make()
    finish(task)
    task.recording_file.unlink()
    (task.folder / "somebody's").touch()
    task.discard()
    assert {file.name for file in task.folder.iterdir()} == {"frames.log", "live", "somebody's"}


def test_a_job_keeps_its_solutions_in_the_store(make: Make) -> None:
    task = make(job="a1b2")
    finish(task)
    entries = [entry for entry in store.entries() if not entry.ships]
    assert {entry.path for entry in entries} == set(task.solutions.values())
    assert {entry.record.job for entry in entries if entry.record} == {"a1b2"}
    for entry in entries:
        assert store.find(entry.id) == entry.path
        recording = store.recording_of(entry.path)
        assert recording is not None and len(recording) > 1


def test_runs_of_equal_inputs_share_their_origin_and_not_their_id(
    make: Make, whole: tuple[list[Solution], Recording]
) -> None:
    first, second = whole[0], finish(make())
    for a, b in zip(first, second, strict=True):
        assert a.record.made_from == b.record.made_from
        assert a.record.id != b.record.id
        np.testing.assert_array_equal(a.e, b.e)
    assert first[0].record.made_from != first[1].record.made_from


def test_stopping_saves_what_there_is(make: Make) -> None:
    task = make(length=6, text=TEXT * 5)
    steps = task.steps()
    for _ in range(1 + 6):
        next(steps)
    task.stop("stopped by hand")
    steps.close()
    found = [load_solution(path) for path in task.solutions.values()]
    assert len(found) == 2
    for solution in found:
        assert solution.record.reason == "stopped by hand"
        assert solution.record.steps == 6
        assert not solution.record.exact
    recording = Recording.load(task.recording_file)
    assert recording.frames["phase"][-1].tolist() == [2, 2]
    assert (np.diff(recording.frames["step"]) >= 0).all()
    task.discard()
    assert not (task.folder / "checkpoint.safetensors").exists()
    assert list(task.race()) == []


def test_stopping_before_the_first_step_saves_the_start(make: Make) -> None:
    task = make(length=6, text=TEXT * 5)
    task.stop("stopped by hand")
    assert [load_solution(p).record.steps for p in task.solutions.values()] == [0, 0]
    assert len(Recording.load(task.recording_file)) == 1
    assert list(task.steps()) == []


def test_the_log_can_be_watched_while_it_runs(make: Make) -> None:
    task = make()
    for step, _ in enumerate(task.steps()):
        watched = read_log(task.folder)
        if step == 0:
            assert watched is None
            continue
        assert watched is not None
        assert watched.frames["step"][-1] == step
        if step == 12:
            break
    assert watched.header.groups == task.header.groups


def test_what_a_model_says_itself_is_timed_beside_it(make: Make) -> None:
    task = make()
    (solution, *_) = [s for s in finish(task) if s.record.exact]
    *turns, result = task.race()
    assert set(turns) == {None}
    assert result is not None
    assert result.one_forward_text == solution.record.text
    assert result.tokens == 4 and result.device == "cpu"
    assert result.one_forward_seconds > 0 and result.autoregressive_seconds > 0


def test_a_search_in_bfloat16_is_confirmed_in_float32(
    make: Make, models: ModelPool, tiny_llama_folder: Path
) -> None:
    from explorer.model.metrics import score

    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    task = make(recipe=recipe, restarts=4)
    found = finish(task)
    exact = models.get(tiny_llama_folder, str(tiny_llama_folder), torch.float32)
    for solution in found:
        assert (solution.record.searched_in, solution.record.confirmed_in) == (
            "bfloat16",
            "float32",
        )
        again = score(exact, solution.e, solution.m, solution.target_ids.tolist(), "halves")
        assert again.accuracy == pytest.approx(solution.record.accuracy)
        assert again.loss == solution.record.loss
    assert any(solution.record.exact for solution in found)


def test_the_race_is_timed_in_the_fast_format_and_shows_what_was_confirmed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides of the race take the fast format; what it says there may be wrong."""
    raced: list[torch.dtype] = []

    def noted(model: FrozenModel, *rest: Any) -> Any:
        raced.append(model.dtype)
        yield 0.1, 1.0, [1]

    monkeypatch.setattr(reconstruct, "race", noted)
    task = make(recipe=RECIPE.model_copy(update={"precision": "bfloat16"}))
    finish(task)
    (result,) = task.race()
    assert raced == [torch.bfloat16]
    assert result is not None
    assert result.one_forward_text == task.tokenizer.decode(task.target_ids.tolist())


def test_where_float32_does_not_fit_the_solution_says_so(
    make: Make, models: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "can_confirm", lambda folder: False)
    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    for solution in finish(make(recipe=recipe)):
        assert solution.record.confirmed_in == "bfloat16"


def test_a_vector_that_diverges_can_still_be_saved(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = passes.loss_and_gradient

    def poisoned(*args: Any, **kwargs: Any) -> Any:
        return [(measured, by * torch.nan) for measured, by in plain(*args, **kwargs)]

    monkeypatch.setattr(passes, "loss_and_gradient", poisoned)
    for solution in finish(make()):
        assert solution.record.reason is not None and "diverged" in solution.record.reason
        assert np.isfinite(solution.e).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n"}, "white space"),
        ({"text": "zzqq", "length": 90}, "90 are wanted"),
        ({"length": 129, "text": TEXT * 100}, "128"),
        ({"length": 128, "text": TEXT * 100, "arrangement": "e+mN"}, "127"),
    ],
    ids=["empty", "blank", "short", "beyond the positions", "A4 needs one more"],
)
def test_texts_that_cannot_be_used_are_said(
    make: Make, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        make(**fields)


def test_models_that_cannot_be_used_are_said(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub, "cached", lambda name: None)
    with pytest.raises(MissingAssetError, match=r"not downloaded yet.*assets"):
        make(model="EleutherAI/pythia-160m")
    with pytest.raises(ModelError, match="no model"):
        make(model="no such model")
    with pytest.raises(ModelError):
        make(model=str(tmp_path))


def test_until_the_first_is_exact_the_others_keep_their_best(make: Make) -> None:
    """One easy restart among hard ones; the recording ends as the files do."""
    recipe = RECIPE.model_copy(update={"rest_above": None})  # else they rest with nothing right yet
    task = make(restarts=4, until="first", recipe=recipe)
    found = finish(task)
    exact = [s for s in found if s.record.exact]
    others = [s for s in found if not s.record.exact]
    assert exact and others
    recording = Recording.load(task.recording_file)
    for s in others:
        rested = recording.rested(s.record.seed)
        assert s.record.reason == (halted(s.record.steps) if rested else BEATEN)
    last = max(s.record.steps for s in exact)
    assert all(s.record.steps <= last + 2 for s in others)  # changing phase takes no step
    assert any(s.record.accuracy > 0 for s in others)
    assert recording.frames["accuracy"][-1].tolist() == pytest.approx(
        [s.record.accuracy for s in found]
    )
    assert (recording.frames["phase"][-1] == 2).all()


def test_until_all_goes_on_after_the_first(make: Make) -> None:
    found = finish(make(restarts=4, until="all"))
    assert "another restart is exact" not in {s.record.reason for s in found}


def test_a_run_that_ends_between_two_steps_shows_its_end(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = reconstruct.Step.take
    task = make()

    def interrupted(step: reconstruct.Step[StepReport]) -> StepReport:
        report = take(step)
        if task.trainer.finished:
            raise Interrupted
        return report

    monkeypatch.setattr(reconstruct.Step, "take", interrupted)
    exhaust(task.steps())
    last = Recording.load(task.recording_file).frames[-1]
    assert (last["phase"] == PHASES.index("done")).all()
