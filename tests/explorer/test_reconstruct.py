import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from safetensors import safe_open

from explorer import folders, hub, reconstruct, store
from explorer.errors import BadInputError, MissingAssetError, ModelError
from explorer.jobs.specs import ReconstructSpec
from explorer.models import FrozenModel
from explorer.pool import ModelPool
from explorer.recipes import FAST
from explorer.reconstruct import Reconstruction
from explorer.recording import MAX_FRAMES, Recording, read_log
from explorer.solutions import Solution, load_solution

TEXT = "zzqq"
"""Two tokens twice each, which `halves` learns within 30 steps."""
RECIPE = FAST.model_copy(
    update={
        "name": "quick",
        "lr": 0.5,
        "warmup_steps": 5,
        "init_scale": 1.0,
        "max_steps": 150,
        "precision": "float32",
    }
)

Make = Callable[..., Reconstruction]


@pytest.fixture(scope="module")
def models(one_thread: None) -> ModelPool:
    return ModelPool(torch.device("cpu"))


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every step and write a checkpoint after each."""
    monkeypatch.setattr(reconstruct, "FRAME_SECONDS", 0.0)
    monkeypatch.setattr(reconstruct, "CHECKPOINT_SECONDS", 0.0)


def _spec(folder: Path, **fields: Any) -> ReconstructSpec:
    asked = {
        "model": str(folder),
        "text": TEXT,
        "length": 4,
        "arrangement": "halves",
        "recipe": RECIPE,
        "restarts": 2,
        "seed": 3,
        "title": "two letters",
    }
    return ReconstructSpec.model_validate(asked | fields)


@pytest.fixture
def make(models: ModelPool, tiny_llama_folder: Path, tmp_path: Path) -> Make:
    """Begin a reconstruction, or go on with it when called again with the same name."""

    def begin(name: str = "run", *, job: str | None = None, **fields: Any) -> Reconstruction:
        folder = folders.make(tmp_path / name / "job")
        out = store.run_folder(job) if job else tmp_path / name / "out"
        return Reconstruction(_spec(tiny_llama_folder, **fields), models, folder, job, out)

    return begin


@pytest.fixture(scope="module")
def whole(
    models: ModelPool, tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Solution], Recording]:
    """What the run comes to when nothing interrupts it."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(folder / "cache"))
        patch.setattr(reconstruct, "FRAME_SECONDS", 0.0)
        task = Reconstruction(_spec(tiny_llama_folder), models, folder, None, folder / "out")
        return _finish(task), Recording.load(task.recording_file)


def _finish(task: Reconstruction) -> list[Solution]:
    for _ in task.steps():
        pass
    return [load_solution(path) for _, path in sorted(task.solutions.items())]


def _walk(task: Reconstruction, count: int) -> None:
    """Take some steps, then close the iterator, as a worker does that shuts down."""
    steps = task.steps()
    for _ in range(count):
        next(steps)
    steps.close()


