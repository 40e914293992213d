import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from explorer.assets.fingerprint import fingerprint
from explorer.base.errors import BadInputError, ModelError
from explorer.model import frozen, head
from explorer.model.frozen import FrozenModel
from explorer.model.head import measure_logits
from tests.explorer.model.networks import loss_and_gradient

LoadModel = Callable[..., FrozenModel]
Copy = Callable[[Path], Path]

WIDE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
CHANGED_HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "capped": ("Gemma2", {"final_logit_softcapping": 5.0, "head_dim": 8}),
    "capped gently": ("Gemma2", {"head_dim": 8, "initializer_range": 0.1}),
    "divided": ("Granite", {"logits_scaling": 4.0}),
    "scaled": ("Cohere", {"logit_scale": 0.0625}),
}


def _save(network: Any, folder: Path, tokenizer_from: Path) -> Path:
    network.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_from / file, folder)
    return folder


@pytest.fixture(scope="session")
def changed_head(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama_folder: Path
) -> Callable[[str], Path]:
    """Tiny models whose logits are not simply the output matrix times the hidden state."""
    import transformers

    def make(kind: str) -> Path:
        family, settings = CHANGED_HEADS[kind]
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**WIDE | settings)
        folder = tmp_path_factory.mktemp("changed") / family
        network = getattr(transformers, f"{family}ForCausalLM")(config)
        return _save(network, folder, tiny_llama_folder)

    return make


@pytest.fixture(params=["llama", "neox", "gpt2"])
def model(request: pytest.FixtureRequest) -> FrozenModel:
    found: FrozenModel = request.getfixturevalue(request.param)
    return found


