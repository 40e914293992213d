"""The converted folder says what the arrays say, computed by hand as that model is written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from explorer.model.pool import ModelPool
from tools import glassllm

WORDS = {"alphabet": ["▁", "a", "b", "\n"], "merges": [["a", "b"], ["▁", "ab"]]}
CONFIG = {
    "vocab_size": 10, "d_model": 8, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "max_len": 16,
    "rope_base": 100.0, "eps": 1e-6,
}  # fmt: skip


def made() -> dict[str, NDArray[Any]]:
    draw = np.random.default_rng(0)
    shapes = {
        "attn.W_Q": (8, 8), "attn.W_K": (8, 4), "attn.W_V": (8, 4), "attn.W_O": (8, 8),
        "ffn.W1": (8, 21), "ffn.W3": (8, 21), "ffn.W2": (21, 8), "norm1.gamma": 8, "norm2.gamma": 8,
    }  # fmt: skip
    arrays = {
        f"blocks.{k}.{name}": draw.normal(size=shape)
        for k in range(2)
        for name, shape in shapes.items()
    }
    arrays |= {"E": draw.normal(size=(10, 8)), "norm_f.gamma": draw.normal(size=8)}
    return arrays | {"__config__": np.array(json.dumps(CONFIG))}


def logits(arrays: dict[str, NDArray[Any]], ids: list[int]) -> NDArray[Any]:
    """Return what the model outputs: neighbouring coordinates are turned together."""

    def normed(x: NDArray[Any], gamma: NDArray[Any]) -> NDArray[Any]:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * gamma

    def turned(x: NDArray[Any]) -> NDArray[Any]:
        angles = np.outer(np.arange(len(x)), 100.0 ** (-2.0 * np.arange(2) / 4))
        pairs = (x[:, 0::2] + 1j * x[:, 1::2]) * np.exp(1j * angles)
        return np.stack([pairs.real, pairs.imag], axis=-1).reshape(x.shape)

    x, n = arrays["E"][ids], len(ids)
    for layer in range(2):
        of = {name: arrays[f"blocks.{layer}.{name}"] for name in glassllm.OF_LAYER}
        h, heads = normed(x, of["norm1.gamma"]), []
        key, value = turned(h @ of["attn.W_K"]), h @ of["attn.W_V"]
        for query in np.split(h @ of["attn.W_Q"], 2, axis=1):
            weights = np.exp(turned(query) @ key.T / 2) * np.tril(np.ones((n, n)))
            heads.append(weights / weights.sum(-1, keepdims=True) @ value)
        x = x + np.concatenate(heads, axis=1) @ of["attn.W_O"]
        h = normed(x, of["norm2.gamma"])
        gate = h @ of["ffn.W1"]
        x = x + (gate / (1 + np.exp(-gate)) * (h @ of["ffn.W3"])) @ of["ffn.W2"]
    found: NDArray[Any] = normed(x, arrays["norm_f.gamma"]) @ arrays["E"].T
    return found


def test_the_folder_outputs_what_the_arrays_say(tmp_path: Path) -> None:
    arrays, ids = made(), [4, 9, 5, 8, 6]
    glassllm.convert(arrays, WORDS, tmp_path)
    model = ModelPool(torch.device("cpu")).get(tmp_path, "glass", torch.float32)
    with torch.no_grad():
        found = model.network(torch.tensor([ids])).logits[0].numpy()
    assert found == pytest.approx(logits(arrays, ids), abs=1e-4)


def test_texts_come_apart_and_together_again() -> None:
    words = glassllm.tokenizer(WORDS)
    assert words.encode("ab ab\nba").ids == [8, 9, 7, 6, 5]
    assert words.decode([8, 9, 7, 6, 5]) == "ab ab\nba"
    assert words.encode("z").ids == [1]
