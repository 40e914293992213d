"""Against an independent computation: plain transformers, hidden states, eager attention, masks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.models import build
from explorer.base.errors import ModelError
from explorer.model import inside
from explorer.model.frozen import FrozenModel
from explorer.model.loading import load
from explorer.runtime.interruption import Interrupted, abandonable, listening
from tests.explorer.model import networks

L, FIRST = 9, 1
OTHERS: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "opt": {"word_embed_proj_dim": 24, "ffn_dim": 40},
    "falcon": {},
    "falcon, slopes": {"alibi": True},
    "gemma2": {"head_dim": 4, "num_key_value_heads": 2, "final_logit_softcapping": 2.0},
    "cohere": {"logit_scale": 0.3, "num_key_value_heads": 2},
}
"""Families that are not written out; the last two change their logits after the head."""


def _other(kind: str) -> Any:
    torch.manual_seed(0)
    family, sizes = kind.partition(",")[0], networks.SIZES | {"pad_token_id": 0}
    config = AutoConfig.for_model(family, **sizes | OTHERS[kind])
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module", params=[*networks.VARIANTS, *OTHERS])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenModel:
    name = request.param
    if name in OTHERS:
        made = _other(name)
    else:
        family, changed = networks.VARIANTS[name]
        made = networks.network(family, **changed)
    folder = networks.save(made, tmp_path_factory.mktemp("inside"))
    loaded = load(folder, dtype=torch.float32, device=torch.device("cpu"))
    assert (loaded.body is None) == (name in OTHERS)
    return loaded


@pytest.fixture
def inputs(model: FrozenModel) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(L, model.d_model)


def _plain(model: FrozenModel) -> Any:
    """Return the same weights as transformers loads them, with eager attention."""
    return AutoModelForCausalLM.from_pretrained(
        model.folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def _outputs(network: Any, inputs: torch.Tensor, **more: Any) -> Any:
    with torch.no_grad():
        return network(
            inputs_embeds=inputs[None].clone(),
            output_hidden_states=True,
            output_attentions=True,
            use_cache=False,
            **more,
        )


def test_states_and_attention_are_those_of_transformers(
    model: FrozenModel, inputs: torch.Tensor
) -> None:
    found = inside.trace(model, inputs)
    network = _plain(model)
    own = _outputs(network, inputs)
    for ours, theirs in zip(found.states[:-1], own.hidden_states[:-1], strict=True):
        torch.testing.assert_close(ours, theirs[0], rtol=1e-4, atol=1e-4)
    assert found.attention is not None
    assert len(found.attention) == len(own.attentions) == len(found.states) - 1
    for ours, theirs in zip(found.attention, own.attentions, strict=True):
        torch.testing.assert_close(ours, theirs[0], rtol=1e-4, atol=1e-5)


def test_layers_with_other_numbers_of_heads_are_shown_without_attention(tmp_path: Path) -> None:
    model = load(build("dots3_note_text", tmp_path), device=torch.device("cpu"))
    found = inside.trace(model, torch.randn(L, model.d_model))
    assert found.attention is None and len(found.states) == 3


def test_a_pass_that_is_left_in_the_middle_is_not_said_to_be_impossible(
    model: FrozenModel, inputs: torch.Tensor
) -> None:
    asked: list[bool] = []

    def leave_late() -> bool:
        asked.append(True)
        return len(asked) > 4

    with pytest.raises(Interrupted), listening(leave_late), abandonable():
        for _ in range(2):
            inside.trace(model, inputs)


def test_a_network_without_a_body_of_its_own_is_said_to_give_no_states(tmp_path: Path) -> None:
    model = load(build("llama4_text", tmp_path), device=torch.device("cpu"))
    with pytest.raises(ModelError, match="do not give their hidden states"):
        inside.trace(model, torch.randn(L, model.d_model))


def test_the_lens_at_the_last_layer_is_what_the_model_says(
    model: FrozenModel, inputs: torch.Tensor
) -> None:
    targets = torch.arange(L - FIRST) * 3 + 5
    read = inside.lens(model, inside.trace(model, inputs).states[:, FIRST:], targets, 5)
    logits = _outputs(_plain(model), inputs).logits[0, FIRST:]
    p = logits.softmax(-1)
    torch.testing.assert_close(read.p[-1], p[range(len(targets)), targets], rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(read.top_p[-1], p.topk(5, -1).values, rtol=1e-3, atol=1e-6)
    assert torch.equal(read.predicted[-1], logits.argmax(-1))
    assert torch.equal(read.top_ids[-1], p.topk(5, -1).indices)


def test_the_lens_in_the_middle_is_final_norm_and_head_of_that_state(
    model: FrozenModel, inputs: torch.Tensor
) -> None:
    network, middle = _plain(model), 1
    replaced = inside.trace(model, inputs).states[middle]
    targets = torch.arange(L - FIRST) * 3 + 5
    read = inside.lens(model, replaced[None, FIRST:], targets, 5)
    lists = [m for m in network.base_model.modules() if isinstance(m, torch.nn.ModuleList)]
    hook = lists[0][-1].register_forward_hook(
        lambda _, __, output: (
            (replaced[None], *output[1:]) if isinstance(output, tuple) else replaced[None]
        )
    )  # the state stands in for what the last layer gives
    with torch.no_grad():
        logits = network(inputs_embeds=inputs[None].clone(), use_cache=False).logits[0, FIRST:]
    hook.remove()
    p = logits.softmax(-1)
    torch.testing.assert_close(read.p[0], p[range(len(targets)), targets], rtol=1e-3, atol=1e-6)
    rank = (logits > logits.gather(1, targets[:, None])).sum(-1) + 1
    assert torch.equal(read.rank[0], rank)


def test_the_models_own_attention_is_as_before(model: FrozenModel, inputs: torch.Tensor) -> None:
    chosen = model.network.config._attn_implementation
    before = model.logits(inputs[None])
    inside.trace(model, inputs)
    assert model.network.config._attn_implementation == chosen
    assert torch.equal(model.logits(inputs[None]), before)


def _cut_by_hooks(
    network: Any, inputs: torch.Tensor, cut: torch.Tensor, span: inside.Span
) -> torch.Tensor:
    """Return last hidden states, attention cut in some layers by masks of transformers' own."""

    def add_cut(_: Any, given: Any, named: dict[str, Any]) -> Any:
        mask = named["attention_mask"]
        return given, named | {"attention_mask": mask.masked_fill(cut, -torch.inf)}

    hooks = []
    for number, layer in enumerate(network.base_model.layers):
        attention = getattr(layer, "self_attn", None) or layer.attention
        if span[0] <= number < span[1]:
            hooks.append(attention.register_forward_pre_hook(add_cut, with_kwargs=True))
    with torch.no_grad():
        states = network.base_model(inputs_embeds=inputs[None], use_cache=False).last_hidden_state
    for hook in hooks:
        hook.remove()
    return states[0]


