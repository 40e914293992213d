"""What a model folder says about itself, read without torch: config.json and safetensors."""

import ast
import importlib.util
import json
import math
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from explorer.base.errors import ModelError

BUFFERS = (
    ".attention.bias",
    ".attention.masked_bias",
    ".attn.bias",
    ".attn.masked_bias",
    ".rotary_emb.inv_freq",
)
"""Constants that older checkpoints (Pythia, GPT-2) store beside their parameters."""

MAX_POSITIONS = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "model_max_length",
    "max_target_positions",
)
"""What configurations call the longest input."""
WIDTH = ("hidden_size", "n_embd", "d_model", "emb_dim", "embedding_dim")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers",
          "num_decoder_layers", "num_blocks", "num_layers_per_stack")  # fmt: skip
VOCABULARY = ("vocab_size", "n_words")

_TABLE = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings?|embeddings?|tokens_embed|w|embed"
    r"|input_embedding)\.weight$"
)
"""Names of the table of input embeddings."""

CAUSAL_ENDINGS = ("ForCausalLM", "LMHeadModel")
_CAUSAL_TABLE = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"


class IncompleteModelError(ModelError):
    """A file is missing or cut short: fetching the model again may help."""


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
        raise ModelError(f"There is no model folder {folder}. Check the path.")
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"The folder {folder} holds an adapter (adapter_config.json) to another model. Merge "
            "it into that model and save them as one; if this model is complete, remove the file."
        )
    config = _read_config(folder)
    tied = config.get("tie_word_embeddings") is True
    config = _text_part(config)
    stored = _stored(folder)
    if not (folder / "tokenizer.json").is_file():
        raise IncompleteModelError(
            f"The model folder {folder} has no tokenizer.json. "
            "Save the model's fast tokenizer into it (`tokenizer.save_pretrained`)."
        )
    vocabulary = _demand(folder, config, *VOCABULARY)
    width = _table_width(stored, vocabulary)
    return ModelFacts(
        parameters=_count_parameters(stored, tied=tied),
        d_model=width or _demand(folder, config, *WIDTH),
        layers=_find(config, *LAYERS)
        or _kinds_of_layers(config)
        or _demand(folder, config, *LAYERS),
        max_positions=_find(config, *MAX_POSITIONS),
        vocab_size=vocabulary,
    )


def read_vocabulary(folder: Path) -> int | None:
    """Return how many tokens a folder's model has embeddings for, None if it does not say.

    Raises:
        IncompleteModelError: if config.json cannot be read.
    """
    return _find(_text_part(read_object(folder / "config.json")), *VOCABULARY)


def _kinds_of_layers(config: dict[str, Any]) -> int:
    """Return how many layers a configuration says the kind of, one by one; 0 if it does not."""
    kinds: Any = next(
        (config[name] for name in ("layers_block_type", "layer_types") if name in config), []
    )
    return len(kinds) if isinstance(kinds, list) else 0


