"""What a model's config.json says, read without torch, and whether that can be used here."""

import ast
import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer.base.errors import ModelError
from explorer.base.language import tr

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

CAUSAL_ENDINGS = ("ForCausalLM", "LMHeadModel")
_CAUSAL_TABLE = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"


class IncompleteModelError(ModelError):
    """A file is missing or cut short: fetching the model again may help."""


def read_vocabulary(folder: Path) -> int | None:
    """Return how many tokens a folder's model has embeddings for, None if it does not say.

    Raises:
        IncompleteModelError: if config.json cannot be read.
    """
    return find(text_part(read_object(folder / "config.json")), *VOCABULARY)


def kinds_of_layers(config: dict[str, Any]) -> int:
    """Return how many layers a configuration says the kind of, one by one; 0 if it does not."""
    kinds: Any = next(
        (config[name] for name in ("layers_block_type", "layer_types") if name in config), []
    )
    return len(kinds) if isinstance(kinds, list) else 0


def text_part(config: dict[str, Any]) -> dict[str, Any]:
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
            tr("{file} cannot be read ({error}). Fetch the model again.", file=file, error=error)
        ) from error
    if not isinstance(value, dict):
        raise IncompleteModelError(
            tr("{file} does not hold a JSON object. Fetch the model again.", file=file)
        )
    return value


def read_config(folder: Path) -> dict[str, Any]:
    """Return what config.json of a folder says.

    Raises:
        IncompleteModelError: if there is none, or it is empty or cut short.
        ModelError: if it is not of a causal language model that can be used here.
    """
    config = read_object(folder / "config.json")
    if not config and (folder / "config.json").is_file():
        raise IncompleteModelError(
            tr(
                "config.json in {folder} is empty: it names no kind of model. Fetch the model "
                "again.",
                folder=folder,
            )
        )
    if not config:
        raise IncompleteModelError(
            tr(
                "The folder {folder} has no config.json, so it is not a model that transformers "
                "can load. Choose the folder that holds config.json.",
                folder=folder,
            )
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
            tr(
                "The model in {folder} is not a causal language model ({classes}). {advice}",
                folder=folder,
                classes=", ".join(classes) or tr("config.json names no architecture"),
                advice=tr(
                    "transformers loads no text model out of it: choose a model of text alone."
                )
                if multimodal
                else tr("Choose one whose architecture ends in ForCausalLM."),
            )
        )
    if kind not in _causal_types():
        raise ModelError(
            tr(
                "The model in {folder} needs code of its own ({kind}): transformers has no causal "
                "language model of that type, and code from elsewhere is never run here. Choose "
                "another model.",
                folder=folder,
                kind=kind,
            )
            if "auto_map" in config
            else tr(
                "The model in {folder} is of an unknown type ({kind}): transformers has no causal "
                "language model of that type. Choose another model.",
                folder=folder,
                kind=kind,
            )
        )
    if kind.endswith("_assistant"):
        raise ModelError(
            tr(
                "The model in {folder} ({kind}) drafts tokens for another model and reads its "
                "inner states, so it cannot be used by itself. Choose the model that it was made "
                "for.",
                folder=folder,
                kind=kind,
            )
        )
    if config.get("quantization_config"):
        raise ModelError(
            tr(
                "The model in {folder} has quantized weights, which cannot be used here. Choose "
                "its original in float32, bfloat16 or float16.",
                folder=folder,
            )
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


def find(config: dict[str, Any], *names: str) -> int | None:
    """Return a size by the first of its names that a configuration has; None if it has none."""
    values = (config.get(name) for name in names)
    return next(
        (v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0), None
    )


def demand(folder: Path, config: dict[str, Any], *names: str) -> int:
    """Return the same.

    Raises:
        IncompleteModelError: if it has none.
    """
    value = find(config, *names)
    if value is None:
        raise IncompleteModelError(
            tr(
                "config.json in {folder} does not say {name}, nor by another name that is known "
                "here. If a file was cut short, fetch the model again; otherwise choose another.",
                folder=folder,
                name=names[0],
            )
        )
    return value
