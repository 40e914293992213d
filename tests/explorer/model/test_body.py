"""The body written out gives what transformers and autograd give."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from explorer.model import attention, families, graphs, head, inside, loading
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from tests.explorer.model.networks import PLAIN, VARIANTS, loss_and_gradient, network, save

LoadModel = Callable[..., FrozenModel]
Folders = Callable[[str, torch.dtype], Path]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 9)])
@pytest.mark.parametrize(("block", "fused"), [(128, False), (4, False), (128, True)])
def test_hidden_states_and_gradient_are_those_of_the_network(
    variant: str,
    rows: int,
    length: int,
    block: int,
    fused: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    family, changed = VARIANTS[variant]
    plain = network(family, **changed)
    inputs = torch.randn(rows, length, plain.config.hidden_size, requires_grad=True)
    expected = plain.base_model(inputs_embeds=inputs).last_hidden_state
    direction = torch.randn_like(expected)
    (by_inputs,) = torch.autograd.grad(expected, inputs, direction)
    assert families.supports(plain)
    body = replace(families.body_of(plain), fused=fused)
    done = body.forward([inputs], torch.float32)
    windows = [layer.attention.window for layer in body.layers]
    assert [own.attention[0].said is not None for own in done.layers] == [
        fused and window is None for window in windows
    ]
    torch.testing.assert_close(done.at.by_batch(done.hidden)[0], expected, rtol=1e-4, atol=1e-5)
    (ours,) = done.at.by_batch(body.backward(done, direction.flatten(0, 1)))
    torch.testing.assert_close(ours, by_inputs, rtol=1e-4, atol=1e-4 * float(by_inputs.abs().max()))
    assert by_inputs.abs().max() > 1e-3


@pytest.mark.parametrize("family", PLAIN)
def test_every_part_of_a_family_tells_in_the_outputs(family: str) -> None:
    """A random network in which a bias or a norm changed nothing would prove nothing above."""
    plain, inputs = network(family), torch.randn(1, 6, network(family).config.hidden_size)
    before = plain.base_model(inputs_embeds=inputs).last_hidden_state
    for name, weight in plain.base_model.named_parameters():
        if "embed" in name or name.endswith("k_proj.bias"):
            continue
        kept, weight.data = weight.data, weight.data.flip(0) * 1.5
        after = plain.base_model(inputs_embeds=inputs).last_hidden_state
        assert (after - before).abs().max() > 1e-3, name
        weight.data = kept


@pytest.mark.parametrize("family", PLAIN)
def test_joining_weights_leaves_the_network_as_it_was(family: str) -> None:
    plain = network(family)
    ids = torch.arange(12)[None]
    weights = {name: w.clone() for name, w in plain.state_dict().items()}
    before = plain(input_ids=ids).logits
    body = families.body_of(plain)
    assert torch.equal(plain(input_ids=ids).logits, before)
    for name, weight in plain.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    held = {w.untyped_storage().data_ptr() for w in plain.parameters()}
    for layer in body.layers:
        for matrix in (layer.attention.qkv, layer.attention.out):
            assert matrix.weight.untyped_storage().data_ptr() in held  # one copy in memory


def test_other_bodies_are_left_to_transformers() -> None:
    assert not families.supports(network("llama", hidden_act="relu"))
    assert not families.supports(GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Save any variant in either format, once."""
    root, made = tmp_path_factory.mktemp("families"), {}

    def folder(variant: str, dtype: torch.dtype) -> Path:
        family, changed = VARIANTS[variant]
        key = f"{variant}-{dtype}"
        if key not in made:
            made[key] = save(network(family, **changed).to(dtype), root / key)
        return made[key]

    return folder


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", PLAIN)
def test_every_family_is_served_in_both_formats(
    load_model: LoadModel, folders: Folders, family: str, dtype: torch.dtype
) -> None:
    """Whatever the network is; in bfloat16 the body is nearer to float32 than the network is."""
    model = load_model(folders(family, torch.float32), dtype=dtype)
    assert model.body is not None and model.head is not None
    exact = AutoModelForCausalLM.from_pretrained(model.folder)
    inputs = torch.randn(4, 9, model.d_model)
    with torch.no_grad():
        expected = exact.base_model(inputs_embeds=inputs).last_hidden_state
        plain = model.network.base_model(inputs_embeds=inputs.to(dtype)).last_hidden_state
    ours = float((model.hidden(inputs).float() - expected).norm())
    assert ours <= max(1.2 * float((plain.float() - expected).norm()), 1e-4 * expected.norm())