def test_passes_with_attention_cut_are_those_of_transformers_with_masks(
    model: FrozenModel, inputs: torch.Tensor
) -> None:
    cut = torch.zeros(L, L, dtype=torch.bool)
    cut[2:, 1] = True
    spans = [(0, 1), (1, 2), (2, 3), (0, 2), (0, 3), (1, 3), (2, 2)]
    if model.body is None:
        with pytest.raises(ModelError, match="cannot be cut layer by layer"):
            inside.states_with_attention_cut(model, inputs, cut, spans)
        return
    found = inside.states_with_attention_cut(model, inputs, cut, spans)
    network = _plain(model)
    for span, states in zip(spans, found, strict=True):
        theirs = _cut_by_hooks(network, inputs, cut, span)
        torch.testing.assert_close(states, theirs, rtol=1e-3, atol=1e-4)
    untouched = model.hidden(inputs[None])[0]
    torch.testing.assert_close(found[-1], untouched, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[0], untouched, atol=1e-2)


def test_long_inputs_are_put_together_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.model import attention

    folder = networks.save(networks.network("llama"), tmp_path / "llama")
    model = load(folder, dtype=torch.float32, device=torch.device("cpu"))
    torch.manual_seed(2)
    inputs = torch.randn(14, model.d_model)
    cut = torch.zeros(14, 14, dtype=torch.bool)
    cut[3:, :2] = True
    whole = inside.trace(model, inputs).attention
    passes = inside.states_with_attention_cut(model, inputs, cut, [(1, 2), (0, 3)])
    monkeypatch.setattr(attention, "BLOCK", 4)
    torch.testing.assert_close(inside.trace(model, inputs).attention, whole)
    again = inside.states_with_attention_cut(model, inputs, cut, [(1, 2), (0, 3)])
    torch.testing.assert_close(again, passes, rtol=1e-4, atol=1e-5)


def test_a_family_without_attention_weights_gives_its_states_alone(tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=networks.SIZES["vocab_size"], hidden_size=24, num_hidden_layers=3, state_size=4,
        initializer_range=0.3, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    folder = networks.save(MambaForCausalLM(config).eval(), tmp_path / "mamba")
    model = load(folder, dtype=torch.float32, device=torch.device("cpu"))
    inputs = torch.randn(L, model.d_model)
    found = inside.trace(model, inputs)
    assert found.attention is None and found.states.shape == (4, L, 24)
    with torch.no_grad():
        logits = model.network(inputs_embeds=inputs[None], use_cache=False).logits[0]
    read = inside.lens(model, found.states, logits.argmax(-1), 5)
    assert (read.rank[-1] == 1).all()