def _text_part(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with what a multimodal one says of its text model put on top."""
    parts = (config.get(name) for name in ("text_config", "decoder"))
    return config | next((part for part in parts if isinstance(part, dict)), {})


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in `file`, empty if there is no such file.

    Raises:
        IncompleteModelError: if the file does not hold a JSON object.
    """
    try:
        if not file.is_file():
            return {}
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise IncompleteModelError(
            f"{file} cannot be read ({error}). Fetch the model again."
        ) from error
    if not isinstance(value, dict):
        raise IncompleteModelError(f"{file} does not hold a JSON object. Fetch the model again.")
    return value


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_object(folder / "config.json")
    if not config and (folder / "config.json").is_file():
        raise IncompleteModelError(
            f"config.json in {folder} is empty: it names no kind of model. Fetch the model again."
        )
    if not config:
        raise IncompleteModelError(
            f"The folder {folder} has no config.json, so it is not a model that transformers can "
            "load. Choose the folder that holds config.json."
        )
    kind = str(config.get("model_type", "unknown"))
    named = config.get("architectures")
    classes = [str(name) for name in named] if isinstance(named, list) else []
    multimodal = isinstance(config.get("text_config"), dict)
    causal = (*CAUSAL_ENDINGS, *([_causal_types()[kind]] if kind in _causal_types() else []))
    if not any(name.endswith(causal) for name in classes) and not (
        multimodal and kind in _causal_types() and classes
    ):
        raise ModelError(
            f"The model in {folder} is not a causal language model "
            f"({', '.join(classes) or 'config.json names no architecture'}). "
            + (
                "transformers loads no text model out of it: choose a model of text alone."
                if multimodal
                else "Choose one whose architecture ends in ForCausalLM."
            )
        )
    if kind not in _causal_types():
        reason = "needs code of its own" if "auto_map" in config else "is of an unknown type"
        raise ModelError(
            f"The model in {folder} {reason} ({kind}): transformers has no causal language model "
            "of that type, and code from elsewhere is never run here. Choose another model."
        )
    if kind.endswith("_assistant"):
        raise ModelError(
            f"The model in {folder} ({kind}) drafts tokens for another model and reads its inner "
            "states, so it cannot be used by itself. Choose the model that it was made for."
        )
    if config.get("quantization_config"):
        raise ModelError(
            f"The model in {folder} has quantized weights, which cannot be used here. "
            "Choose its original in float32, bfloat16 or float16."
        )
    return config


@lru_cache(maxsize=1)
def _causal_types() -> dict[str, str]:
    """Return the model types that transformers loads as causal language models, and their classes.

    They are read from the source of its auto classes: importing it would bring torch along, and
    the folder of a type may go by another name (gemma3_text lies in gemma3).
    """
    spec = importlib.util.find_spec("transformers")
    types: dict[str, str] = {}
    for root in (spec and spec.submodule_search_locations) or []:
        source = (Path(root) / "models" / "auto" / "modeling_auto.py").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _CAUSAL_TABLE:
                pairs = [pair for pair in ast.walk(node.value) if isinstance(pair, ast.Tuple)]
                types |= {a: b for a, b in map(ast.literal_eval, pairs) if isinstance(a, str)}
    return types


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
                f"The weights in {file} are damaged or cut short ({error}). Fetch the model again."
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
            f"config.json in {folder} names the weights {str(named)[:80]!r}, and only safetensors "
            "are loaded here. Save the model with `save_pretrained` or choose another."
        )
    chosen = str(named) if named else single if (folder / single).is_file() else index
    shards: Any = {"": chosen}
    if chosen.endswith(".json"):
        shards = read_object(_inside(folder, chosen)).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        found = "only as .bin" if any(folder.glob("*.bin")) else "nowhere"
        raise IncompleteModelError(
            f"The weights of the model in {folder} should be in model.safetensors, but are {found}."
            " Save them with `save_pretrained(folder, safe_serialization=True)`."
        )
    files = sorted({_inside(folder, str(name)) for name in shards.values()})
    # pathlib raises where a name is too long to be one
    missing = [file.name[:80] for file in files if not os.path.isfile(file)]  # noqa: PTH113
    if missing:
        raise IncompleteModelError(
            f"{len(missing)} of the {len(files)} weight files in {folder} are missing, "
            f"{missing[0]} for one. Fetch the model again."
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
            f"The list of weight files in {folder} names {name!r}, which is not in that "
            "folder. Fetch the model again."
        )
    return folder / name


def stored_formats(folder: Path) -> set[str]:
    """Return the number formats of the weights in a folder, as safetensors names them: BF16, F32.

    Raises:
        ModelError: if a file cannot be read.
    """
    return {dtype for dtype, _ in _stored(folder).values()}


def _find(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next(
        (v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0), None
    )


def _demand(folder: Path, config: dict[str, Any], *names: str) -> int:
    value = _find(config, *names)
    if value is None:
        raise IncompleteModelError(
            f"config.json in {folder} does not say {names[0]}, nor by another name that is known "
            "here. If a file was cut short, fetch the model again; otherwise choose another."
        )
    return value
