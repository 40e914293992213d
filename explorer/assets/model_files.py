"""What a model folder says about itself, read without torch: config.json and safetensors."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from explorer.assets.model_config import (
    LAYERS,
    MAX_POSITIONS,
    VOCABULARY,
    WIDTH,
    IncompleteModelError,
    demand,
    find,
    kinds_of_layers,
    read_config,
    read_object,
    text_part,
)
from explorer.base.errors import ModelError
from explorer.base.language import tr

BUFFERS = (
    ".attention.bias",
    ".attention.masked_bias",
    ".attn.bias",
    ".attn.masked_bias",
    ".rotary_emb.inv_freq",
)
"""Constants that older checkpoints (Pythia, GPT-2) store beside their parameters."""

_TABLE = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings?|embeddings?|tokens_embed|w|embed"
    r"|input_embedding)\.weight$"
)
"""Names of the table of input embeddings."""


@dataclass(frozen=True)
class ModelFacts:
    """What config.json and the safetensors headers say.

    Attributes:
        parameters: exact number of parameters, tied ones once.
        d_model: dimension of an input embedding.
        layers: number of transformer blocks.
        max_positions: longest input, None if the model sets no limit.
        vocab_size: width of the model's head.
    """

    parameters: int
    d_model: int
    layers: int
    max_positions: int | None
    vocab_size: int


def read_facts(folder: Path) -> ModelFacts:
    """Read a model folder and make sure that it can be used here.

    Raises:
        IncompleteModelError: if config.json, weights or tokenizer.json are missing or cut short.
        ModelError: if it is not a causal language model, needs code of its own, is quantised, or
            has no safetensors.
    """
    if not folder.is_dir():
        raise ModelError(tr("There is no model folder {folder}. Check the path.", folder=folder))
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            tr(
                "The folder {folder} holds an adapter (adapter_config.json) to another model. "
                "Merge it into that model and save them as one; if this model is complete, remove "
                "the file.",
                folder=folder,
            )
        )
    config = read_config(folder)
    tied = config.get("tie_word_embeddings") is True
    config = text_part(config)
    stored = _stored(folder)
    if not (folder / "tokenizer.json").is_file():
        raise IncompleteModelError(
            tr(
                "The model folder {folder} has no tokenizer.json. Save the model's fast tokenizer "
                "into it (`tokenizer.save_pretrained`).",
                folder=folder,
            )
        )
    vocabulary = demand(folder, config, *VOCABULARY)
    width = _table_width(stored, vocabulary)
    return ModelFacts(
        parameters=_count_parameters(stored, tied=tied),
        d_model=width or demand(folder, config, *WIDTH),
        layers=find(config, *LAYERS) or kinds_of_layers(config) or demand(folder, config, *LAYERS),
        max_positions=find(config, *MAX_POSITIONS),
        vocab_size=vocabulary,
    )


Stored = dict[str, tuple[str, list[int]]]
"""What safetensors headers say: number format and shape of every tensor, by its name."""


def _stored(folder: Path) -> Stored:
    """Read the headers of a folder's weights.

    Raises:
        IncompleteModelError: if a file is missing, damaged or cut short.
    """
    found: Stored = {}
    for file in weight_files(folder):
        try:
            with safe_open(file, framework="np") as tensors:
                for name in tensors.keys():  # noqa: SIM118 (not a mapping)
                    tensor = tensors.get_slice(name)
                    found[name] = str(tensor.get_dtype()), list(tensor.get_shape())
        except (OSError, SafetensorError) as error:
            raise IncompleteModelError(
                tr(
                    "The weights in {file} are damaged or cut short ({error}). Fetch the model "
                    "again.",
                    file=file,
                    error=error,
                )
            ) from error
    return found


def _count_parameters(stored: Stored, *, tied: bool) -> int:
    """Sum the sizes of all parameters; tied heads count once."""
    skipped = (*BUFFERS, "lm_head.weight", "embed_out.weight") if tied else BUFFERS
    return sum(
        math.prod(shape)
        for name, (dtype, shape) in stored.items()
        if not name.endswith(skipped) and "F" in dtype  # F32, BF16, …
    )


def _table_width(stored: Stored, vocabulary: int) -> int | None:
    """Return the width of the table of input embeddings, which need not be the hidden size.

    OPT-350m, for one, looks up 512 numbers and computes with 1,024.
    """
    tables = [
        (len(name), shape[1])
        for name, (_, shape) in stored.items()
        if _TABLE.search(name) and len(shape) == 2 and shape[0] == vocabulary
    ]
    return min(tables, default=(0, None))[1]


def weight_files(folder: Path) -> list[Path]:
    """Return the model's safetensors files, as transformers would choose them.

    Raises:
        IncompleteModelError: if there are none, or some of a sharded model are missing.
    """
    single, index = "model.safetensors", "model.safetensors.index.json"
    named = read_object(folder / "config.json").get("transformers_weights")
    if named is not None and not str(named).endswith((".safetensors", ".safetensors.index.json")):
        raise ModelError(
            tr(
                "config.json in {folder} names the weights {name}, and only safetensors are loaded "
                "here. Save the model with `save_pretrained` or choose another.",
                folder=folder,
                name=repr(str(named)[:80]),
            )
        )
    chosen = str(named) if named else single if (folder / single).is_file() else index
    shards: Any = {"": chosen}
    if chosen.endswith(".json"):
        shards = read_object(_inside(folder, chosen)).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise IncompleteModelError(
            tr(
                "The weights of the model in {folder} should be in model.safetensors, but are only "
                "as .bin. Save them with `save_pretrained(folder, safe_serialization=True)`.",
                folder=folder,
            )
            if any(folder.glob("*.bin"))
            else tr(
                "The folder {folder} has no weights: neither model.safetensors nor parts of it. "
                "Fetch the model again.",
                folder=folder,
            )
        )
    files = sorted({_inside(folder, str(name)) for name in shards.values()})
    # pathlib raises where a name is too long to be one
    missing = [file.name[:80] for file in files if not os.path.isfile(file)]  # noqa: PTH113
    if missing:
        raise IncompleteModelError(
            tr(
                "{missing} of the {files} weight files in {folder} are missing, {first} for one. "
                "Fetch the model again.",
                missing=len(missing),
                files=len(files),
                folder=folder,
                first=missing[0],
            )
        )
    return files


def _inside(folder: Path, name: str) -> Path:
    """Return a file of a folder by its name there.

    Raises:
        IncompleteModelError: if the name leads out of the folder.
    """
    name = os.path.normpath(name)
    if name.startswith(("/", "..", "~")) or "\0" in name:
        raise IncompleteModelError(
            tr(
                "The list of weight files in {folder} names {name}, which is not in that folder. "
                "Fetch the model again.",
                folder=folder,
                name=repr(name),
            )
        )
    return folder / name


def stored_formats(folder: Path) -> set[str]:
    """Return the number formats of the weights in a folder, as safetensors names them: BF16, F32.

    Raises:
        ModelError: if a file cannot be read.
    """
    return {dtype for dtype, _ in _stored(folder).values()}