def test_a_body_that_does_not_agree_is_not_used(
    load_model: LoadModel, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_model(tiny_llama_folder).body is not None
    monkeypatch.setattr("explorer.model.attention._rotate", lambda x, *_, **__: x)
    model = load_model(tiny_llama_folder)
    assert model.body is None and model.head is not None
    plain = AutoModelForCausalLM.from_pretrained(tiny_llama_folder)
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    with torch.no_grad():
        torch.testing.assert_close(model.logits(model.embed(ids)), plain(ids).logits)


@pytest.mark.parametrize("family", PLAIN)
@pytest.mark.parametrize("tokens_cast_at_a_time", [head.PART, 37])
def test_float32_out_of_bfloat16_weights_is_the_float32_model(
    load_model: LoadModel,
    folders: Folders,
    family: str,
    tokens_cast_at_a_time: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stored bfloat16 weights upcast, which is what float32 means everywhere in this project."""
    monkeypatch.setattr(head, "PART", tokens_cast_at_a_time)
    folder = folders(family, torch.bfloat16)
    shared = load_model(folder, dtype=torch.bfloat16).in_float32()
    assert shared is not None and shared.dtype == torch.float32
    assert next(shared.network.parameters()).dtype == torch.bfloat16  # no second copy
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
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
    measured, gradient = loss_and_gradient(shared, inputs, targets, 1)
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
        with_gradient, _ = loss_and_gradient(model, inputs, targets, 1, detail=True)
        alone = model.measure(inputs, targets, 1, detail=True)
        for name in ("loss", "margin", "p"):
            torch.testing.assert_close(getattr(alone, name), getattr(with_gradient, name))
        for name in ("correct", "predicted", "rank"):
            assert torch.equal(getattr(alone, name), getattr(with_gradient, name))


CONTEXTS = [[3 * k % 60 + 2, k + 1, *range(5, 5 + k % 4)] for k in range(24)]


@pytest.mark.end_to_end
@pytest.mark.parametrize("family", PLAIN)
@pytest.mark.parametrize("seed", [None, 7], ids=["likeliest", "sampled"])
def test_float32_out_of_bfloat16_weights_generates_what_the_float32_model_does(
    load_model: LoadModel, folders: Folders, family: str, seed: int | None
) -> None:
    """24 continuations of 24 tokens; the weights' format in memory decides none of them (D4)."""
    folder = folders(family, torch.bfloat16)
    fast = load_model(folder, dtype=torch.bfloat16)
    shared, exact = fast.in_float32(), load_model(folder)
    assert shared is not None
    made = {
        name: [list(generate(model, ids, 24, seed=seed)) for ids in CONTEXTS]
        for name, model in {"fast": fast, "shared": shared, "exact": exact}.items()
    }
    assert made["shared"] == made["exact"]
    assert made["fast"] != made["exact"]  # these texts do tell the formats apart


@pytest.mark.parametrize("block", [128, 3])
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "variant", [*PLAIN, "mistral, window in reach", "qwen3, windows in some layers", "no body"]
)
def test_going_on_gives_the_logits_of_the_whole_sequence(
    load_model: LoadModel,
    folders: Folders,
    variant: str,
    stored: torch.dtype,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Piece by piece with a KV cache, against plain transformers in float32 at once."""
    monkeypatch.setattr(attention, "BLOCK", block)
    if variant == "no body":
        monkeypatch.setattr(families, "FAMILIES", {})
    folder = folders("llama" if variant == "no body" else variant, stored)
    model = load_model(folder, dtype=stored)
    model = model if stored == torch.float32 else model.in_float32() or load_model(folder)
    assert (model.body is None) == (variant == "no body")
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


def test_fused_attention_is_for_gpus_that_ask_and_is_recorded(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(attention.SWITCH, "1")
    assert graphs.switched_on(attention.SWITCH, torch.device("cuda:0"))
    model = loading.load(tiny_llama_folder, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert model.body is not None and not model.body.fused and model.number_format == "bfloat16"
    fused = replace(model, body=replace(model.body, fused=True), stored_in_bfloat16=True)
    assert fused.number_format == "bfloat16, fused attention"
    confirming = fused.in_float32()
    assert confirming is not None and confirming.number_format == "float32"


def test_a_look_inside_has_the_weights_also_where_training_keeps_none(
    load_model: LoadModel, folders: Folders
) -> None:
    model = load_model(folders("llama", torch.float32), dtype=torch.float32)
    assert model.body is not None
    fused = replace(model, body=replace(model.body, fused=True))
    given = torch.randn(7, model.d_model)
    ours, plain = inside.trace(fused, given), inside.trace(model, given)
    assert ours.attention is not None and plain.attention is not None
    torch.testing.assert_close(ours.attention, plain.attention)
    torch.testing.assert_close(ours.states, plain.states)
