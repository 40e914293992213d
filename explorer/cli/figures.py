"""`python -m explorer figures`: every chart of stored results as files."""

import argparse
from pathlib import Path
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "figures",
        help="write every chart of stored results as SVG, PDF, PNG or HTML",
        description="Write every chart of runs, sets, paths, landscapes, looks inside and runs of "
        "experiments, each into a folder called as the result is. SVG, PDF and PNG are drawn by "
        "Chrome or Chromium, which must be installed.",
    )
    command.add_argument(
        "names", nargs="+", metavar="NAME", help="A result's id, its beginning, or its folder."
    )
    command.add_argument(
        "--format",
        default="svg",
        help="svg, pdf, png and html; several with commas between. Default: svg.",
    )
    command.add_argument(
        "--out", type=Path, default=Path("figures"), help="Folder. Default: figures."
    )
    flags.add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    from explorer.figures import files, stored

    formats = files.require_formats(arguments.format.split(","))
    found = [stored.named(name) for name in arguments.names]
    out = results.folder(arguments.out).resolve()
    made = [
        write_atomically(out / name / file, content)
        for name, charts in found
        for file, content in files.files(charts, formats)
    ]
    if arguments.json:
        results.print_json({"figures": made})
    else:
        print("\n".join(map(str, made)))
    return 0