def _plain(
    model: FrozenModel, embeddings: Tensor, targets: Tensor, first: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return losses, gradient and logits as autograd has them through the whole model."""
    inputs = embeddings.clone().requires_grad_()
    logits = model.network(inputs_embeds=inputs).logits[:, first : first + targets.shape[1]]
    losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    losses = losses.view(targets.shape)
    (gradient,) = torch.autograd.grad(losses.mean(1).sum(), inputs)
    return losses.detach(), gradient, logits.detach()


def _draw(model: FrozenModel, rows: int, length: int, first: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(length)
    noise = torch.randn(rows, length + first, model.d_model, generator=draw)
    inputs = model.embedding_mean + 2 * model.embedding_std * noise
    return inputs, torch.randint(0, 300, (rows, length), generator=draw)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("chunk", [3, 256])
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (2, 3), (3, 7)])
def test_loss_and_gradient_are_those_of_plain_autograd(
    model: FrozenModel,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    chunk: int,
    rows: int,
    length: int,
) -> None:
    monkeypatch.setattr(head, "CHUNK", chunk)
    monkeypatch.setattr(head, "PIECE", 2)
    inputs, targets = _draw(model, rows, length, first)
    losses, expected, _ = _plain(model, inputs, targets, first)
    assert model.head is not None
    measured, gradient = loss_and_gradient(model, inputs, targets, first)
    torch.testing.assert_close(measured.loss, losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    assert expected.abs().max() > 1e-3
    assert measured.predicted is measured.p is measured.rank is None


@pytest.mark.parametrize("kind", CHANGED_HEADS)
@pytest.mark.parametrize("first", [0, 1])
def test_scaled_and_capped_logits_are_noticed_and_followed(
    load_model: LoadModel,
    changed_head: Callable[[str], Path],
    kind: str,
    first: int,
) -> None:
    model = load_model(changed_head(kind))
    assert model.head is None and model.body is None
    inputs, targets = _draw(model, rows=2, length=5, first=first)
    losses, expected, logits = _plain(model, inputs, targets, first)
    measured, gradient = loss_and_gradient(model, inputs, targets, first, detail=True)
    torch.testing.assert_close(measured.loss, losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    assert measured.predicted is not None
    assert torch.equal(measured.predicted, logits.argmax(-1))


def test_the_plain_path_agrees_with_the_direct_one(model: FrozenModel) -> None:
    inputs, targets = _draw(model, rows=3, length=5, first=1)
    direct = loss_and_gradient(model, inputs, targets, 1, detail=True)
    plain = loss_and_gradient(replace(model, head=None, body=None), inputs, targets, 1, detail=True)
    torch.testing.assert_close(direct[1], plain[1], rtol=1e-4, atol=1e-6)
    for name in ("loss", "margin", "p"):
        a, b = getattr(direct[0], name), getattr(plain[0], name)
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    for name in ("correct", "predicted", "rank"):
        assert torch.equal(getattr(direct[0], name), getattr(plain[0], name))


def test_a_rows_gradient_does_not_depend_on_its_neighbours(model: FrozenModel) -> None:
    inputs, targets = _draw(model, rows=4, length=5, first=0)
    _, together = loss_and_gradient(model, inputs, targets)
    for k in range(4):
        _, alone = loss_and_gradient(model, inputs[k : k + 1], targets[k : k + 1])
        torch.testing.assert_close(together[k], alone[0], rtol=1e-4, atol=1e-6)


def test_attention_is_causal(model: FrozenModel) -> None:
    inputs, _ = _draw(model, rows=1, length=6, first=0)
    changed = inputs.clone()
    changed[:, 4:] = inputs[:, :2]
    before, after = model.logits(inputs), model.logits(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:], atol=1e-2)


def test_what_is_measured_follows_from_the_logits(model: FrozenModel) -> None:
    inputs, targets = _draw(model, rows=2, length=5, first=0)
    with torch.no_grad():
        logits = model.logits(inputs)
        targets[0] = logits[0].argmax(-1)  # one row is exact
    measured, _ = loss_and_gradient(model, inputs, targets, detail=True)
    p = torch.softmax(logits, -1).gather(2, targets[..., None])[..., 0]
    best_two = logits.topk(2).values
    assert measured.p is not None and measured.rank is not None
    assert measured.correct[0].all() and not measured.correct[1].any()
    torch.testing.assert_close(measured.p, p, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        measured.margin[0], best_two[0, :, 0] - best_two[0, :, 1], rtol=1e-3, atol=1e-4
    )
    order = logits.argsort(-1, descending=True)
    assert torch.equal(measured.rank, (order == targets[..., None]).float().argmax(-1) + 1)
    assert torch.equal(measured.rank == 1, measured.correct)
    assert torch.equal(measured.margin > 0, measured.correct)


def test_ties_and_numbers_that_are_none_count_as_wrong() -> None:
    nan = float("nan")
    logits = torch.tensor([[2.0, 2.0, 1.0], [3.0, 2.0, 1.0], [nan, nan, nan], [0.0, nan, 0.0]])
    before = logits.clone()
    measured, _ = measure_logits(logits, torch.tensor([0, 0, 0, 0]), detail=True)
    assert measured.correct.tolist() == [False, True, False, False]
    assert measured.margin[:2].tolist() == [0.0, 1.0]
    assert measured.predicted is not None
    assert ((measured.predicted == 0) == measured.correct).all()
    assert torch.equal(logits.nan_to_num(9.0), before.nan_to_num(9.0))


def test_inputs_are_not_changed_and_nothing_of_the_model_is(model: FrozenModel) -> None:
    from explorer.specs.recipes import PAPER
    from explorer.training import Row, Trainer

    weights = {name: p.clone() for name, p in model.network.state_dict().items()}
    inputs, targets = _draw(model, rows=2, length=4, first=0)
    before = inputs.clone()
    loss_and_gradient(model, inputs, targets)
    assert torch.equal(inputs, before) and not inputs.requires_grad
    trainer = Trainer(model, [Row((5, 6, 7), 0), Row((8, 9), 1)], "e+mN", PAPER)
    for _ in range(5):
        trainer.step(detail=True)
    for name, p in model.network.state_dict().items():
        assert torch.equal(p, weights[name]), name
    for parameter in model.network.parameters():
        assert parameter.grad is None and not parameter.requires_grad
    assert not model.network.training
    assert model.fingerprint == fingerprint(model.folder)


def test_a_loaded_model_knows_itself(llama: FrozenModel, tiny_llama_folder: Path) -> None:
    table = load_file(tiny_llama_folder / "model.safetensors")["model.embed_tokens.weight"]
    assert (llama.d_model, llama.max_positions, llama.dtype) == (32, 128, torch.float32)
    assert llama.folder == tiny_llama_folder
    torch.testing.assert_close(llama.embedding_mean, table.mean(0))
    assert llama.embedding_std == pytest.approx(float(table.std(0).mean()))
    ids = torch.tensor([[1, 2, 299]])
    assert torch.equal(llama.embed(ids), table[ids])
    assert llama.tokenizer.bos_id == 0


def test_the_embedding_statistics_are_those_of_what_goes_in(
    load_model: LoadModel, tmp_path: Path, tiny_llama_folder: Path
) -> None:
    """Gemma multiplies its table by √d_model on the way in; proto-tokens skip that way."""
    from transformers import GemmaConfig, GemmaForCausalLM

    torch.manual_seed(0)
    config = GemmaConfig(**WIDE | {"head_dim": 8})
    model = load_model(_save(GemmaForCausalLM(config), tmp_path / "gemma", tiny_llama_folder))
    inputs = model.embed(torch.arange(300)[None])[0]
    assert model.embedding_std == pytest.approx(float(inputs.std(0).mean()), rel=1e-3)
    torch.testing.assert_close(model.embedding_mean, inputs.mean(0), rtol=1e-3, atol=1e-4)


def test_a_model_without_a_name_is_called_by_its_folder(
    load_model: LoadModel, tiny_llama_folder: Path
) -> None:
    assert load_model(tiny_llama_folder).name == str(tiny_llama_folder)


def test_bfloat16_has_the_same_fingerprint_and_nearly_the_same_logits(
    load_model: LoadModel, model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "CHUNK", 3)
    fast = load_model(model.folder, dtype=torch.bfloat16)
    assert fast.fingerprint == model.fingerprint
    assert fast.head is not None
    assert {p.dtype for p in fast.network.parameters()} == {torch.bfloat16}
    assert fast.embedding_mean.dtype == torch.float32
    assert fast.embedding_std == pytest.approx(model.embedding_std, rel=1e-3)
    inputs, targets = _draw(model, rows=2, length=5, first=1)
    measured, gradient = loss_and_gradient(fast, inputs, targets, 1)
    exact, expected = loss_and_gradient(model, inputs, targets, 1)
    assert measured.loss.dtype == measured.margin.dtype == gradient.dtype == torch.float32
    torch.testing.assert_close(measured.loss, exact.loss, rtol=0.05, atol=0.15)
    likeness = functional.cosine_similarity(gradient.flatten(), expected.flatten(), dim=0)
    assert likeness > 0.98


def test_bfloat16_attends_as_far_back_as_float32(
    load_model: LoadModel, tmp_path: Path, tiny_llama_folder: Path
) -> None:
    """A window of two positions: what lies further back must not be seen in any format."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    network = MistralForCausalLM(MistralConfig(**WIDE | {"sliding_window": 2}))
    folder = _save(network, tmp_path / "mistral", tiny_llama_folder)
    for dtype in (torch.float32, torch.bfloat16):
        model = load_model(folder, dtype=dtype)
        inputs, _ = _draw(model, rows=1, length=8, first=0)
        changed = inputs.clone()
        changed[:, 0] = -inputs[:, 0]
        before, after = model.logits(inputs), model.logits(changed)
        assert not torch.equal(before[:, 0], after[:, 0])
        assert torch.equal(before[:, 5:], after[:, 5:])  # two layers of two reach back to 3


def test_capped_attention_is_capped_in_bfloat16_too(
    load_model: LoadModel, tmp_path: Path, tiny_llama_folder: Path
) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        **WIDE | {"head_dim": 8, "attn_logit_softcapping": 0.05, "initializer_range": 0.4}
    )
    folder = _save(Gemma2ForCausalLM(config), tmp_path / "gemma2", tiny_llama_folder)
    exact, fast = load_model(folder), load_model(folder, dtype=torch.bfloat16)
    inputs, _ = _draw(exact, rows=2, length=8, first=0)
    a, b = exact.logits(inputs), fast.logits(inputs).float()
    assert functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.995


