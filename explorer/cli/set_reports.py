"""`python -m explorer depth` and `roles`: what the vectors of a set say."""

import argparse
import json
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out
from explorer.geometry import depth, roles
from explorer.solutions import sets
from explorer.specs.jobs import DepthSpec, RolesSpec

REPORTS: dict[str, Any] = {"depth": depth.REPORTS, "roles": roles.REPORTS}


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
    reports = REPORTS[arguments.command]
    made = reports.load(found.record)
    if made is None:
        with alone_on(named(arguments.device)) as pool:
            made = carry_out(_task_of(arguments.command)(found, pool)).found
    if arguments.out is not None:
        file = arguments.out / f"{reports.name}-{found.record.id}.csv"
        write_atomically(file, made.table.to_csv(index=False).encode())
    print(json.dumps(made.model_dump(mode="json")) if arguments.json else made.sentence)
    return 0


def _task_of(command: str) -> Any:
    """Return the task that makes a report; torch comes with it."""
    if command == "depth":
        from explorer.tasks.inside.depth import DepthTask

        return DepthTask
    from explorer.tasks.inside.roles import RolesTask

    return RolesTask
