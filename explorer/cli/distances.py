"""`python -m explorer distances`: how far apart the solutions of a set are."""

import argparse
from typing import Any

from explorer.base.files import write_atomically
from explorer.cli import flags, results
from explorer.cli.progress import ProgressBar
from explorer.solutions import sets
from explorer.specs.jobs import DistancesSpec


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "distances",
        help="distances between the solutions of a set, with statistics",
        description="Cosine and L2 distances between the exact solutions of a set, by same text, "
        "same context and different contexts, with text distances and statistics.",
    )
    flags.add(command, DistancesSpec)
    flags.add_common(command, out="Folder for a CSV and a Parquet of every pair.", device=None)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    from explorer.base.progress import finish
    from explorer.geometry import distance_report, measure_distances

    if arguments.out is not None:
        results.folder(arguments.out)
    found = sets.read(sets.find(arguments.set))
    summary = distance_report.load(found)
    pairs = distance_report.load_pairs(found) if summary is not None else None
    if summary is None or pairs is None:
        with ProgressBar(f"Set {found.record.id[:6]}") as bar:
            report = finish(measure_distances.steps(found), bar)
        distance_report.save(found, report)
        summary, pairs = report.summary, report.pairs
    if arguments.out is not None:
        name = arguments.out / f"distances-{found.record.id}"
        write_atomically(name.with_suffix(".csv"), pairs.to_csv(index=False).encode())
        write_atomically(name.with_suffix(".parquet"), pairs.to_parquet(index=False))
    if arguments.json:
        for piece in distance_report.as_json(summary, pairs):
            print(piece, end="")
        print()
    else:
        _print(summary)
    return 0


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
