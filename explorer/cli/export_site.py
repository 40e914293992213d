"""`proto-tokens export-site DIR`: the recorded results as a folder of HTML."""

import argparse
from pathlib import Path
from typing import Any

from explorer.cli import flags, results


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "export-site",
        help="write the recorded results as a folder of HTML that needs no server",
        description="Write the results that ship with the project as one folder of HTML: runs that "
        "play, charts and tables of every experiment, maps, paths. It works from a disk, on any "
        "web server and inside a course page, and asks nobody for anything. Open index.html.",
    )
    command.add_argument("folder", metavar="DIR", type=Path, help="A new folder, or an old export.")
    flags.add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    from explorer.site.writing import write

    made = [path.resolve() for path in write(arguments.folder)]
    results.print_json({"pages": made}) if arguments.json else print(made[0])
    return 0
