"""What families of models do differently: followed, or refused in a sentence while loading."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.models import build
from explorer.assets.model_files import read_facts
from explorer.base.errors import ModelError
from explorer.model import loading
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.specs.recipes import INDEPENDENT as USUAL
from explorer.training.trainer import Row, Trainer
from tests.explorer.model.networks import loss_and_gradient

Load = Callable[..., FrozenModel]


@pytest.fixture
def family(tmp_path: Path) -> Callable[..., Path]:
    """Save the smallest random model of a type; keywords change its configuration."""

    def make(kind: str, network_class: Any = None, **changes: Any) -> Path:
        return build(kind, tmp_path / kind, network_class, **changes)

    return make


def _inputs(model: FrozenModel, length: int = 6) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(1, length, model.d_model, generator=draw)
    return model.embedding_mean + 2 * model.embedding_std * noise


def _plain_gradient(model: FrozenModel, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
    given = inputs.clone().requires_grad_()
    logits = model.network(inputs_embeds=given * 1, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits[0, -targets.shape[1] :], targets[0])
    return torch.autograd.grad(loss, given)[0]


@pytest.mark.parametrize(
    ("kind", "changes", "advice"),
    [
        ("bert", {"is_decoder": False}, "set is_decoder to true"),
        ("xlm", {"causal": False}, "set causal to true"),
        ("xlnet", {}, "come later. Choose another"),
    ],
)
def test_a_model_that_sees_later_positions_is_refused(
    load_model: Load, family: Callable[..., Path], kind: str, changes: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ModelError, match=rf"not causal.*{advice}"):
        load_model(family(kind, **changes))


def test_a_leak_through_nearly_equal_weights_is_seen(
    load_model: Load, family: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match="not causal"):
        load_model(family("bert", is_decoder=False, initializer_range=0.005))


@pytest.mark.parametrize("kind", ["gemma3n_text", "gemma4_text"])
def test_models_that_look_up_more_for_a_token_are_refused(
    load_model: Load, family: Callable[..., Path], kind: str
) -> None:
    with pytest.raises(ModelError, match=r"looks up more for a token|but those of its tokens"):
        load_model(family(kind))


def test_inputs_are_not_changed_by_a_network_that_works_in_place(
    load_model: Load, family: Callable[..., Path]
) -> None:
    """CTRL multiplies its inputs by the root of their width, where they lie."""
    model = load_model(family("ctrl"))
    inputs, targets = _inputs(model), torch.tensor([[7, 8, 9]])
    before = inputs.clone()
    with torch.no_grad():
        twice = [model.logits(inputs) for _ in range(2)]
    assert torch.equal(inputs, before) and torch.equal(*twice)
    model.measure(inputs, targets)
    model.go_on(inputs)
    _, gradient = loss_and_gradient(model, inputs, targets, 3)
    assert torch.equal(inputs, before)
    expected = _plain_gradient(model, inputs, targets)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("kind", "remembers"), [("mamba", False), ("gpt2", True)])
def test_text_goes_on_as_if_it_was_read_from_the_beginning(
    load_model: Load, family: Callable[..., Path], kind: str, remembers: bool
) -> None:
    model = load_model(family(kind))
    assert model.remembers is remembers
    ids = [5, 6]
    for token in generate(model, [5, 6], 4):
        with torch.no_grad():
            whole = model.network(input_ids=torch.tensor([ids]), use_cache=False).logits
        assert token == int(whole[0, -1].argmax())
        ids.append(token)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gemma2", {"final_logit_softcapping": 30.0, "initializer_range": 0.02}),
        ("recurrent_gemma", {"logits_soft_cap": 30.0, "initializer_range": 0.02}),
        ("granite", {"logits_scaling": 4.0}),
        ("cohere", {"logit_scale": 0.5}),
    ],
)
def test_heads_that_cap_or_scale_are_not_taken_for_plain_ones(
    load_model: Load, family: Callable[..., Path], kind: str, changes: dict[str, Any]
) -> None:
    assert load_model(family(kind, **changes)).head is None


@pytest.mark.parametrize("larger", [1.0, 200.0])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gemma2", {"final_logit_softcapping": 30.0}),
        ("gemma2", {"final_logit_softcapping": None}),
        ("cohere", {"logit_scale": 0.0625}),
        ("cohere", {"logit_scale": 1.0}),
        ("granite", {"logits_scaling": 8.0}),
    ],
)
def test_small_logits_and_large_ones_give_the_loss_of_transformers(
    load_model: Load,
    family: Callable[..., Path],
    kind: str,
    changes: dict[str, Any],
    larger: float,
) -> None:
    """The loss by its own labels; long final states bring the logits to where a cap tells."""
    from safetensors.torch import load_file, save_file

    folder = family(kind, initializer_range=0.02, **changes)
    tensors = load_file(folder / "model.safetensors")
    norm = next(
        name for name in ("model.norm.weight", "model.final_norm.weight") if name in tensors
    )
    tensors[norm] = tensors[norm] * larger + (larger - 1 if kind == "gemma2" else 0)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    model = load_model(folder)
    inputs, targets = _inputs(model), torch.tensor([[7, 8, 9, 10, 11]])
    with torch.no_grad():
        labels = torch.cat([torch.tensor([[-100]]), targets], 1)  # transformers shifts them
        theirs = model.network(inputs_embeds=inputs.clone(), labels=labels, use_cache=False)
    measured = model.measure(inputs, targets)
    torch.testing.assert_close(measured.loss.mean(), theirs.loss, rtol=1e-4, atol=1e-5)
    assert (theirs.logits.abs().max() > 3) == (larger > 1)


def test_what_a_configuration_says_of_its_logits_needs_no_probe(
    load_model: Load, family: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "FAR", 1e-3)  # where no cap tells
    folder = family("gemma2", final_logit_softcapping=30.0, initializer_range=0.002)
    assert load_model(folder).head is None


@pytest.mark.parametrize("cap", [None, 30.0])
def test_a_head_without_its_cap_is_a_plain_one(
    load_model: Load, family: Callable[..., Path], cap: float | None
) -> None:
    model = load_model(family("gemma2", final_logit_softcapping=cap))
    assert (model.head is None) == (cap is not None)


def test_the_width_is_that_of_the_input_embeddings(
    load_model: Load, family: Callable[..., Path]
) -> None:
    """As in OPT-350m, whose embeddings are projected to the hidden size and back."""
    folder = family("opt", word_embed_proj_dim=16)
    model = load_model(folder)
    assert read_facts(folder).d_model == model.d_model == 16
    inputs, targets = _inputs(model), torch.tensor([[7, 8, 9]])
    _, gradient = loss_and_gradient(model, inputs, targets, 3)
    expected = _plain_gradient(model, inputs, targets)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "positions"), [("roberta", 127), ("opt", 128), ("gpt2", 128), ("biogpt", 128)]
)
def test_inputs_may_be_as_long_as_the_table_of_positions(
    load_model: Load, family: Callable[..., Path], kind: str, positions: int
) -> None:
    """RoBERTa begins to count behind its padding token's id, which is 0 here."""
    model = load_model(family(kind))
    assert model.max_positions == positions
    with torch.no_grad():
        assert model.logits(_inputs(model, positions)).isfinite().all()
        with pytest.raises((IndexError, RuntimeError)):
            model.logits(_inputs(model, positions + 1))


