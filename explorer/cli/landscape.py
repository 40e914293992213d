"""`python -m explorer landscape` and `radius`: measure what lies around solutions."""

import argparse
from typing import Any

from explorer.cli import devices, flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out
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
    where, folder = devices.several(arguments), results.folder(arguments.out)
    if devices.spreads(arguments, where):
        from explorer.cluster.planes import PlaneDivision

        done = devices.spread_over(arguments, where, PlaneDivision(found, spec, folder)).found
    else:
        from explorer.tasks.landscape.measuring import LandscapeTask

        with alone_on(where[0]) as pool:
            done = carry_out(LandscapeTask(found, spec, pool, folder)).found
    said = {
        "landscape": str((arguments.out / places.LANDSCAPE).resolve()),
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
    from explorer.tasks.landscape.radius import RadiusTask

    with alone_on(named(arguments.device)) as pool:
        task = carry_out(RadiusTask(solution, spec, pool, results.folder(arguments.out)))
    found = task.found
    assert found is not None
    fields = ("radius", "median", "distances", "accuracy")
    said = {name: getattr(found, name) for name in fields} | {"norm": found.header.norm}
    results.print_json(said) if arguments.json else print(task.outcome)
    return 0
