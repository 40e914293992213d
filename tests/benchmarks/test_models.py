"""A dozen families, put through the five checks of `python -m benchmarks.models`."""

from pathlib import Path

import pytest
import torch

from benchmarks import models
from benchmarks.models import Tried, table, try_family


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "kind",
    ["bloom", "falcon", "gemma2", "gpt2", "gpt_neo", "gpt_neox", "llama", "mamba", "mistral",
     "opt", "qwen2", "qwen3", "xglm"],
)  # fmt: skip
def test_families_that_people_bring_work(kind: str, tmp_path: Path, own_cache: Path) -> None:
    tried = try_family(kind, tmp_path)
    assert (tried.outcome, tried.why) == ("works", "")
    assert tried.leak < 1e-4 and tried.gradient < 1e-3 and 0 < tried.steps <= 1_500


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("gemma3n_text", "Choose another"),
        ("musicgen", "ForCausalLM"),
        ("gemma3n", "needs a package"),
        ("gemma4_assistant", "drafts tokens"),
    ],
)
def test_the_others_say_why(kind: str, why: str, tmp_path: Path, own_cache: Path) -> None:
    tried = try_family(kind, tmp_path)
    assert tried.outcome == "refused" and why in tried.why


def test_the_checks_find_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    from explorer.model import probes

    build = models.build
    monkeypatch.setattr(models, "build", lambda kind, at: build(kind, at, is_decoder=False))
    monkeypatch.setattr(probes, "_require_causal", lambda *_: None)
    assert try_family("bert", tmp_path).why == "not causal, and not refused"


def test_the_table_counts_and_escapes() -> None:
    found = [
        Tried("llama", "works", path="body", steps=12),
        Tried("gpt2", "works", path="head", steps=9),
        Tried("bert", "refused", "It is a|b."),
    ]
    text = table(found)
    assert "Of 3 types **2 work**: 1 on the fast path" in text
    assert "| bert | refused |  |  |  | It is a\\|b. |" in text
    assert text.index("| bert") < text.index("| gpt2") < text.index("| llama")
