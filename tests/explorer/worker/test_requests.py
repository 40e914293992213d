from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError, CorruptFileError, MissingAssetError, ModelError
from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import Solution, save_solution
from explorer.specs import recipes
from explorer.training import Row, Trainer
from explorer.worker import requests

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool

Save = Callable[..., Path]
TARGET = (7, 40, 12)


@pytest.fixture(scope="module")
def trained(llama: FrozenModel) -> tuple[np.ndarray, np.ndarray, str]:
    """Return e and m that say TARGET on the tiny model, and its fingerprint."""
    recipe = recipes.FAST.model_copy(update={"precision": "float32", "max_steps": 300})
    trainer = Trainer(llama, [Row(TARGET, seed) for seed in range(3)], "e+mN-1", recipe)
    while not trainer.finished:
        trainer.step()
    best = max((trainer.outcome(k) for k in range(3)), key=lambda found: found.score.accuracy)
    assert best.score.exact
    return best.e, best.m, llama.fingerprint


@pytest.fixture
def save(
    make_solution: Callable[..., Solution],
    trained: tuple[np.ndarray, np.ndarray, str],
    tiny_llama_folder: Path,
    tmp_path: Path,
) -> Save:
    """Write the trained pair as a file whose record says what a test wants."""

    def write(target: tuple[int, ...] = TARGET, **fields: Any) -> Path:
        e, m, fingerprint = trained
        usual = {"model": str(tiny_llama_folder), "fingerprint": fingerprint}
        record = make_solution(**usual | {"arrangement": "e+mN-1"} | fields).record
        solution = Solution(e, m, np.array(target, dtype=np.int64), record)
        return save_solution(solution, tmp_path / "solution.safetensors")

    return write


def _decode(path: Path, pool: "ModelPool", **payload: Any) -> dict[str, Any]:
    return requests.answer("decode", {"solution": str(path)} | payload, pool)


def test_a_solution_says_its_text(save: Save, pool: "ModelPool", tiny_llama_folder: Path) -> None:
    answer = _decode(save(), pool)
    assert answer["predicted"] == list(TARGET) and answer["accuracy"] == 1.0
    assert answer["rank"] == [1, 1, 1]
    assert all(0 < p <= 1 for p in answer["p"])
    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    assert answer["text"] == model.tokenizer.decode(list(TARGET))


def test_another_target_is_measured_against_what_is_said(save: Save, pool: "ModelPool") -> None:
    answer = _decode(save((7, 40, 13)), pool)
    assert answer["predicted"] == list(TARGET)
    assert answer["accuracy"] == pytest.approx(2 / 3)
    assert answer["rank"][:2] == [1, 1] and answer["rank"][2] > 1


def test_another_arrangement_says_something_else(save: Save, pool: "ModelPool") -> None:
    answer = _decode(save(arrangement="e"), pool)
    assert len(answer["predicted"]) == 3 and answer["predicted"] != list(TARGET)


def test_it_decodes_in_another_number_format(save: Save, pool: "ModelPool") -> None:
    exact = _decode(save(), pool)
    coarse = _decode(save(), pool, precision="bfloat16")
    assert coarse["p"] != exact["p"]
    assert coarse["p"] == pytest.approx(exact["p"], abs=0.2)


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "other weights": (
        {"fingerprint": "0123456789" + "0" * 54},
        ModelError,
        r"trained on other weights .*\(fingerprint 01234567 against [0-9a-f]{8}\)",
    ),
    "not here": (
        {"model": "nobody/nothing"},
        MissingAssetError,
        "nobody/nothing is not downloaded yet",
    ),
    "unknown": ({"model": "no such model"}, ModelError, "There is no model"),
    "moved": ({"model": "/nowhere/at/all"}, ModelError, "There is no model folder"),
}


@pytest.mark.parametrize(("fields", "error", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_decoded_is_said(
    save: Save, pool: "ModelPool", fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        _decode(save(**fields), pool)


def test_a_file_that_is_missing_or_damaged_is_said(
    save: Save, pool: "ModelPool", tmp_path: Path
) -> None:
    with pytest.raises(CorruptFileError, match=r"There is no file gone\.safetensors"):
        _decode(tmp_path / "gone.safetensors", pool)
    path = save()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptFileError, match="damaged"):
        _decode(path, pool)


@pytest.mark.parametrize("kind", ["", "train", "Decode"])
def test_an_unknown_question_is_said(kind: str, pool: "ModelPool") -> None:
    with pytest.raises(BadInputError, match=f"no question of the kind “{kind}”"):
        requests.answer(kind, {}, pool)