@pytest.mark.parametrize("tokens", [12, 23])
def test_a_few_tokens_are_not_taken_for_positions(
    load_model: Load, family: Callable[..., Path], tokens: int
) -> None:
    """As in models of amino acids: the probe's tokens are neighbours in their table."""
    model = load_model(family("gpt2", vocab_size=tokens))
    assert (model.vocabulary, model.max_positions) == (tokens, 128)


def test_the_text_part_of_a_multimodal_model_is_used(
    load_model: Load, family: Callable[..., Path]
) -> None:
    from transformers import Qwen3_5ForConditionalGeneration

    folder = family("qwen3_5", Qwen3_5ForConditionalGeneration)
    assert "Conditional" in json.loads((folder / "config.json").read_text())["architectures"][0]
    model, facts = load_model(folder), read_facts(folder)
    assert (facts.d_model, facts.vocab_size) == (model.d_model, model.vocabulary) == (32, 300)
    assert facts.max_positions == model.max_positions == 128


def test_a_multimodal_model_without_a_text_part_of_its_own_is_refused(
    tiny_llama_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    folder = copied_folder(tiny_llama_folder)
    config = {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "text_config": json.loads((folder / "config.json").read_text()),
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="no text model out of it"):
        read_facts(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_computed_in_float32(
    load_model: Load, family: Callable[..., Path], tmp_path: Path, dtype: torch.dtype
) -> None:
    from transformers import AutoModelForCausalLM

    folder = family("gpt2")
    network: Any = AutoModelForCausalLM.from_pretrained(folder)
    network.to(dtype).save_pretrained(tmp_path / "half")
    for file in folder.glob("tokenizer*"):
        shutil.copy(file, tmp_path / "half")
    model = load_model(tmp_path / "half")
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    inputs, targets = _inputs(model), torch.tensor([[7, 8, 9]])
    _, gradient = loss_and_gradient(model, inputs, targets, 3)
    expected = _plain_gradient(model, inputs, targets)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_weights_that_are_no_numbers_are_said(
    load_model: Load, family: Callable[..., Path]
) -> None:
    from safetensors.torch import load_file, save_file

    folder = family("gpt2")
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.h.0.attn.c_attn.weight"].fill_(float("nan"))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not finite numbers"):
        load_model(folder)


@pytest.mark.parametrize("cap", [None, 30.0])
def test_a_gemma_says_a_text_with_the_pages_recipe_with_and_without_its_cap(
    load_model: Load, family: Callable[..., Path], cap: float | None
) -> None:
    """A toy of 32 dimensions needs a quarter of the rate, as a Gemma without any cap does."""
    wide = {"hidden_size": 128, "intermediate_size": 64, "initializer_range": 0.2}
    model = load_model(family("gemma2", final_logit_softcapping=cap, **wide))
    texts = [(7, 80, 200), (31, 5, 120)]
    trainer = Trainer(model, [Row(text, seed) for seed, text in enumerate(texts)], "e+mN", USUAL)
    for _ in range(100):
        if not trainer.finished:
            trainer.step()
    assert (trainer.report(detailed=False).accuracy == 1).all()
