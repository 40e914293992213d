"""`python -m explorer distances`, `depth` and `roles`: what the vectors of a set say."""

import argparse
from typing import Any

from explorer.base.files import csv_of, write_atomically
from explorer.cli import flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import ProgressBar, carry_out
from explorer.geometry import depth, roles
from explorer.solutions import sets
from explorer.solutions.sets import SolutionSet
from explorer.specs.jobs import DepthSpec, DistancesSpec, RolesSpec

REPORTS: dict[str, Any] = {"depth": depth.REPORTS, "roles": roles.REPORTS}


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    for name, spec, summary, description in (
        (
            "distances",
            DistancesSpec,
            "distances between the solutions of a set, with statistics",
            "Cosine and L2 distances between the exact solutions of a set, by same text, same "
            "context and different contexts, with text distances and statistics.",
        ),
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
        if name == "distances":
            out = "Folder for a CSV and a Parquet of every pair."
            flags.add_common(command, out=out, device=None)
        else:
            flags.add_common(command, out="Folder for a CSV.")
        command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry one of them out; what was measured before is read."""
    if arguments.out is not None:
        results.folder(arguments.out)
    found = sets.read(sets.find(arguments.set))
    if arguments.command == "distances":
        _distances(arguments, found)
    else:
        _report(arguments, found)
    return 0


def _report(arguments: argparse.Namespace, found: SolutionSet) -> None:
    reports = REPORTS[arguments.command]
    made = reports.load(found.record)
    if made is None:
        with alone_on(named(arguments.device)) as pool:
            made = carry_out(_task_of(arguments.command)(found, pool)).found
    if arguments.out is not None:
        file = arguments.out / f"{reports.name}-{found.record.id}.csv"
        write_atomically(file, csv_of(made.table))
    if arguments.json:
        results.print_json(made.model_dump(mode="json"))
    else:
        print(made.sentence)


def _distances(arguments: argparse.Namespace, found: SolutionSet) -> None:
    from explorer.base.progress import finish
    from explorer.geometry import distance_report, measure_distances

    summary = distance_report.load(found)
    pairs = distance_report.load_pairs(found) if summary is not None else None
    if summary is None or pairs is None:
        with ProgressBar(f"Set {found.record.id[:6]}") as bar:
            report = finish(measure_distances.steps(found), bar)
        distance_report.save(found, report)
        summary, pairs = report.summary, report.pairs
    if arguments.out is not None:
        name = arguments.out / f"distances-{found.record.id}"
        write_atomically(name.with_suffix(".csv"), csv_of(pairs))
        write_atomically(name.with_suffix(".parquet"), pairs.to_parquet(index=False))
    if arguments.json:
        for piece in distance_report.as_json(summary, pairs):
            print(piece, end="")
        print()
    else:
        _print(summary)


def _print(summary: Any) -> None:
    print(summary.regime)
    for measured in summary.measured:
        medians = ", ".join(f"{kind} {value:.3f}" for kind, value in measured.medians.items())
        print(f"{measured.metric} of {measured.vector}: medians {medians}")
        for c in measured.comparisons:
            span = "" if c.low is None else f" [{c.low:.3f}, {c.high:.3f}]"
            print(f"  {c.near} closer than {c.far}: AUC {c.auc:.3f}{span}, p = {c.p:.3f}")
    for note in summary.notes:
        print(note)


def _task_of(command: str) -> Any:
    """Return the task that makes a report; torch comes with it."""
    if command == "depth":
        from explorer.tasks.inside.depth import DepthTask

        return DepthTask
    from explorer.tasks.inside.roles import RolesTask

    return RolesTask