def test_the_files_say_their_text_in_plain_transformers(
    make: Make, tiny_llama_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    task = make(restarts=3)
    assert not task.resumed
    for _ in task.steps():
        pass
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
        pace = record["steps"] * 4 / record["seconds"]
        assert record["tokens_per_second"] == pytest.approx(pace)
        seeds.append(record["seed"])
    assert sorted(seeds) == [3, 4, 5]
    assert any(outcome.score.exact for outcome in task.outcomes())
    assert [o.row.seed for o in task.outcomes()] == [3, 4, 5]


def test_the_recording_shows_the_run(make: Make) -> None:
    task = make()
    found = _finish(task)
    recording = Recording.load(task.recording_file)
    frames, header = recording.frames, recording.header
    assert 1 < len(recording) <= MAX_FRAMES
    assert header.target_ids == found[0].target_ids.tolist()
    assert header.seeds == [3, 4] and header.d_model == 32
    assert [text for *_, text in header.groups] == [header.pieces[i] for i in header.target_ids]
    assert set(np.unique(frames["predicted"])) <= set(header.pieces)
    assert (np.diff(frames["step"]) > 0).all() and (np.diff(frames["seconds"]) >= 0).all()
    assert frames["phase"][-1].tolist() == [2, 2]
    for k, solution in enumerate(found):
        assert frames["steps"][-1, k] == solution.record.steps
        assert frames["accuracy"][-1, k] == pytest.approx(solution.record.accuracy)
        assert recording.correct[-1, k].sum() == solution.record.c_tokens
    best = found[frames["best"][-1]]
    np.testing.assert_allclose(frames["e"][-1], best.e, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(frames["m"][-1], best.m, rtol=1e-2, atol=1e-2)
    task.discard_checkpoint()
    assert not (task.folder / "checkpoint.safetensors").exists()


def test_a_job_keeps_its_solutions_in_the_store(make: Make) -> None:
    task = make(job="a1b2")
    _finish(task)
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
    first, second = whole[0], _finish(make())
    for a, b in zip(first, second, strict=True):
        assert a.record.made_from == b.record.made_from
        assert a.record.id != b.record.id
        np.testing.assert_array_equal(a.e, b.e)
    assert first[0].record.made_from != first[1].record.made_from


@pytest.mark.parametrize("cuts", [[1], [12], [4, 1, 8]], ids=str)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    make: Make, whole: tuple[list[Solution], Recording], cuts: list[int]
) -> None:
    expected, recorded = whole
    runs = set()
    for count in cuts:
        part = make("part")
        runs.add(part.run_id)
        assert part.resumed == (count != cuts[0] or part._step > 0)
        _walk(part, count)
    last = make("part")
    assert last.resumed and last._step == sum(cuts)
    found = _finish(last)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        np.testing.assert_array_equal(a.m, b.m)
        same = ("accuracy", "loss", "steps", "reason", "seed", "made_from", "exact")
        for field in same:
            assert getattr(a.record, field) == getattr(b.record, field)
    assert {s.record.id.rpartition("-")[2] for s in found} == runs
    resumed = Recording.load(last.recording_file)
    assert resumed.header == recorded.header
    for name in set(resumed.frames.dtype.names or ()) - {"seconds"}:
        np.testing.assert_array_equal(resumed.frames[name], recorded.frames[name])
    assert sorted(last.out.glob("*.safetensors")) == sorted(
        [*last.solutions.values(), last.recording_file]
    )


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(
    make: Make,
    whole: tuple[list[Solution], Recording],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A power cut: the log is further than the checkpoint, and nobody closes the iterator."""
    expected, _ = whole
    task = make("killed")
    steps = task.steps()
    for _ in range(6):
        next(steps)
    monkeypatch.setattr(reconstruct, "CHECKPOINT_SECONDS", 1e9)
    for _ in range(5):
        next(steps)
    shutil.copytree(tmp_path / "killed", tmp_path / "after")
    steps.close()
    resumed = make("after")
    assert resumed.resumed and resumed._step == 6
    found = _finish(resumed)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        assert a.record.steps == b.record.steps
    shown = Recording.load(resumed.recording_file).frames["step"]
    assert shown.tolist() == sorted(set(shown.tolist()))
    assert shown[-1] == resumed._step


def test_a_run_that_was_killed_before_its_last_words_only_says_them(make: Make) -> None:
    task = make()
    steps = task.steps()
    for report in steps:
        if all(phase == "done" for phase in report.phase):
            break
    assert not task.recording_file.exists()
    checkpoint = task.folder / "checkpoint.safetensors"
    assert checkpoint.exists()
    again = make()
    assert again.resumed and again.trainer.finished
    assert again.solutions == task.solutions
    assert list(again.steps()) == []
    assert again.recording_file.exists()
    again.discard_checkpoint()
    assert not checkpoint.exists()


def _damage_all(path: Path) -> None:
    path.unlink()


def _damage_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _damage_bytes(path: Path) -> None:
    path.write_bytes(b"not a checkpoint")


def _damage_metadata(path: Path) -> None:
    tensors = safetensors.numpy.load_file(path)
    path.write_bytes(safetensors.numpy.save(tensors))


def _damage_tensor(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    del tensors["count"]
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


def _damage_state(path: Path) -> None:
    """As a later version might write it."""
    with safe_open(path, framework="numpy") as file:
        state = json.loads(file.metadata()["state"])
    state["trainer"]["rows"][0]["new_field"] = 1
    tensors = safetensors.numpy.load_file(path)
    path.write_bytes(safetensors.numpy.save(tensors, {"state": json.dumps(state)}))


def _damage_shape(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    tensors["square"] = tensors["square"][:1].copy()
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


@pytest.mark.parametrize(
    "damage",
    [
        _damage_all,
        _damage_half,
        _damage_bytes,
        _damage_metadata,
        _damage_tensor,
        _damage_state,
        _damage_shape,
    ],
    ids=lambda damage: damage.__name__,
)
def test_without_a_usable_checkpoint_a_run_starts_afresh(
    make: Make, whole: tuple[list[Solution], Recording], damage: Callable[[Path], None]
) -> None:
    expected, _ = whole
    _walk(make("part"), 6)
    damage(make("part").folder / "checkpoint.safetensors")
    again = make("part")
    assert not again.resumed
    found = _finish(again)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        assert a.record.steps == b.record.steps
    frames = Recording.load(again.recording_file).frames
    assert frames["step"].tolist() == sorted(set(frames["step"].tolist()))


def test_stopping_saves_what_there_is(make: Make) -> None:
    task = make(length=6, text=TEXT * 5)
    steps = task.steps()
    for _ in range(6):
        report = next(steps)
    task.stop("stopped by hand")
    steps.close()
    found = [load_solution(path) for path in task.solutions.values()]
    assert len(found) == 2
    for solution in found:
        assert solution.record.reason == "stopped by hand"
        assert solution.record.steps == report.steps[0] == 6
        assert not solution.record.exact
    recording = Recording.load(task.recording_file)
    assert recording.frames["phase"][-1].tolist() == [2, 2]
    assert (np.diff(recording.frames["step"]) >= 0).all()
    task.discard_checkpoint()
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
    for step, _ in enumerate(task.steps(), start=1):
        watched = read_log(task.folder)
        assert watched is not None
        assert watched.frames["step"][-1] == step
        if step == 12:
            break
    assert watched.header.groups == task.header.groups


def test_what_a_model_says_itself_is_timed_beside_it(make: Make) -> None:
    task = make()
    (solution, *_) = [s for s in _finish(task) if s.record.exact]
    *turns, result = task.race()
    assert set(turns) == {None}
    assert result is not None
    assert result.one_forward_text == solution.record.text
    assert result.tokens == 4 and result.device == "cpu"
    assert result.one_forward_seconds > 0 and result.autoregressive_seconds > 0


def test_a_search_in_bfloat16_is_confirmed_in_float32(
    make: Make, models: ModelPool, tiny_llama_folder: Path
) -> None:
    from explorer.metrics import score

    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    task = make(recipe=recipe, restarts=4)
    found = _finish(task)
    exact = models.get(tiny_llama_folder, str(tiny_llama_folder), torch.float32)
    for solution in found:
        assert (solution.record.searched_in, solution.record.confirmed_in) == (
            "bfloat16", "float32",
        )  # fmt: skip
        again = score(exact, solution.e, solution.m, solution.target_ids.tolist(), "halves")
        assert again.accuracy == pytest.approx(solution.record.accuracy)
        assert again.loss == solution.record.loss
    assert any(solution.record.exact for solution in found)


def test_the_race_is_run_in_the_format_that_is_exact(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was confirmed in float32 may be wrong in the format of the search."""
    raced: list[torch.dtype] = []

    def noted(model: FrozenModel, *rest: Any) -> Any:
        raced.append(model.dtype)
        yield 0.1, 1.0, [1], [2]

    monkeypatch.setattr(reconstruct, "race", noted)
    task = make(recipe=RECIPE.model_copy(update={"precision": "bfloat16"}))
    _finish(task)
    list(task.race())
    assert raced == [torch.float32]


def test_where_float32_does_not_fit_the_solution_says_so(
    make: Make, models: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "can_confirm", lambda folder: False)
    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    for solution in _finish(make(recipe=recipe)):
        assert solution.record.confirmed_in == "bfloat16"


def test_a_vector_that_diverges_can_still_be_saved(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FrozenModel.loss_and_gradient

    def poisoned(self: FrozenModel, *args: Any, **kwargs: Any) -> Any:
        measured, gradient = plain(self, *args, **kwargs)
        return measured, gradient * torch.nan

    monkeypatch.setattr(FrozenModel, "loss_and_gradient", poisoned)
    for solution in _finish(make()):
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
    with pytest.raises(MissingAssetError, match=r"not on this disk.*assets"):
        make(model="EleutherAI/pythia-160m")
    with pytest.raises(ModelError, match="no model"):
        make(model="no such model")
    with pytest.raises(ModelError):
        make(model=str(tmp_path))


def test_until_the_first_is_exact_the_others_keep_their_best(make: Make) -> None:
    """One easy restart among hard ones; the recording ends as the files do."""
    task = make(restarts=4, until="first")
    found = _finish(task)
    exact = [s for s in found if s.record.exact]
    others = [s for s in found if not s.record.exact]
    assert exact and others
    assert {s.record.reason for s in others} == {"another restart is exact"}
    last = max(s.record.steps for s in exact)
    assert all(s.record.steps <= last + 2 for s in others)  # changing phase takes no step
    assert any(s.record.accuracy > 0 for s in others)
    recording = Recording.load(task.recording_file)
    assert recording.frames["accuracy"][-1].tolist() == pytest.approx(
        [s.record.accuracy for s in found]
    )
    assert (recording.frames["phase"][-1] == 2).all()


def test_until_all_goes_on_after_the_first(make: Make) -> None:
    found = _finish(make(restarts=4, until="all"))
    assert "another restart is exact" not in {s.record.reason for s in found}
