"""Nothing that a model folder can contain gives a traceback on the command line."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.cli.main import main

KEYS = st.sampled_from(
    ["architectures", "attention_bias", "attention_dropout", "bos_token_id", "dtype",
     "eos_token_id", "head_dim", "hidden_act", "hidden_size", "initializer_range",
     "intermediate_size", "is_decoder", "max_position_embeddings", "mlp_bias", "model_type",
     "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "pad_token_id",
     "quantization_config", "rms_norm_eps", "rope_parameters", "rope_scaling", "text_config",
     "tie_word_embeddings", "torch_dtype", "use_cache", "vocab_size", "layer_types",
     "attn_implementation", "transformers_version"]
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 400)
    | st.sampled_from([1e9, 2**70, 0.5, -1.0])
    | st.sampled_from(["", "llama", "gpt2", "silu", "float16", "nonsense", "default", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
FILES = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
)


def _reconstruct(folder: Path, out: Path) -> int:
    return main(
        ["reconstruct", "--model", str(folder), "--text", "The heron waits", "--length", "2",
         "--arrangement", "e+mN", "--set", "max_steps=2", "--restarts", "1", "--device", "cpu",
         "--out", str(out)]
    )  # fmt: skip


def _files(folder: Path, model: Path, changed: dict[str, bytes]) -> Path:
    folder.mkdir()
    for file in model.iterdir():
        if file.name not in changed:
            (folder / file.name).symlink_to(file)
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.end_to_end
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(file=st.sampled_from(FILES), changes=st.dictionaries(KEYS, VALUES, min_size=1, max_size=2))
def test_no_settings_give_a_traceback(
    tiny_llama_folder: Path, file: str, changes: dict[str, Any]
) -> None:
    before = tiny_llama_folder / file
    settings_before = json.loads(before.read_text()) if before.is_file() else {}
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(Path(made) / "cache"))
        content = json.dumps(settings_before | changes).encode()
        folder = _files(Path(made) / "model", tiny_llama_folder, {file: content})
        assert _reconstruct(folder, Path(made) / "out") in (0, 2, 3)


@pytest.mark.end_to_end
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["tokenizer.json", "model.safetensors", "config.json"]),
    at=st.floats(0, 1, exclude_max=True),
    put=st.binary(max_size=6),
    cut=st.booleans(),
)
def test_no_damage_gives_a_traceback(
    tiny_llama_folder: Path, name: str, at: float, put: bytes, cut: bool
) -> None:
    data = (tiny_llama_folder / name).read_bytes()
    where = int(at * min(len(data), 4_000))  # in the header of the weights
    damaged = data[:where] + put + (b"" if cut else data[where + len(put) :])
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(Path(made) / "cache"))
        folder = _files(Path(made) / "model", tiny_llama_folder, {name: damaged})
        assert _reconstruct(folder, Path(made) / "out") in (0, 2, 3)


def test_a_tokenizer_that_changes_the_text_says_so_before_it_starts(
    tiny_llama_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((tiny_llama_folder / "tokenizer.json").read_text())
    changed = json.dumps(content | {"normalizer": {"type": "Lowercase"}}).encode()
    folder = _files(tmp_path / "model", tiny_llama_folder, {"tokenizer.json": changed})
    assert _reconstruct(folder, tmp_path / "out") in (0, 3)
    assert "changes the text: it reads “The” as “the”" in capfd.readouterr().err
    texts, on = tmp_path / "texts.jsonl", ["--model", str(folder), "--device", "cpu"]
    texts.write_text('{"text": "a heron waits"}\n{"text": "The heron waits"}')
    gathered = ["--texts", str(texts), "--regime", "free", "--set", "max_steps=2"]
    assert main(["solve-set", *gathered, "--length", "2", "--restarts", "1", *on]) in (0, 3)
    assert "some of the texts: it reads “The” as “the”" in capfd.readouterr().err
    small = ["--set", "lengths=[2]", "--set", "texts=1", "--set", "source=unseen"]
    assert main(["run", "training-time", "--set", "recipe.max_steps=2", *small, *on]) == 0
    assert "it reads “" in capfd.readouterr().err


@pytest.fixture(scope="module")
def sharded(tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in several files and an index."""
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("sharded")
    network = AutoModelForCausalLM.from_pretrained(tiny_llama_folder)
    network.save_pretrained(folder, max_shard_size="20KB")
    for file in tiny_llama_folder.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


INDEX = "model.safetensors.index.json"
ENTRIES = VALUES | st.sampled_from(
    ["model-00002-of-00007.safetensors", "model.safetensors", "config.json", "..", "/dev/zero",
     "~/x.safetensors", "a\0b", "x" * 300 + ".safetensors"]
)  # fmt: skip


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(which=st.integers(0, 10), entry=ENTRIES, whole=st.booleans())
def test_no_index_gives_a_traceback(sharded: Path, which: int, entry: Any, whole: bool) -> None:
    index = json.loads((sharded / INDEX).read_text())
    names = sorted(index["weight_map"])
    index["weight_map"] = entry if whole else index["weight_map"] | {names[which]: entry}
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(Path(made) / "cache"))
        folder = _files(Path(made) / "model", sharded, {INDEX: json.dumps(index).encode()})
        assert _reconstruct(folder, Path(made) / "out") in (0, 2, 3)


HEADER = st.dictionaries(
    st.sampled_from(["dtype", "shape", "data_offsets", "other"]),
    VALUES | st.sampled_from(["F16", "BF16", "I64", "F8_E4M3", [0, 8], [32, -1], [2**63, 4], [1]]),
    min_size=1,
    max_size=2,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(which=st.integers(0, 20), changes=HEADER | st.none())
def test_no_header_gives_a_traceback(
    tiny_llama_folder: Path, which: int, changes: dict[str, Any] | None
) -> None:
    data = (tiny_llama_folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    name = sorted(header)[which % len(header)]
    header[name] = changes if changes is None else header[name] | changes
    text = json.dumps(header).encode()
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(Path(made) / "cache"))
        changed = {"model.safetensors": len(text).to_bytes(8, "little") + text + data[8 + size :]}
        folder = _files(Path(made) / "model", tiny_llama_folder, changed)
        assert _reconstruct(folder, Path(made) / "out") in (0, 2, 3)
