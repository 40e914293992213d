"""The body written out gives what transformers and autograd give."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from explorer.model import attention, head
from explorer.model.frozen import FrozenModel
from explorer.model.llama import LlamaBody
from explorer.model.metrics import generate

LoadModel = Callable[..., FrozenModel]


def _network(**changed: object) -> LlamaForCausalLM:
    torch.manual_seed(0)
    settings = {
        "vocab_size": 60,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
    }
    network = LlamaForCausalLM(LlamaConfig(**settings | changed)).eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if "norm" in name:
            weight.data = 0.5 + torch.rand_like(weight)
    return network


SCALED = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16, "rope_theta": 500.0}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [{}, {"num_key_value_heads": 6}, {"num_key_value_heads": 1}, {"head_dim": 10},
     {"rope_parameters": SCALED}],
    ids=["grouped", "multi-head", "multi-query", "wide heads", "llama3 rope"],
)  # fmt: skip
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 9)])
@pytest.mark.parametrize("block", [128, 4])
def test_hidden_states_and_gradient_are_those_of_the_network(
    changed: dict[str, object],
    rows: int,
    length: int,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    network = _network(**changed)
    inputs = torch.randn(rows, length, 24, requires_grad=True)
    expected = network.model(inputs_embeds=inputs).last_hidden_state
    direction = torch.randn_like(expected)
    (by_inputs,) = torch.autograd.grad(expected, inputs, direction)
    body = LlamaBody(network)
    done = body.forward([inputs], torch.float32)
    torch.testing.assert_close(done.by_batch(done.hidden)[0], expected, rtol=1e-4, atol=1e-5)
    (ours,) = done.by_batch(body.backward(done, direction.flatten(0, 1)))
    torch.testing.assert_close(ours, by_inputs, rtol=1e-4, atol=1e-4 * float(by_inputs.abs().max()))
    assert by_inputs.abs().max() > 1e-3


def test_joining_weights_leaves_the_network_as_it_was() -> None:
    network = _network()
    ids = torch.arange(12)[None]
    weights = {name: w.clone() for name, w in network.state_dict().items()}
    before = network(input_ids=ids).logits
    body = LlamaBody(network)
    assert torch.equal(network(input_ids=ids).logits, before)
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    joined = body.layers[0].qkv.untyped_storage().data_ptr()
    held = network.model.layers[0].self_attn.k_proj.weight.untyped_storage().data_ptr()
    assert joined == held  # one copy in memory


@pytest.mark.parametrize(
    "changed", [{"attention_bias": True}, {"mlp_bias": True}, {"hidden_act": "gelu"}]
)
def test_other_bodies_are_left_to_transformers(changed: dict[str, object]) -> None:
    assert not LlamaBody.supports(_network(**changed))
    assert LlamaBody.supports(_network())


def test_a_body_that_does_not_agree_is_not_used(
    load_model: LoadModel, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_model(tiny_llama_folder).body is not None
    monkeypatch.setattr("explorer.model.llama.rotate", lambda x, *_, **__: x)
    model = load_model(tiny_llama_folder)
    assert model.body is None and model.head is not None
    plain = AutoModelForCausalLM.from_pretrained(tiny_llama_folder)
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    with torch.no_grad():
        torch.testing.assert_close(model.token_logits(ids), plain(ids).logits)


@pytest.fixture
def bfloat16_folder(copied_folder: Callable[[Path], Path], tiny_llama_folder: Path) -> Path:
    folder = copied_folder(tiny_llama_folder)
    file = folder / "model.safetensors"
    save_file({k: v.bfloat16() for k, v in load_file(file).items()}, file, {"format": "pt"})
    return folder


@pytest.mark.parametrize("tokens_cast_at_a_time", [head.PART, 37])
def test_float32_out_of_bfloat16_weights_is_the_float32_model(
    load_model: LoadModel,
    bfloat16_folder: Path,
    tokens_cast_at_a_time: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stored bfloat16 weights upcast, which is what float32 means everywhere in this project."""
    monkeypatch.setattr(head, "PART", tokens_cast_at_a_time)
    shared = load_model(bfloat16_folder, dtype=torch.bfloat16).in_float32()
    assert shared is not None and shared.dtype == torch.float32
    assert next(shared.network.parameters()).dtype == torch.bfloat16  # no second copy
    plain = AutoModelForCausalLM.from_pretrained(bfloat16_folder, dtype=torch.float32)
    inputs = torch.randn(2, 6, shared.d_model)
    targets = torch.randint(0, 50, (2, 5))
    with torch.no_grad():
        torch.testing.assert_close(
            shared.logits(inputs), plain(inputs_embeds=inputs).logits, rtol=1e-4, atol=1e-5
        )
    wanted = inputs.clone().requires_grad_()
    logits = plain(inputs_embeds=wanted).logits[:, 1:]
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / 5
    (expected,) = torch.autograd.grad(loss, wanted)
    measured, gradient = shared.loss_and_gradient(inputs, targets, 1)
    torch.testing.assert_close(measured.loss.sum() / 5, loss.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5)


