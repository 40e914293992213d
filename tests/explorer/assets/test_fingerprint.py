import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from explorer.assets import fingerprint as fingerprints
from explorer.assets.fingerprint import fingerprint, matches
from explorer.base import folders
from explorer.base.errors import ModelError

Copy = Callable[[Path], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Weights of a made-up model in one file."""
    draw = np.random.default_rng(0)
    tensors = {
        "b.weight": draw.normal(size=(4, 6)).astype(np.float32),
        "a.weight": draw.normal(size=(3,)).astype(np.float16),
        "c.weight": draw.normal(size=(2, 2)).astype(np.float32),
    }
    (tmp_path / "made").mkdir()
    save_file(tensors, tmp_path / "made" / "model.safetensors")
    return tmp_path / "made"


def _rewrite(folder: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_it_is_a_sha256_and_stays_the_same(folder: Path) -> None:
    first = fingerprint(folder)
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert fingerprint(folder) == first


def test_the_folder_and_the_modification_time_do_not_matter(
    folder: Path, copied_folder: Copy, tiny_llama_folder: Path
) -> None:
    before = fingerprint(folder)
    os.utime(folder / "model.safetensors", (1, 1))
    assert fingerprint(folder) == before
    assert fingerprint(copied_folder(tiny_llama_folder)) == fingerprint(tiny_llama_folder)


@pytest.mark.parametrize("family", ["llama", "neox"])
def test_shards_do_not_matter(
    tmp_path: Path, family: str, tiny_llama_folder: Path, tiny_neox_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM

    whole = {"llama": tiny_llama_folder, "neox": tiny_neox_folder}[family]
    network = AutoModelForCausalLM.from_pretrained(whole)
    network.save_pretrained(tmp_path / "sharded", max_shard_size="30KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    assert fingerprint(tmp_path / "sharded") == fingerprint(whole)


def test_metadata_and_the_order_in_the_file_do_not_matter(folder: Path) -> None:
    before = fingerprint(folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(dict(reversed(tensors.items())), folder / "model.safetensors", {"note": "hello"})
    assert fingerprint(folder) == before


def test_one_bit_of_one_weight_matters(folder: Path) -> None:
    before = fingerprint(folder)

    def flip(tensors: dict[str, np.ndarray]) -> None:
        tensors["b.weight"].view(np.uint32)[2, 3] ^= 1

    _rewrite(folder, flip)
    changed = fingerprint(folder)
    assert changed != before
    _rewrite(folder, flip)
    assert fingerprint(folder) == before


def test_names_and_shapes_matter(folder: Path) -> None:
    seen = {fingerprint(folder)}

    def rename(tensors: dict[str, np.ndarray]) -> None:
        tensors["d.weight"] = tensors.pop("c.weight")

    def reshape(tensors: dict[str, np.ndarray]) -> None:
        tensors["b.weight"] = tensors["b.weight"].reshape(6, 4)

    def drop(tensors: dict[str, np.ndarray]) -> None:
        del tensors["a.weight"]

    for change in (rename, reshape, drop):
        _rewrite(folder, change)
        seen.add(fingerprint(folder))
    assert len(seen) == 4


def test_equal_weights_under_swapped_names_differ(folder: Path) -> None:
    before = fingerprint(folder)

    def swap(tensors: dict[str, np.ndarray]) -> None:
        tensors["z.weight"] = tensors.pop("b.weight")
        tensors["b.weight"] = tensors.pop("c.weight")
        tensors["c.weight"] = tensors.pop("z.weight")

    _rewrite(folder, swap)
    assert fingerprint(folder) != before


def test_large_weights_are_hashed_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    from explorer.assets import fingerprint as module

    before = fingerprint(folder)
    assert len(list((own_cache / "fingerprints").iterdir())) == 1

    def fail(files: list[Path]) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(module, "_hash_weights", fail)
    assert fingerprint(folder) == before


def test_a_cache_that_cannot_be_written_costs_only_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = fingerprint(folder)
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "file" / "cache"))
    assert folders.local() == tmp_path / "file" / "cache"
    assert fingerprint(folder) == before


def test_a_folder_without_safetensors_is_said(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"never read")
    with pytest.raises(ModelError, match="no safetensors"):
        fingerprint(tmp_path)


def test_weights_that_are_cut_short_are_said(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    for size in (0, 4, 8, 60, len(data) - 1):
        file.write_bytes(data[:size])
        with pytest.raises(ModelError, match=r"model\.safetensors"):
            fingerprint(folder)


@pytest.mark.parametrize(
    "header",
    [[], {"a": []}, {"a": {"shape": [1]}}, {"a": {"shape": [1], "data_offsets": "no"}}],
    ids=str,
)
def test_a_header_of_something_else_is_said(folder: Path, header: object) -> None:
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        fingerprint(folder)


def test_what_lies_beside_the_weights_is_not_the_model(
    tiny_neox_folder: Path, tmp_path: Path
) -> None:
    """An adapter, or the same weights once more in one file, which transformers does not load."""
    folder = Path(shutil.copytree(tiny_neox_folder, tmp_path / "model"))
    shutil.copy(folder / "model.safetensors", folder / "consolidated.safetensors")
    save_file({"lora": np.ones(3, np.float32)}, folder / "adapter_model.safetensors")
    assert fingerprint(folder) == fingerprint(tiny_neox_folder)


def test_a_fingerprint_of_everything_in_the_folder_is_still_recognised(
    tiny_neox_folder: Path, tmp_path: Path
) -> None:
    """As versions up to b423518 took it, which is what their solution files have."""
    folder = Path(shutil.copytree(tiny_neox_folder, tmp_path / "model"))
    save_file({"lora": np.ones(3, np.float32)}, folder / "adapter_model.safetensors")
    both = sorted(folder.glob("*.safetensors"))
    earlier = fingerprints._hash_weights(both)
    assert earlier != fingerprint(folder) and len(both) == 2
    assert matches(folder, earlier) and matches(folder, fingerprint(folder))
    assert not matches(folder, "0" * 64) and not matches(tiny_neox_folder, earlier)


def test_the_weights_that_the_configuration_names_are_the_model(
    tiny_llama_folder: Path, tmp_path: Path
) -> None:
    """They are what transformers loads, although there is a model.safetensors."""
    from transformers import AutoModelForCausalLM

    folder = Path(shutil.copytree(tiny_llama_folder, tmp_path / "model"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * 3
    save_file(tensors, folder / "later.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"transformers_weights": "later.safetensors"})
    )
    loaded = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert np.array_equal(loaded["model.norm.weight"].numpy(), tensors["model.norm.weight"])
    assert fingerprint(folder) != fingerprint(tiny_llama_folder)
    (folder / "model.safetensors").write_bytes((folder / "later.safetensors").read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    renamed = fingerprint(folder)
    (folder / "config.json").write_text(
        json.dumps(config | {"transformers_weights": "later.safetensors"})
    )
    assert fingerprint(folder) == renamed