def _edit(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))


def test_a_model_of_other_shapes_than_its_weights_is_said(
    load_model: LoadModel, copied_folder: Copy, tiny_llama_folder: Path
) -> None:
    folder = copied_folder(tiny_llama_folder)
    _edit(folder, intermediate_size=48)
    with pytest.raises(
        ModelError, match=r"down_proj.weight has the shape \(32, 64\), and \(32, 48\)"
    ):
        load_model(folder)


def test_weights_that_are_missing_are_never_made_up(
    load_model: LoadModel, copied_folder: Copy, tiny_neox_folder: Path
) -> None:
    folder = copied_folder(tiny_neox_folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["gpt_neox.layers.1.mlp.dense_4h_to_h.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError):
        load_model(folder)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_said(
    load_model: LoadModel, copied_folder: Copy, tiny_llama_folder: Path, missing: str
) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / missing).unlink()
    with pytest.raises(ModelError):
        load_model(folder)


def test_weights_that_are_cut_short_are_said(
    load_model: LoadModel, copied_folder: Copy, tiny_llama_folder: Path
) -> None:
    folder = copied_folder(tiny_llama_folder)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-10])
    with pytest.raises(ModelError):
        load_model(folder)


@pytest.mark.parametrize("error", [ValueError(), RuntimeError(""), OSError("two\nlines")], ids=repr)
def test_whatever_transformers_says_becomes_one_sentence(
    load_model: LoadModel,
    tiny_llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    import transformers

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_model(tiny_llama_folder)
    assert "\n" not in str(caught.value)


def test_a_model_too_large_for_the_memory_is_said(
    load_model: LoadModel, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = type("Memory", (), {"available": 10**6, "total": 10**9})
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    with pytest.raises(ModelError, match=r"needs about .* of memory"):
        load_model(tiny_llama_folder)


def test_a_recipes_precision_decides_the_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert frozen.fast_dtype(cpu, "float32") is torch.float32
    assert frozen.fast_dtype(cpu, "bfloat16") is torch.bfloat16
    for pays, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(frozen, "bfloat16_pays", lambda device, pays=pays: pays)
        assert frozen.fast_dtype(cpu) is dtype


def test_the_timed_product_is_run_once() -> None:
    frozen.bfloat16_pays.cache_clear()
    answers = {frozen.bfloat16_pays(torch.device("cpu")) for _ in range(3)}
    assert len(answers) == 1
    assert frozen.bfloat16_pays.cache_info().misses == 1


@pytest.mark.parametrize(
    ("bfloat16", "asked", "pays"),
    [
        ({2: 3.0}, [256, 2], False),  # as on a CPU that has no instructions for it
        ({2: 0.5, 256: 0.9}, [256, 2, 256], False),
        ({2: 0.1, 256: 0.7}, [256, 2, 256], True),
    ],
)
def test_a_format_that_a_cpu_lacks_is_told_by_a_few_rows(
    monkeypatch: pytest.MonkeyPatch, bfloat16: dict[int, float], asked: list[int], pays: bool
) -> None:
    timed = []

    def seconds(dtype: torch.dtype, rows: int, device: torch.device) -> float:
        timed.append(rows)
        return 1.0 if dtype is torch.float32 else bfloat16[rows]

    monkeypatch.setattr(frozen, "_product_seconds", seconds)
    assert frozen.bfloat16_pays.__wrapped__(torch.device("cpu")) is pays  # keeps no answer
    assert timed == asked


def test_devices_are_chosen_by_name() -> None:
    assert frozen.choose_device("cpu") == torch.device("cpu")
    assert frozen.choose_device("auto") == frozen.best_device()


def test_a_gpu_that_torch_has_no_kernels_for_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def ones(*_: object, device: torch.device) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", ones)
    assert frozen.best_device().type in ("cpu", "mps")
    with pytest.raises(BadInputError, match="no device"):
        frozen.choose_device("cuda:0")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:99", "meta", "cpu; rm -rf"])
def test_devices_that_are_not_here_are_said(name: str) -> None:
    with pytest.raises(BadInputError, match="no device"):
        frozen.choose_device(name)


def test_a_model_of_our_own_body_leaves_its_file(
    load_model: LoadModel, tiny_llama_folder: Path
) -> None:
    """Pages of a mapped file stay in memory, also those of weights that are joined elsewhere."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        pytest.skip("needs Linux")
    model = load_model(tiny_llama_folder)
    assert model.body is not None
    assert str(tiny_llama_folder / "model.safetensors") not in maps.read_text()