def test_weights_that_lose_something_in_bfloat16_are_not_shared(
    load_model: LoadModel, tiny_llama_folder: Path, tiny_neox_folder: Path
) -> None:
    assert load_model(tiny_llama_folder, dtype=torch.bfloat16).in_float32() is None
    assert load_model(tiny_neox_folder, dtype=torch.bfloat16).in_float32() is None


def test_measuring_without_a_gradient_gives_the_same_numbers(
    load_model: LoadModel, tiny_llama_folder: Path, tiny_neox_folder: Path
) -> None:
    for folder in (tiny_llama_folder, tiny_neox_folder):
        model = load_model(folder)
        inputs, targets = torch.randn(3, 7, model.d_model), torch.randint(0, 50, (3, 6))
        with_gradient, _ = model.loss_and_gradient(inputs, targets, 1, detail=True)
        alone = model.measure(inputs, targets, 1, detail=True)
        for name in ("loss", "margin", "p"):
            torch.testing.assert_close(getattr(alone, name), getattr(with_gradient, name))
        for name in ("correct", "predicted", "rank"):
            assert torch.equal(getattr(alone, name), getattr(with_gradient, name))


CONTEXTS = [[3 * k % 60 + 2, k + 1, *range(5, 5 + k % 4)] for k in range(24)]


@pytest.mark.parametrize("seed", [None, 7], ids=["likeliest", "sampled"])
def test_float32_out_of_bfloat16_weights_generates_what_the_float32_model_does(
    load_model: LoadModel, bfloat16_folder: Path, seed: int | None
) -> None:
    """24 continuations of 24 tokens; the weights' format in memory decides none of them (D4)."""
    fast = load_model(bfloat16_folder, dtype=torch.bfloat16)
    shared, exact = fast.in_float32(), load_model(bfloat16_folder)
    assert shared is not None
    made = {
        name: [list(generate(model, ids, 24, seed=seed)) for ids in CONTEXTS]
        for name, model in {"fast": fast, "shared": shared, "exact": exact}.items()
    }
    assert made["shared"] == made["exact"]
    assert made["fast"] != made["exact"]  # these texts do tell the formats apart


@pytest.mark.parametrize("block", [128, 3])
@pytest.mark.parametrize("kind", ["llama", "neox", "shared"])
def test_going_on_gives_the_logits_of_the_whole_sequence(
    load_model: LoadModel,
    tiny_llama_folder: Path,
    tiny_neox_folder: Path,
    bfloat16_folder: Path,
    kind: str,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Piece by piece with a KV cache, against plain transformers in float32 at once."""
    monkeypatch.setattr(attention, "BLOCK", block)
    folder = {"llama": tiny_llama_folder, "neox": tiny_neox_folder, "shared": bfloat16_folder}[kind]
    model = load_model(folder, dtype=torch.bfloat16 if kind == "shared" else torch.float32)
    model = (model.in_float32() or model) if kind == "shared" else model
    assert model.dtype == torch.float32
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    inputs = torch.randn(1, 12, model.d_model)
    with torch.no_grad():
        expected = plain(inputs_embeds=inputs).logits[0]
    past = None
    for start, end in ((0, 5), (5, 6), (6, 11), (11, 12)):
        logits, past = model.go_on(inputs[:, start:end], past)
        assert logits.dtype == torch.float32
        torch.testing.assert_close(logits, expected[end - 1], rtol=1e-4, atol=1e-5)
