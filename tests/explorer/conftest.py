"""What tests of the torch side share: tiny models loaded once a module, and made-up solutions."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.solutions.solution import Solution


@pytest.fixture(scope="module")
def load_model(
    one_thread: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., "FrozenModel"]:
    """`models.load` on the CPU, with fingerprints kept in a folder of the tests' own."""
    from explorer.model import loading

    cache = tmp_path_factory.mktemp("module-cache")

    def load(folder: Path, **options: Any) -> "FrozenModel":
        import torch

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EXPLORER_CACHE", str(cache))
            return loading.load(folder, device=torch.device("cpu"), **options)

    return load


@pytest.fixture(scope="module")
def llama(load_model: Callable[..., "FrozenModel"], tiny_llama_folder: Path) -> "FrozenModel":
    return load_model(tiny_llama_folder, name="tiny-llama")


@pytest.fixture(scope="module")
def neox(load_model: Callable[..., "FrozenModel"], tiny_neox_folder: Path) -> "FrozenModel":
    return load_model(tiny_neox_folder, name="tiny-neox")


@pytest.fixture(scope="module")
def gpt2(
    load_model: Callable[..., "FrozenModel"], tmp_path_factory: pytest.TempPathFactory
) -> "FrozenModel":
    """A random GPT-2 of the tiny models' sizes: its body is transformers' own."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from benchmarks import tiny

    folder = tmp_path_factory.mktemp("models") / "tiny-gpt2"
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
    config = GPT2Config(
        vocab_size=tiny.VOCABULARY, initializer_range=0.2, bos_token_id=0, eos_token_id=0, **sizes
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tiny.save_tokenizer(folder, bos="<|endoftext|>")
    return load_model(folder, name="tiny-gpt2")


@pytest.fixture(scope="session")
def make_solution() -> Callable[..., "Solution"]:
    """Make a solution of random numbers; keywords replace fields of its record."""
    from explorer.solutions.solution import Solution, SolutionRecord
    from explorer.specs.recipes import FAST

    def make(d_model: int = 4, target_ids: tuple[int, ...] = (5, 3, 8), **fields: Any) -> Solution:
        record = SolutionRecord.model_validate(
            {
                "id": "0123456789ab-00000001",
                "made_from": "0123456789ab",
                "model": "tiny",
                "fingerprint": "f" * 64,
                "arrangement": "e+mN",
                "recipe": FAST,
                "seed": 0,
                "text": "naïve “heron” 👩‍🚀",
                "accuracy": 2 / 3,
                "exact": False,
                "c_tokens": 2,
                "h_lm": 4.5,
                "h_lm_terms": 3,
                "loss": 0.25,
                "steps": 7,
                "seconds": 0.5,
                "created": "2026-01-02T03:04:05+00:00",
            }
            | fields
        )
        draw = np.random.default_rng(record.seed)
        e, m = draw.normal(size=(2, d_model)).astype(np.float32)
        return Solution(e, m, np.array(target_ids, dtype=np.int64), record)

    return make


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the folder of results that ship with the project."""
    from explorer.base import folders

    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "recorded")
    return tmp_path / "recorded"


@pytest.fixture
def kept(make_solution: Callable[..., "Solution"], shipped: Path) -> Callable[..., "Solution"]:
    """Store a solution with an id, a seed and a time that follow from a number, in its own run."""
    from explorer.solutions import store

    def keep(number: int, *, run: str | None = None, **fields: Any) -> "Solution":
        named = {
            "id": f"{number:012x}-00000000",
            "seed": number,
            "created": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}+00:00",
        }
        solution = make_solution(**named | fields)
        store.keep(solution, run or f"run{number}")
        return solution

    return keep


@pytest.fixture
def record_run() -> Callable[..., "Path"]:
    """Write a recording of some frames into a folder."""
    from explorer.solutions import store
    from explorer.solutions.recording import Recording, RecordingHeader

    def record(folder: Path, seeds: tuple[int, ...] = (1,), frames: int = 3) -> Path:
        header = RecordingHeader(
            model="tiny",
            target_ids=[5, 3, 8],
            seeds=list(seeds),
            d_model=4,
            arrangement="e+mN",
            title="Own text",
            pieces={5: "a", 3: "b", 8: "c", 0: "?"},
        )
        made = np.zeros(frames, dtype=header.frame_dtype)
        made["step"] = made["steps"][:, 0] = np.arange(frames)
        folder.mkdir(parents=True, exist_ok=True)
        return Recording(header, made).save(folder / store.RECORDING)

    return record
