"""Small random networks of every family whose body is written out, as transformers builds them."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks import tiny
from explorer.model import passes
from explorer.model.frozen import FrozenModel
from explorer.model.head import TokenStatistics

SIZES: dict[str, Any] = {
    "vocab_size": tiny.VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2}
MIXED = {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}
SCALED = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16, "rope_theta": 500.0}  # fmt: skip

PLAIN: dict[str, dict[str, Any]] = {
    "llama": GROUPED,
    "mistral": GROUPED,
    "qwen2": GROUPED,
    "qwen3": GROUPED | {"head_dim": 10},
    "gpt_neox": {"hidden_size": 48},
}
"""Each family as its models usually are."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, multi-head": ("llama", {"num_key_value_heads": 6}),
    "llama, multi-query": ("llama", {"num_key_value_heads": 1}),
    "llama, wide heads": ("llama", {"head_dim": 10}),
    "llama, scaled positions": ("llama", {"rope_parameters": SCALED}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, GELU": ("llama", {"hidden_act": "gelu"}),
    "mistral": ("mistral", {}),
    "mistral, window in reach": ("mistral", {"sliding_window": 3}),
    "mistral, no window": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen2, windows in some layers": ("qwen2", MIXED),
    "qwen3": ("qwen3", {}),
    "qwen3, biases": ("qwen3", {"attention_bias": True}),
    "qwen3, windows in some layers": ("qwen3", MIXED),
    "gpt_neox": ("gpt_neox", {}),
    "gpt_neox, one after the other": ("gpt_neox", {"use_parallel_residual": False}),
    "gpt_neox, all turned": ("gpt_neox", {"rotary_pct": 1.0}),
    "gpt_neox, no biases, tanh": ("gpt_neox", {"attention_bias": False, "hidden_act": "gelu_new"}),
}
"""Name by name, the family and what is changed in it."""


def network(family: str, **changed: Any) -> Any:
    """Return a random network, frozen, whose norms and biases differ from one and zero."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SIZES | PLAIN[family] | changed)
    made = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if "norm" in name and name.endswith("weight"):
            weight.data = 0.5 + torch.rand_like(weight)
        elif name.endswith("bias"):
            weight.data = 0.3 * torch.randn_like(weight)
    return made


def save(made: Any, folder: Path) -> Path:
    """Save a network with a tokenizer of as many tokens."""
    made.save_pretrained(folder)
    tiny.save_tokenizer(folder, bos="<|begin_of_text|>")
    return folder


def loss_and_gradient(
    model: FrozenModel, inputs: Tensor, targets: Tensor, first: int = 0, *, detail: bool = False
) -> tuple[TokenStatistics, Tensor]:
    """Run a pass over one batch alone."""
    return passes.loss_and_gradient(model, [passes.Batch(inputs, targets, first)], detail=detail)[0]
