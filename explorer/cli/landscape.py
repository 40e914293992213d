"""`python -m explorer landscape` and `radius`: measure what lies around solutions."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.validation import in_words
from explorer.cli.device import alone_on, named
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
    plane.add_argument("paths", help="a paths file, as `path` writes it, or a job's id")
    plane.add_argument("--pair", type=int, default=0, help="which of its pairs (default: 0)")
    plane.add_argument(
        "--level", type=int, default=5, help="2**LEVEL + 1 points along each side (default: 5)"
    )
    plane.set_defaults(run=run_plane)
    around = commands.add_parser(
        "radius",
        help="measure accuracy around one solution in random directions",
        description="Walk away from a solution in random directions; say where its accuracy falls "
        "below 0.99.",
    )
    around.add_argument("solution", help="a solution: its file, or its id in the library")
    around.add_argument("--directions", type=int, default=24, help="default: %(default)s")
    around.add_argument("--points", type=int, default=33, help="distances (default: %(default)s)")
    around.add_argument("--seed", type=int, default=0, help="of the directions")
    around.set_defaults(run=run_radius)
    for command in (plane, around):
        add = command.add_argument
        add(
            "--out",
            type=Path,
            default=Path("landscape"),
            help="folder for the file (default: ./%(default)s)",
        )
        add("--device", default="auto", help="auto, cpu, mps, cuda … (default: %(default)s)")
        add("--json", action="store_true", help="print one JSON object on stdout")


def run_plane(arguments: argparse.Namespace) -> int:
    """Carry `landscape` out."""
    found = Paths.load(places.find_paths(arguments.paths))
    try:
        spec = LandscapeSpec(paths=arguments.paths, pair=arguments.pair, level=arguments.level)
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error
    from explorer.tasks.landscape.measuring import LandscapeTask

    with alone_on(device := named(arguments.device)):
        task = LandscapeTask(found, spec, _pool(device), folders.make_for(arguments.out))
        carry_out(task)
    done = task.found
    said = {
        "landscape": str((arguments.out / places.LANDSCAPE).resolve()),
        "x": done.x.tolist(),
        "y": done.y.tolist(),
        "marks": done.marks.tolist(),
        "accuracy": done.accuracy.astype(float).tolist(),
        "loss": [[float(v) if abs(v) < 1e30 else None for v in row] for row in done.loss],
        "points_per_second": done.header.points_per_second,
        "plain_forward_rate": done.header.plain_per_second,
        "share_of_plain_rate": task.share,
    }
    print(json.dumps(said) if arguments.json else task.outcome)
    return 0


def run_radius(arguments: argparse.Namespace) -> int:
    """Carry `radius` out."""
    solution = store.open_solution(arguments.solution)
    try:
        spec = RadiusSpec(
            solution=arguments.solution,
            directions=arguments.directions,
            points=arguments.points,
            seed=arguments.seed,
        )
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error
    from explorer.tasks.landscape.radius import RadiusTask

    with alone_on(device := named(arguments.device)):
        task = RadiusTask(solution, spec, _pool(device), folders.make_for(arguments.out))
        carry_out(task)
    assert task.found is not None
    said = {
        "radius": [None if r != r else r for r in task.found.radius.tolist()],
        "median": task.found.median,
        "distances": task.found.distances.tolist(),
        "accuracy": task.found.accuracy.astype(float).tolist(),
        "norm": task.found.header.norm,
    }
    print(json.dumps(said) if arguments.json else task.outcome)
    return 0


def _pool(device: str) -> Any:
    import torch

    from explorer.model.pool import ModelPool

    return ModelPool(torch.device(device))
