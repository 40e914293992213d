"""What documents tell people to run gives what they say."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.base import folders
from explorer.model import metrics
from explorer.solutions.solution import save_solution
from explorer.specs.arrangements import ARRANGEMENTS, KEYS, ArrangementKey

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.solutions.solution import Solution

N = 7
"""Odd: the halves differ in length, and taking turns ends with e."""


@pytest.fixture
def check(
    tmp_path: Path,
    tiny_llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[["Solution"], float]:
    """Run the check by hand of docs/files.md on a solution's file; return what it prints."""
    text = (folders.PROJECT / "docs" / "files.md").read_text()
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "safe_open" in b)

    def run(solution: "Solution") -> float:
        save_solution(solution, tmp_path / "solution.safetensors")
        monkeypatch.chdir(tmp_path)
        exec(block, {"model_path": tiny_llama_folder})  # the document's own lines
        return float(capsys.readouterr().out)

    return run


@pytest.fixture
def exact(
    llama: "FrozenModel", make_solution: Callable[..., "Solution"]
) -> Callable[[ArrangementKey], "Solution"]:
    """Make an exact solution of an arrangement: random vectors, and what they make it say."""

    def make(key: ArrangementKey) -> "Solution":
        drawn = np.random.default_rng(5).standard_normal((2, llama.d_model))
        e, m = (llama.embedding_std * drawn).astype(np.float32)
        said = metrics.score(llama, e, m, [0] * N, key).predicted
        assert metrics.score(llama, e, m, said.tolist(), key).exact
        made = make_solution(
            llama.d_model,
            tuple(said.tolist()),
            arrangement=key,
            sink=llama.sink if ARRANGEMENTS[key].has_sink else None,
            exact=True,
        )
        return type(made)(e, m, said, made.record)

    return make


def test_the_check_by_hand_confirms_every_arrangement(
    exact: Callable[[ArrangementKey], "Solution"], check: Callable[["Solution"], float]
) -> None:
    solutions = {key: exact(key) for key in KEYS}
    assert len({s.target_ids.tobytes() for s in solutions.values()}) == len(KEYS)
    assert {key: check(solution) for key, solution in solutions.items()} == dict.fromkeys(KEYS, 1.0)


def test_the_check_by_hand_counts_a_wrong_token(
    exact: Callable[[ArrangementKey], "Solution"], check: Callable[["Solution"], float]
) -> None:
    solution = exact("e+mN")
    solution.target_ids[3] += 1
    assert check(solution) == pytest.approx((N - 1) / N)
