"""Runs on the checkpoints of one training run, told together."""

from pathlib import Path
from typing import Any

import pytest

from explorer.base.errors import BadInputError
from explorer.experiments import over_training
from explorer.experiments.over_training import Checkpoint, checkpoint
from explorer.experiments.runs import Run
from explorer.figures.experiments.over_training import charts
from tests.explorer.experiments.test_capacity import climbed

UNSEEN, RANDOM = ("unseen", "m free"), ("random", "m free")


def at(model: str, weights: str, *heights: int, **fields: Any) -> Run:
    run = climbed(dict(zip((UNSEEN, RANDOM), heights, strict=True)), model=model, **fields)
    header = run.header.model_copy(update={"fingerprint": weights * 64})
    return Run(header, run.folder, run.done)


LATE = at("org/tiny@step2000", "b", 11, 5)
TRAINED = [
    at("org/tiny", "c", 16, 8),
    LATE,
    at("org/tiny@step1000", "a", 4, 0),
    at("org/tiny@step1000", "e", 8, 8),  # older
    at("org/other@step1000", "d", 4, 0),
    at("org/tiny@step3000", "d", 4, 0, texts=1),
    at("some/folder/without/steps", "d", 4, 0),
]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("org/tiny@step1000", Checkpoint("org/tiny", "step1000", 1000)),
        ("org/tiny", Checkpoint("org/tiny", "main", float("inf"))),
        (
            "org/tiny@stage1-step500-tokens2B",
            Checkpoint("org/tiny", "stage1-step500-tokens2B", 500),
        ),
        ("/runs/one/checkpoint-30", Checkpoint("/runs/one", "checkpoint-30", 30)),
        ("/models/tiny-llama-2", None),
        ("smollm2-135m", None),
    ],
)
def test_a_models_name_says_which_checkpoint_it_is(model: str, found: Checkpoint | None) -> None:
    assert checkpoint(model) == found


def test_runs_that_were_asked_alike_stand_together_in_the_order_of_training() -> None:
    found = over_training.together(LATE, TRAINED)
    assert [run.settings.model for run in found] == [
        "org/tiny@step1000",
        "org/tiny@step2000",
        "org/tiny",
    ]
    assert found[0].header.fingerprint == "a" * 64  # the newest of this checkpoint
    assert over_training.together(TRAINED[-1], TRAINED) == [TRAINED[-1]]


def test_capacity_and_accuracy_over_training() -> None:
    row = over_training.together(LATE, TRAINED)
    held = over_training.capacities(row)
    of_unseen = held[held["source"] == "unseen"]
    assert list(of_unseen["checkpoint"]) == ["step1000", "step2000", "main"]
    assert list(of_unseen["step"])[:2] == [1000, 2000] and of_unseen["step"].isna().iloc[2]
    assert list(of_unseen["c_tokens"]) == [4, 11, 16]
    reached = over_training.accuracies(row)
    assert set(reached["n"]) == {4}  # random words failed there at step 1000, so none went on
    assert list(reached["accuracy"]) == [0.75, 1.0, 1.0]
    drawn = charts(row)
    assert [chart.key for chart in drawn] == ["capacity-over-training", "accuracy-over-training"]
    assert "4 tokens at step1000, ≥16 tokens at main" in drawn[0].figure.layout.title.text
    assert list(drawn[0].figure.data[0].x) == ["step1000", "step2000", "main"]
    assert "step2000 11" in drawn[0].alt
    assert charts([LATE]) == []


def test_checkpoints_with_the_same_weights_say_so() -> None:
    row = [at("org/tiny@step1000", "a", 4, 0), LATE, at("org/tiny", "b", 11, 5)]
    (note,) = over_training.notes(row)
    assert note.startswith("step2000 and main hold the same weights (fingerprint bbbbbbbb)")
    assert over_training.notes(row[:2]) == []


def test_checkpoints_that_suit_another_arrangement_say_so() -> None:
    early = at("org/tiny@step1000", "a", 4, 0, arrangement="halves")
    (note,) = over_training.notes(over_training.together(LATE, [early, LATE]))
    assert "differ in the setting “arrangement”" in note and "step1000 halves" in note


def test_other_checkpoints_are_named_as_the_model_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "explorer.assets.hub.cached_revisions", lambda name: [f"{name}@step9", f"{name}@step10"]
    )
    own = checkpoint("org/tiny@step9")
    assert own is not None and over_training.labels(own) == ["step9", "step10", "main"]
    assert over_training.named(own, " step10") == "org/tiny@step10"
    assert over_training.named(own, "main") == "org/tiny"
    for name in ("checkpoint-20", "checkpoint-3", "logs"):
        (tmp_path / name).mkdir()
    own = checkpoint(str(tmp_path / "checkpoint-3"))
    assert own is not None and over_training.labels(own) == ["checkpoint-3", "checkpoint-20"]
    assert over_training.named(own, "checkpoint-20") == str(tmp_path / "checkpoint-20")
    for label in ("logs", "../checkpoint-3", "", "a/checkpoint-20"):
        with pytest.raises(BadInputError, match="is not a checkpoint of"):
            over_training.named(own, label)


def test_other_texts_are_no_comparison() -> None:
    """As many texts went on to 5 at both checkpoints, but not the same."""
    from tests.explorer.experiments.test_capacity import done, made

    def one(model: str, first: float, second: float) -> Run:
        went_on = (1.0, None) if first == 1 else (None, 1.0)
        cells = done("seen", "m free", 4, first, second), done("seen", "m free", 5, *went_on)
        return made(*cells, model=model, sources=("seen",), schemes=("m free",))

    row = [one("org/tiny@step1", 1.0, 0.5), one("org/tiny@step2", 0.5, 1.0)]
    assert set(over_training.accuracies(row)["n"]) == {4}
    same = [one("org/tiny@step1", 1.0, 0.5), one("org/tiny@step2", 1.0, 0.5)]
    assert set(over_training.accuracies(same)["n"]) == {4, 5}
