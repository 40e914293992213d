"""Turns the embedded model's GGUF file into a folder that plain transformers loads.

Runs as a process of its own (`python -m explorer.assets.conversion FILE FOLDER`), so that the
memory it takes is given back, and says on stdout how far it is, one number from 0 to 1 a line.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.base import folders
from explorer.runtime import process

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONTROL = 3
"""GGUF's token type of special tokens."""

Done = Callable[[float], None]


class ConversionError(Exception):
    """The conversion did not finish; the message is what it said."""


def run(gguf: Path, folder: Path, done: Done) -> None:
    """Convert `gguf` into `folder` in a process of its own, about 20 s on two cores.

    Args:
        gguf: the file to convert.
        folder: made if needed; gets config.json, model.safetensors (bfloat16), tokenizer.json, ….
        done: called with the fraction that is done.

    Raises:
        ConversionError: if it fails.
    """
    log = folder.with_name(folder.name + ".log")
    environment = (
        os.environ
        | process.environment()
        | {
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": os.pathsep.join([str(folders.PROJECT), os.environ.get("PYTHONPATH", "")]),
        }
    )
    with (
        log.open("w", encoding="utf-8") as said,
        subprocess.Popen(  # noqa: S603 (a fixed command, no shell)
            [sys.executable, "-m", "explorer.assets.conversion", str(gguf), str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as converting,
    ):
        try:
            for line in converting.stdout or ():
                done(float(line))
        except BaseException:
            converting.kill()
            raise
    if converting.returncode != 0:
        raise ConversionError(log.read_text(encoding="utf-8", errors="replace").strip())
    log.unlink()


def convert(gguf: Path, folder: Path, done: Done) -> None:
    """Convert `gguf` into `folder` here.

    The weights are de-quantised in float32 and stored in bfloat16, the format they were
    published in.
    """
    import numpy as np
    import torch
    from gguf import GGUFReader
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    done(0.1)
    metadata = {name: field.contents() for name, field in GGUFReader(gguf).fields.items()}
    vocabulary = metadata["tokenizer.ggml.tokens"]
    special = {
        f"{name}_token": vocabulary[metadata[f"tokenizer.ggml.{key}_token_id"]]
        for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
    }
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(metadata),
        model_max_length=metadata["llama.context_length"],
        clean_up_tokenization_spaces=False,
        **special,
    )
    tokenizer.chat_template = metadata.get("tokenizer.chat_template")
    tokenizer.save_pretrained(folder)
    done(0.3)

    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    done(0.9)
    # What is saved is a plain model: forget that it came out of a quantised file.
    for owner, name in (
        (model, "hf_quantizer"),
        (model, "is_quantized"),
        (model.config, "quantization_config"),
        (model.config, "_model_name_or_path"),
    ):
        if hasattr(owner, name):
            delattr(owner, name)
    # GGUF keeps it as float32; this is the same number, as it was published.
    model.config.rms_norm_eps = float(str(np.float32(model.config.rms_norm_eps)))
    model.to(torch.bfloat16).save_pretrained(folder)
    done(1.0)


def build_tokenizer(metadata: dict[str, Any]) -> "Tokenizer":
    """Build the byte-level BPE tokenizer that a GGUF file describes.

    transformers' own conversion of GGUF tokenizers leaves out the step before byte-level BPE,
    which for this model splits numbers into digits ("smollm" in llama.cpp).

    Raises:
        ValueError: if the file asks for another way to split text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    kind = metadata["tokenizer.ggml.model"], metadata["tokenizer.ggml.pre"]
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"unknown tokenizer {kind}")
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata["tokenizer.ggml.token_type"]
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind == CONTROL
        ]
    )
    return tokenizer


def _say(fraction: float) -> None:
    sys.stdout.write(f"{fraction}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), _say)
