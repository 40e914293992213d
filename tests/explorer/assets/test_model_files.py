import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from explorer.assets.model_files import IncompleteModelError, ModelFacts, read_facts, read_object
from explorer.base.errors import ModelError

Copy = Callable[[Path], Path]


def _configure(folder: Path, **changes: Any) -> None:
    """Change config.json; None removes a key."""
    config = json.loads((folder / "config.json").read_text()) | changes
    kept = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("kind", ["tiny_llama_folder", "tiny_neox_folder"])
def test_facts_are_those_of_the_loaded_model(kind: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoModelForCausalLM

    folder = request.getfixturevalue(kind)
    model = AutoModelForCausalLM.from_pretrained(folder)

    assert read_facts(folder) == ModelFacts(
        parameters=model.num_parameters(), d_model=32, layers=2, max_positions=128, vocab_size=300
    )


def test_shards_are_added_up(tiny_neox_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_neox_folder)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    (tmp_path / "tokenizer.json").touch()
    shards = sorted(tmp_path.glob("*.safetensors"))

    assert len(shards) > 2
    assert read_facts(tmp_path) == read_facts(tiny_neox_folder)
    shards[1].unlink()
    with pytest.raises(IncompleteModelError, match=f"1 of the {len(shards)} weight files.*missing"):
        read_facts(tmp_path)


def test_stored_constants_and_tied_heads_are_no_parameters(
    tiny_llama_folder: Path, copied_folder: Copy
) -> None:
    folder = copied_folder(tiny_llama_folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    tensors["gpt_neox.layers.0.attention.bias"] = np.ones((1, 1, 8, 8), np.float32)
    tensors["gpt_neox.layers.0.attention.masked_bias"] = np.float32([-1e9])
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(4, np.float32)
    tensors["mask"] = np.ones((8, 8), np.bool_)
    save_file(tensors, folder / "model.safetensors")

    assert read_facts(folder) == read_facts(tiny_llama_folder)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "not a causal language model .BertForMaskedLM"),
        ({"architectures": None}, "names no architecture"),
        ({"model_type": "own", "auto_map": {"AutoModel": "m.Own"}}, "needs code of its own"),
        ({"model_type": "own"}, "unknown type"),
        ({"model_type": "../../models"}, "unknown type"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised weights"),
        ({"hidden_size": None}, "does not say hidden_size"),
        ({"vocab_size": "many"}, "does not say vocab_size"),
    ],
)
def test_a_config_that_cannot_be_used_is_said(
    tiny_llama_folder: Path, copied_folder: Copy, changes: dict[str, Any], sentence: str
) -> None:
    folder = copied_folder(tiny_llama_folder)
    _configure(folder, **changes)

    with pytest.raises(ModelError, match=sentence):
        read_facts(folder)


def test_own_code_beside_a_model_that_transformers_contain_is_ignored(
    tiny_llama_folder: Path, copied_folder: Copy
) -> None:
    folder = copied_folder(tiny_llama_folder)
    _configure(folder, auto_map={"AutoModelForCausalLM": "modeling.Own"})

    assert read_facts(folder).d_model == 32


def test_a_model_without_a_limit_of_positions(tiny_llama_folder: Path, copied_folder: Copy) -> None:
    folder = copied_folder(tiny_llama_folder)
    _configure(folder, max_position_embeddings=None)

    assert read_facts(folder).max_positions is None


@pytest.mark.parametrize("content", ["", "{", "[1]", "\xff\xfe"])
def test_a_broken_config_is_said(
    tiny_llama_folder: Path, copied_folder: Copy, content: str
) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / "config.json").write_text(content, encoding="latin-1")

    with pytest.raises(IncompleteModelError, match=r"config\.json"):
        read_facts(folder)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("config.json", r"no config\.json"),
        ("tokenizer.json", r"no tokenizer\.json"),
        ("model.safetensors", r"model\.safetensors, but are nowhere"),
    ],
)
def test_a_missing_file_is_said(
    tiny_llama_folder: Path, copied_folder: Copy, missing: str, sentence: str
) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / missing).unlink()

    with pytest.raises(IncompleteModelError, match=sentence):
        read_facts(folder)


def test_pickled_weights_are_said(tiny_llama_folder: Path, copied_folder: Copy) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelError, match=r"only as \.bin"):
        read_facts(folder)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_weights_cut_short_are_said(
    tiny_llama_folder: Path, copied_folder: Copy, length: int
) -> None:
    folder = copied_folder(tiny_llama_folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])

    with pytest.raises(IncompleteModelError, match="damaged or cut short"):
        read_facts(folder)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        read_facts(tmp_path / "nowhere")


def test_a_missing_object_is_empty(tmp_path: Path) -> None:
    assert read_object(tmp_path / "nowhere.json") == {}


def test_every_type_that_transformers_loads_is_accepted_and_no_other() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from explorer.assets import model_files

    assert model_files._causal_types() == dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def test_a_type_whose_folder_in_transformers_has_another_name_is_read(
    tiny_llama_folder: Path, tmp_path: Path
) -> None:
    """gemma3_text lies in the folder gemma3; the model is a real one, made and saved here."""
    from transformers import AutoModelForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((tiny_llama_folder / "tokenizer.json").read_bytes())
    facts = read_facts(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert (facts.d_model, facts.layers, facts.max_positions) == (32, 2, 128)
    assert facts.parameters == loaded.num_parameters()
