"""The explorer as a library: what its functions give is what the explorer measures elsewhere."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorer import api
from explorer.base.errors import BadInputError, ModelError
from explorer.specs.jobs import MAX_CHARACTERS


@pytest.fixture(scope="module")
def model(
    tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> Iterator[api.Model]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(tmp_path_factory.mktemp("api-cache")))
        yield api.load_model(str(tiny_llama_folder), device="cpu")


QUICK = {"length": 3, "recipe": "independent", "arrangement": "e+mN-1"}


def test_a_training_tells_every_step_and_gives_what_it_recorded(model: api.Model) -> None:
    heard: list[int] = []
    run = api.train(model, "The heron waits by", restarts=2, seed=5, **QUICK,
                    on_step=lambda report: heard.append(int(report.steps.max())))  # fmt: skip
    assert sorted(set(heard)) == list(range(1, max(heard) + 1))
    assert [s.record.seed for s in run.solutions] == run.recording.header.seeds == [5, 6]
    accuracies = [s.record.accuracy for s in run.solutions]
    assert np.allclose(run.recording.frames["accuracy"][-1], accuracies)
    assert run.best.record.accuracy == max(accuracies)
    assert next(chart.key for chart in api.draw(run)) == "accuracy"


def test_a_text_is_cleaned_and_cut_as_on_the_command_line(model: api.Model) -> None:
    text = "The heron\r\nwaits by" + " x" * MAX_CHARACTERS
    run = api.train(model, text, restarts=1, until="first", **QUICK)
    wanted = model.tokenizer.encode("The heron\nwaits")[:3]
    assert run.solutions[0].target_ids.tolist() == wanted


def test_computing_while_it_computes_is_a_sentence(model: api.Model) -> None:
    def more(_: api.StepReport) -> None:
        api.train(model, "The heron waits by", **QUICK)

    with pytest.raises(BadInputError, match="Let it end first"):
        api.train(model, "The heron waits by", on_step=more, **QUICK)


def test_files_and_folders_may_be_paths_or_strings(
    exact_solutions: list[api.Solution], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("mine"), "mine.safetensors", str(tmp_path / "other.safetensors")):
        file = api.save_solution(exact_solutions[0], path)
        assert api.open_solution(path).record == api.open_solution(file).record


def test_a_model_that_was_moved_does_for_its_solutions(
    exact_solutions: list[api.Solution], tiny_llama_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_llama_folder, tmp_path / "moved")
    model = api.load_model(tmp_path / "moved", device="cpu")
    gone = [
        replace(s, record=s.record.model_copy(update={"model": "/gone/from/here"}))
        for s in exact_solutions
    ]
    assert api.check(model, gone[0]).accuracy == 1
    recipe = api.PathRecipe(max_steps=1, finish_steps=0, points=3)
    assert api.connect(model, gone[0], exact_solutions[1], recipe=recipe).header.model == model.name
    assert api.look_inside(model, gone[0], swap_with=[exact_solutions[-1]]).trials("swap")


def test_what_the_caller_raises_ends_the_training(model: api.Model) -> None:
    def enough(_: api.StepReport) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.train(model, "The heron waits by", on_step=enough, **QUICK)


def test_solutions_are_checked_connected_and_looked_into(
    model: api.Model, exact_solutions: list[api.Solution]
) -> None:
    a, b, *_, other = exact_solutions
    assert api.check(model, a).accuracy == 1
    paths = api.connect(model, a, b, recipe=api.PathRecipe(max_steps=4, finish_steps=0, points=5))
    assert paths.line.accuracy[0, 0] == paths.line.accuracy[0, -1] == 1
    assert [chart.key for chart in api.draw(paths)]
    look = api.look_inside(model, a, swap_with=[other])
    assert look.header.solution == a.record.id and look.trials("swap")
    with pytest.raises(BadInputError, match="different texts"):
        api.connect(model, a, other)
    with pytest.raises(BadInputError, match="A Solution has no chart"):
        api.draw(a)  # type: ignore[arg-type]


def test_a_solution_of_other_weights_is_not_judged_by_its_own_model(
    model: api.Model, exact_solutions: list[api.Solution], tiny_neox_folder: Path
) -> None:
    """Asked of one model, the answer is never that of another which the solution names."""
    other = api.load_model(str(tiny_neox_folder), device="cpu")
    a, b, *_ = exact_solutions
    assert api.check(model, a).exact
    for ask in (api.check, api.look_inside):
        with pytest.raises(ModelError, match="other weights"):
            ask(other, a)
    with pytest.raises(ModelError, match="other weights"):
        api.connect(other, a, b)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"recipe": "dream"}, "no recipe"), ({"restarts": 0}, "restarts"), ({"length": 0}, "length")],
)
def test_bad_input_is_a_sentence(
    model: api.Model, change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadInputError, match=sentence):
        api.train(model, "The heron waits by", **QUICK | change)


@pytest.mark.parametrize(
    ("change", "sentence"), [({"max_steps": -3}, "max_steps"), ({"max_step": 9}, "no setting")]
)
def test_a_copy_of_a_recipe_is_checked(
    model: api.Model,
    exact_solutions: list[api.Solution],
    change: dict[str, object],
    sentence: str,
) -> None:
    recipe = api.preset("fast").model_copy(update=change)
    with pytest.raises(BadInputError, match=sentence):
        api.train(model, "The heron waits by", **QUICK | {"recipe": recipe})
    curve = api.PathRecipe().model_copy(update=change)
    with pytest.raises(BadInputError, match=sentence):
        api.connect(model, *exact_solutions[:2], recipe=curve)
