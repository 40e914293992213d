"""`python -m explorer depth` and `roles`: what the vectors of a set say."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results
from explorer.cli.device import alone_on, named
from explorer.cli.progress import carry_out
from explorer.geometry import depth, roles
from explorer.solutions import sets
from explorer.specs.jobs import DepthSpec, RolesSpec


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    for name, spec, summary, description in (
        (
            "depth",
            DepthSpec,
            "distances between the solutions of a set by layer, with statistics",
            "Cosine distances between the exact solutions of a set, of the hidden states after "
            "every layer: same text, same context and different contexts, with statistics.",
        ),
        (
            "roles",
            RolesSpec,
            "what e and what m carry, over a set",
            "What can be read from e and from m of a set's exact solutions by a linear map: "
            "meaning, context, source, length, first and last token. What comes out when m is "
            "swapped, and how much noise each stands.",
        ),
    ):
        command = commands.add_parser(name, help=summary, description=description)
        flags.add(command, spec)
        flags.add_common(command, out="Folder for a CSV.")
        command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry one of them out; what was measured before is read."""
    if arguments.out is not None:
        results.folder(arguments.out)
    found = sets.read(sets.find(arguments.set))
    reports, task_of = KINDS[arguments.command]
    made = reports.load(found.record)
    if made is None:
        with alone_on(named(arguments.device)) as pool:
            task = task_of()(found, pool)
            carry_out(task)
        made = task.found
        assert made is not None
    if arguments.out is not None:
        file = arguments.out / f"{reports.name}-{found.record.id}.csv"
        write_atomically(file, made.table.to_csv(index=False).encode())
    print(json.dumps(made.model_dump(mode="json")) if arguments.json else made.sentence)
    return 0


def _depth() -> Any:
    from explorer.tasks.inside.depth import DepthTask

    return DepthTask


def _roles() -> Any:
    from explorer.tasks.inside.roles import RolesTask

    return RolesTask


KINDS: dict[str, tuple[Any, Callable[[], Any]]] = {
    "depth": (depth.REPORTS, _depth),
    "roles": (roles.REPORTS, _roles),
}
"""Where the reports of each command lie, and the task that makes one, with torch."""
