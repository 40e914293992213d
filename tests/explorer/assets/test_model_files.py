import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from benchmarks.models import build
from explorer.assets import model_config
from explorer.assets.fingerprint import fingerprint
from explorer.assets.model_config import IncompleteModelError, read_object
from explorer.assets.model_files import ModelFacts, read_facts, stored_formats
from explorer.assets.tokenizing import Tokenizer
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
        ({"architectures": 5}, "names no architecture"),
        ({"vocab_size": True}, "does not say vocab_size"),
        ({"vocab_size": -300}, "does not say vocab_size"),
        ({"model_type": "own", "auto_map": {"AutoModel": "m.Own"}}, "needs code of its own"),
        ({"model_type": "own"}, "unknown type"),
        ({"model_type": "../../models"}, "unknown type"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantized weights"),
        ({"num_hidden_layers": None}, "does not say num_hidden_layers"),
        ({"vocab_size": "many"}, "does not say vocab_size"),
        ({"model_type": "gemma4_assistant"}, "drafts tokens for another model"),
        ({"transformers_weights": "adapter_model.bin"}, "only safetensors are loaded here"),
        ({"transformers_weights": 5}, "only safetensors are loaded here"),
        ({"transformers_weights": "../other.safetensors"}, "not in that folder"),
        ({"transformers_weights": "none.safetensors"}, "none.safetensors for one"),
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
        ("model.safetensors", r"no weights: neither model\.safetensors nor"),
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

    assert model_config._causal_types() == dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


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


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("gpt_neo", {}), ("xglm", {}), ("mpt", {}), ("xlnet", {}), ("ctrl", {}), ("bart", {}),
     ("prophetnet", {}), ("opt", {"word_embed_proj_dim": 16}), ("electra", {"embedding_size": 16}),
     ("gemma3", {}), ("nemotron_h", {}), ("xlm", {"causal": True})],
)  # fmt: skip
def test_sizes_are_found_whatever_a_family_calls_them(
    tmp_path: Path, kind: str, changes: dict[str, Any]
) -> None:
    from transformers import AutoModelForCausalLM

    folder = build(kind, tmp_path / kind, **changes)
    facts = read_facts(folder)
    network: Any = AutoModelForCausalLM.from_pretrained(folder)
    table = network.get_input_embeddings().weight
    assert (facts.vocab_size, facts.d_model) == tuple(table.shape)
    assert facts.layers >= 2 and facts.max_positions in (128, None)


def test_every_name_that_transformers_maps_is_known() -> None:
    """What its attribute maps call a size, so that a family that comes to it later is seen here."""
    from transformers import CONFIG_MAPPING

    known = {
        "hidden_size": model_config.WIDTH,
        "num_hidden_layers": (*model_config.LAYERS, "encoder_layers"),  # says decoder_layers too
        "vocab_size": model_config.VOCABULARY,
        "max_position_embeddings": (*model_config.MAX_POSITIONS, "context_length"),  # no limit
    }
    for kind in model_config._causal_types():
        for name, own in getattr(CONFIG_MAPPING[kind], "attribute_map", {}).items():
            assert name not in known or own in known[name], (kind, name, own)


def test_shards_are_what_the_index_names(tiny_neox_folder: Path, copied_folder: Copy) -> None:
    folder = copied_folder(tiny_neox_folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {"first.safetensors": names[::2], "model.safetensors-2": names[1::2]}
    for file, held in files.items():
        save_file({name: tensors[name] for name in held}, folder / file, {"format": "pt"})
    index = {"weight_map": {name: file for file, held in files.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file({"other": np.ones(7, np.float32)}, folder / "adapter.safetensors")

    assert read_facts(folder) == read_facts(tiny_neox_folder)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a\0b", "x/../../y"])
def test_shards_outside_of_the_folder_are_not_read(
    tiny_neox_folder: Path, copied_folder: Copy, name: str
) -> None:
    folder = copied_folder(tiny_neox_folder)
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    index = {"weight_map": {"embed_out.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(IncompleteModelError, match="not in that folder"):
        read_facts(folder)


def test_an_adapter_is_not_taken_for_its_model(
    tiny_llama_folder: Path, copied_folder: Copy
) -> None:
    """Where peft is installed, transformers would load the model that the adapter names instead."""
    folder = copied_folder(tiny_llama_folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "other/model"}')
    with pytest.raises(ModelError, match="holds an adapter"):
        read_facts(folder)


@pytest.mark.parametrize("nothing", [None, {}, False])
def test_a_quantisation_that_says_nothing_is_none(
    tiny_llama_folder: Path, copied_folder: Copy, nothing: object
) -> None:
    folder = copied_folder(tiny_llama_folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": nothing}))
    assert read_facts(folder).d_model == 32


NAMES = st.sampled_from(
    ["model_type", "architectures", "hidden_size", "vocab_size", "num_hidden_layers", "text_config",
     "max_position_embeddings", "tie_word_embeddings", "quantization_config", "auto_map",
     "bos_token_id", "decoder", "rope_parameters", "torch_dtype"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(NAMES, JSON, max_size=3))
def test_no_config_gives_anything_but_facts_or_a_sentence(
    tiny_llama_folder: Path, changes: dict[str, Any]
) -> None:
    config = json.loads((tiny_llama_folder / "config.json").read_text())
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for file in ("model.safetensors", "tokenizer.json"):
            (folder / file).symlink_to(tiny_llama_folder / file)
        (folder / "config.json").write_text(json.dumps(config | changes))
        with contextlib.suppress(ModelError):
            assert read_facts(folder).vocab_size > 0
            Tokenizer.load(folder).encode("The heron")


@settings(max_examples=150, deadline=None)
@given(header=JSON | st.binary(max_size=40), size=st.integers(0, 2**64 - 1) | st.none())
def test_no_header_gives_anything_but_facts_or_a_sentence(
    tiny_llama_folder: Path, header: Any, size: int | None
) -> None:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        folder = Path(made)
        patch.setenv("EXPLORER_CACHE", made)
        for file in ("config.json", "tokenizer.json"):
            (folder / file).symlink_to(tiny_llama_folder / file)
        length = (len(data) if size is None else size).to_bytes(8, "little")
        (folder / "model.safetensors").write_bytes(length + data + bytes(64))
        for read in (read_facts, stored_formats, fingerprint):
            with contextlib.suppress(ModelError):
                read(folder)


@pytest.mark.parametrize("depth", [10_000, 200_000])
def test_a_config_nested_without_end_is_said(
    tiny_llama_folder: Path, copied_folder: Copy, depth: int
) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / "config.json").write_text('{"a":' * depth + "1" + "}" * depth)
    with pytest.raises(IncompleteModelError, match="cannot be read"):
        read_facts(folder)
