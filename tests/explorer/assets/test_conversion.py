import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel

from explorer.assets import conversion
from explorer.assets.tokenizing import Tokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = [*SPECIAL, *sorted(ByteLevel.alphabet()), "19", "in", "Ġin"]
METADATA: dict[str, Any] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)),
    "tokenizer.ggml.merges": ["1 9", "i n", "Ġ in"],
}
D_MODEL, HEADS, INNER = 32, 2, 48


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of one layer, its large matrices in Q8_0."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(D_MODEL)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model(METADATA["tokenizer.ggml.model"])
    writer.add_tokenizer_pre(METADATA["tokenizer.ggml.pre"])
    writer.add_token_list(TOKENS)
    writer.add_token_types(METADATA["tokenizer.ggml.token_type"])
    writer.add_token_merges(METADATA["tokenizer.ggml.merges"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    shapes = {
        "token_embd": (len(TOKENS), D_MODEL),
        "output_norm": (D_MODEL,),
        "blk.0.attn_norm": (D_MODEL,),
        "blk.0.ffn_norm": (D_MODEL,),
        "blk.0.attn_q": (D_MODEL, D_MODEL),
        "blk.0.attn_k": (D_MODEL, D_MODEL),
        "blk.0.attn_v": (D_MODEL, D_MODEL),
        "blk.0.attn_output": (D_MODEL, D_MODEL),
        "blk.0.ffn_gate": (INNER, D_MODEL),
        "blk.0.ffn_up": (INNER, D_MODEL),
        "blk.0.ffn_down": (D_MODEL, INNER),
    }
    for name, shape in shapes.items():
        values = random.normal(0, 0.1, shape).astype(np.float32)
        if name == "token_embd":
            quantised = gguf.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", quantised, raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="session")
def converted(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "model"
    conversion.convert(tiny_gguf, folder, lambda _: None)
    return folder


def test_plain_transformers_load_the_converted_folder(tiny_gguf: Path, converted: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(converted, use_safetensors=True)

    assert model.dtype == torch.bfloat16
    assert model.config.rms_norm_eps == 1e-05
    assert not hasattr(model.config, "quantization_config")
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(tiny_gguf).tensors}
    for name, ours in (
        ("token_embd.weight", model.model.embed_tokens.weight),
        ("blk.0.ffn_down.weight", model.model.layers[0].mlp.down_proj.weight),
    ):
        values = gguf.dequantize(stored[name].data, stored[name].tensor_type)
        assert torch.equal(torch.tensor(values).to(torch.bfloat16), ours.data)


def test_the_tokenizer_splits_numbers_and_keeps_its_special_tokens(converted: Path) -> None:
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(converted)
    ours = Tokenizer.load(converted)

    assert ours.pieces(ours.encode("in 19 in")) == ["in", " ", "1", "9", " in"]
    assert plain("in 19 in", add_special_tokens=False)["input_ids"] == ours.encode("in 19 in")
    assert (plain.bos_token, plain.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert ours.bos_id == 1
    assert plain("<|im_end|>", add_special_tokens=False)["input_ids"] == [2]
    assert 2 not in ours.encode("<|im_end|>")
    assert ours.backend.get_vocab_size() == len(TOKENS)


def test_another_way_to_split_text_is_refused() -> None:
    with pytest.raises(ValueError, match="llama-bpe"):
        conversion.build_tokenizer(METADATA | {"tokenizer.ggml.pre": "llama-bpe"})


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of Python, to be written by the test."""
    program = tmp_path / "python"
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def test_the_process_says_how_far_it_is(python: Path, tmp_path: Path) -> None:
    python.write_text('#!/bin/sh\necho 0.25\necho "$2 $3 $4" >&2\necho 1.0\n')
    fractions: list[float] = []

    conversion.run(tmp_path / "in.gguf", tmp_path / "out", fractions.append)

    assert fractions == [0.25, 1.0]


def test_a_process_that_fails_is_an_error(python: Path, tmp_path: Path) -> None:
    python.write_text('#!/bin/sh\necho 0.25\necho "run $2 on $3" >&2\nexit 1\n')
    fractions: list[float] = []

    with pytest.raises(
        conversion.ConversionError, match=r"run explorer\.assets\.conversion on .*in\.gguf"
    ):
        conversion.run(tmp_path / "in.gguf", tmp_path / "out", fractions.append)
    assert fractions == [0.25]


def test_the_process_ends_when_the_caller_does(python: Path, tmp_path: Path) -> None:
    python.write_text(f"#!/bin/sh\necho 0.25\nsleep 1\ntouch {tmp_path / 'lived'}\n")

    def interrupt(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conversion.run(tmp_path / "in.gguf", tmp_path / "out", interrupt)
    assert not (tmp_path / "lived").exists()
