"""`python -m explorer landscape` and `radius`: measure what lies around solutions."""

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from explorer.base.errors import CorruptFileError
from explorer.base.formatting import counted
from explorer.cli import devices, flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import FORMAT
from explorer.paths import places
from explorer.paths.result import Paths
from explorer.solutions import store
from explorer.specs.jobs import LandscapeSpec, RadiusSpec


def add_to(commands: Any) -> None:
    """Add both commands to the parser."""
    plane = commands.add_parser(
        "landscape",
        help="measure the plane through two solutions and the control point of their curve",
        description="Measure accuracy and loss on the plane through two solutions and the control "
        "point of the curve that connects them.",
    )
    flags.add(plane, LandscapeSpec)
    plane.set_defaults(run=run_plane)
    around = commands.add_parser(
        "radius",
        help="measure accuracy around one solution in random directions",
        description="Walk away from a solution in random directions; say where its accuracy falls "
        "below 0.99.",
    )
    flags.add(around, RadiusSpec)
    around.set_defaults(run=run_radius)
    flags.add_common(plane, where="landscape", device=devices.DEVICE)
    devices.add_to(plane)
    flags.add_common(around, where="landscape")


def run_plane(arguments: argparse.Namespace) -> int:
    """Carry `landscape` out."""
    spec = flags.read(arguments, LandscapeSpec)
    found = Paths.load(places.find_paths(spec.paths))
    file = arguments.out / places.LANDSCAPE
    results.keep_others(file, _other_plane(file, found, spec))
    where, folder = devices.several(arguments), results.folder(arguments.out)
    if devices.spreads(arguments, where):
        from explorer.cluster.planes import PlaneDivision

        done = devices.spread_over(arguments, where, PlaneDivision(found, spec, folder)).found
    else:
        from explorer.tasks.landscape.measuring import LandscapeTask

        with alone_on(where[0]) as pool:
            results.keep_others(file, _other_plane(file, found, spec))  # after a wait
            done = carry_out(LandscapeTask(found, spec, pool, folder)).found
    said = {
        "landscape": str(file.resolve()),
        **{name: getattr(done, name) for name in ("x", "y", "marks", "accuracy", "loss")},
        "points_per_second": done.header.points_per_second,
        "plain_forward_rate": done.header.plain_per_second,
        "share_of_plain_rate": done.share,
    }
    results.print_json(said) if arguments.json else print(done.outcome)
    return 0


def run_radius(arguments: argparse.Namespace) -> int:
    """Carry `radius` out."""
    spec = flags.read(arguments, RadiusSpec)
    solution = store.open_solution(spec.solution)
    file = arguments.out / places.RADIUS
    results.keep_others(file, _other_walk(file, solution.record.id, spec))
    from explorer.tasks.landscape.radius import RadiusTask

    with alone_on(named(arguments.device)) as pool:
        results.keep_others(file, _other_walk(file, solution.record.id, spec))  # after a wait
        task = carry_out(RadiusTask(solution, spec, pool, results.folder(arguments.out)))
    found = task.found
    assert found is not None
    fields = ("radius", "median", "distances", "accuracy")
    said = {name: getattr(found, name) for name in fields} | {"norm": found.header.norm}
    results.print_json(said) if arguments.json else print(task.outcome)
    return 0


def _other_plane(file: Path, paths: Paths, spec: LandscapeSpec) -> str:
    """Say what a file holds if it is another plane than the one asked for."""
    with suppress(CorruptFileError):
        kept = Landscape.load(file)
        if spec.pair >= len(paths):  # there is none to ask for, which is said later
            return ""
        (a, b), level = (end.id for end in kept.header.ends), kept.header.level
        if level != spec.level or not np.array_equal(kept.points, paths.points(spec.pair)):
            return f"the plane through {a} and {b} at level {level}"
    return ""


def _other_walk(file: Path, solution: str, spec: RadiusSpec) -> str:
    """Say what a file holds if it is another walk than the one asked for."""
    with suppress(CorruptFileError):
        header, counts = FORMAT.measure(file)
        asked = (solution, spec.seed, spec.directions, spec.points)
        if asked != (header.solution, header.seed, counts["directions"], counts["points"]):
            directions = counted(counts["directions"], "direction")
            return (
                f"a walk around {header.solution} in {directions} with {counts['points']} "
                f"distances, seed {header.seed}"
            )
    return ""
