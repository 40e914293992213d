"""`python -m explorer depth`: how far apart the solutions of a set are, layer by layer."""

import argparse
import json
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results
from explorer.cli.device import alone_on, named
from explorer.cli.progress import carry_out
from explorer.geometry import depth
from explorer.solutions import sets
from explorer.specs.jobs import DepthSpec


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "depth",
        help="distances between the solutions of a set by layer, with statistics",
        description="Cosine distances between the exact solutions of a set, of the hidden states "
        "after every layer: same text, same context and different contexts, with statistics.",
    )
    flags.add(command, DepthSpec)
    flags.add_common(command, out="Folder for a CSV.")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry `depth` out; what was measured before is read."""
    if arguments.out is not None:
        results.folder(arguments.out)
    found = sets.read(sets.find(arguments.set))
    made = depth.load(found.record)
    if made is None:
        from explorer.tasks.inside.depth import DepthTask

        with alone_on(named(arguments.device)) as pool:
            task = DepthTask(found, pool)
            carry_out(task)
        made = task.found
        assert made is not None
    if arguments.out is not None:
        file = arguments.out / f"depth-{found.record.id}.csv"
        write_atomically(file, made.table.to_csv(index=False).encode())
    print(json.dumps(made.model_dump(mode="json")) if arguments.json else made.sentence)
    return 0
