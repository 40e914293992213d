"""`python -m explorer figures` and `export-site`: what is stored as files for others."""

import argparse
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results


def add_to(commands: Any) -> None:
    """Add both commands to the parser."""
    command = commands.add_parser(
        "figures",
        help="write every chart of stored results as SVG, PDF, PNG or HTML",
        description="Write every chart of runs, sets, paths, landscapes, looks inside and runs of "
        "experiments, each into a folder called as the result is, with a number if one before it "
        "is called so too. SVG, PDF and PNG are drawn by Chrome or Chromium, which must be "
        "installed.",
    )
    command.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="A result's id, its beginning, its folder or its file.",
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
    command.set_defaults(run=run_figures)
    site = commands.add_parser(
        "export-site",
        help="write the recorded results as a folder of HTML that needs no server",
        description="Write the results that ship with the project as one folder of HTML: runs that "
        "play, charts and tables of every experiment, maps, paths. It works from a disk, on any "
        "web server and inside a course page, and asks nobody for anything. Open index.html.",
    )
    site.add_argument("folder", metavar="DIR", type=Path, help="A new folder, or an old export.")
    flags.add_json(site)
    site.set_defaults(run=run_site)


def run_figures(arguments: argparse.Namespace) -> int:
    """Carry `figures` out."""
    from explorer.figures import files, stored

    formats = files.require_formats([name.strip() for name in arguments.format.split(",")])
    found = [stored.named(name) for name in dict.fromkeys(arguments.names)]
    out = results.folder(arguments.out).resolve()
    made = [
        write_atomically(out / name / file, content)
        for name, (_, charts) in zip(_apart([name for name, _ in found]), found, strict=True)
        for file, content in files.files(charts, formats)
    ]
    if arguments.json:
        results.print_json({"figures": made})
    else:
        print("\n".join(map(str, made)))
    return 0


def _apart(names: Sequence[str]) -> list[str]:
    """Return names of which no two are alike: what comes again gets a number."""
    apart: list[str] = []
    for name in names:
        more = (f"{name}-{k}" for k in count(2))
        apart.append(next(n for n in chain([name], more) if n not in apart))
    return apart


def run_site(arguments: argparse.Namespace) -> int:
    """Carry `export-site` out."""
    from explorer.site.writing import write

    made = [path.resolve() for path in write(arguments.folder)]
    results.print_json({"pages": made}) if arguments.json else print(made[0])
    return 0
