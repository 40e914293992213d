"""`python -m explorer assets`: download what the app needs, and list what is there."""

import argparse
from typing import Any

from explorer.assets import catalog, memory, packaged
from explorer.assets.catalog import ModelCard
from explorer.base.errors import BadInputError
from explorer.base.formatting import human_bytes, human_count
from explorer.cli import flags, results
from explorer.cli.progress import ProgressBar


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "assets",
        help="bring the embedded model and the texts onto this disk; say what is there",
        description="Bring the embedded model and Shakespeare's works onto this disk, once; "
        "afterward no network is needed. With --model, bring another model.",
    )
    command.add_argument(
        "--model",
        type=catalog.from_here,
        help="Also bring this model: a name from the list or a hub id.",
    )
    command.add_argument("--list", action="store_true", help="Only say what is there.")
    flags.add_json(command)
    command.set_defaults(run=run)


def downloaded(model: str) -> ModelCard:
    """Return a model that is on this disk, downloading it if it was not.

    Raises:
        ModelError: if there is no such model, or it cannot be used.
        MissingAssetError: if it is not here and there is no network.
        StorageError: if the disk refuses.
    """
    card = catalog.find(model)
    if card.folder is None:
        with ProgressBar(card.title) as bar:
            catalog.download(card, bar)
    return catalog.find(model)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    if arguments.list and arguments.model:
        raise BadInputError("--list only says what is there. Leave it or --model out.")
    if not arguments.list:
        for asset in packaged.ALL:
            with ProgressBar(asset.title) as bar:
                packaged.fetch(asset, bar)
        if arguments.model:
            downloaded(arguments.model)
    found: list[dict[str, Any]] = [
        {
            "model": card.name,
            "parameters": card.parameters,
            "d_model": card.d_model,
            "memory": memory.needed_by(card),
            "path": str(card.folder) if card.folder else None,
        }
        for card in catalog.known_models()
    ]
    texts: dict[str, str | None] = {
        asset.name: str(packaged.path(asset)) if packaged.is_present(asset) else None
        for asset in packaged.ALL
    }
    if arguments.json:
        results.print_json({"models": found, "assets": texts})
        return 0
    for entry in found:
        size = human_count(entry["parameters"]) if entry["parameters"] else "?"
        needs = human_bytes(entry["memory"]) if entry["memory"] else "?"
        place = entry["path"] or "not on this disk"
        print(f"{entry['model']:32} {size:>6} parameters  {needs:>8} of memory  {place}")
    for name, where in texts.items():
        if name in {entry["model"] for entry in found}:
            continue
        print(f"{name:32} {where or 'not on this disk'}")
    return 0
