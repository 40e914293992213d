"""`python -m explorer path` and `paths`: connect two solutions, or all pairs of a folder."""

import argparse
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.errors import BadInputError, CorruptFileError, NoProtoTokensError
from explorer.base.files import write_atomically
from explorer.base.formatting import counted
from explorer.cli import devices, flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out, say
from explorer.estimates import outlook
from explorer.paths import places
from explorer.paths.pairs import all_pairs, require_pair
from explorer.paths.result import FILE, FORMAT, Paths
from explorer.runtime import step_times
from explorer.solutions import store
from explorer.solutions.solution import Solution, load_solution
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import PathsSpec


def add_to(commands: Any) -> None:
    """Add both commands to the parser."""
    one = commands.add_parser(
        "path",
        help="connect two solutions of one text by a straight line and a trained curve",
        description="Measure the straight line between two exact solutions of one text, train a "
        "curve between them, and measure that on the same grid.",
    )
    one.add_argument("a", metavar="A", help="A solution: its file, or its id in the library.")
    one.add_argument("b", metavar="B", help="Another solution of the same text.")
    one.set_defaults(run=run_one)
    many = commands.add_parser(
        "paths",
        help="connect all pairs of solutions of the same text",
        description="Connect every pair of exact solutions of one text, for all texts at once. "
        "Run again with the same --out, it goes on where it was.",
    )
    many.add_argument("solutions", nargs="+", help="Solution files, folders of them, or ids.")
    many.set_defaults(run=run_many)
    for command in (one, many):
        flags.add(command, PathsSpec)
    flags.add_common(one, where="paths")
    flags.add_common(many, where="paths", device=devices.DEVICE)
    devices.add_to(many)


def run_one(arguments: argparse.Namespace) -> int:
    """Carry `path` out."""
    a, b = store.open_solution(arguments.a), store.open_solution(arguments.b)
    require_pair(a, b)
    name = f"{a.record.id}_{b.record.id}"
    found = _connect([(a, b)], arguments, results.folder(arguments.out / name))
    said = described(found, 0) | {
        "control_point": str(_control_point(found, 0, arguments.out / name)),
        "paths": str((arguments.out / name / FILE).resolve()),
    }
    results.print_json(said) if arguments.json else _print_pair(found, 0)
    return 0


def run_many(arguments: argparse.Namespace) -> int:
    """Carry `paths` out."""
    pairs = all_pairs(_solutions(arguments.solutions))
    where = devices.several(arguments)
    folder, spec = results.folder(arguments.out), flags.read(arguments, PathsSpec)
    if devices.spreads(arguments, where):
        from explorer.cluster.curves import CurveDivision

        results.keep_others(folder / FILE, _other_paths(folder / FILE, pairs, spec))
        _say_long_wait(pairs, spec.recipe)
        division = CurveDivision(pairs, spec.curve, spec.recipe, folder)
        found = devices.spread_over(arguments, where, division).paths
    else:
        found = _connect(pairs, arguments, folder)
    said = {
        "paths": str((arguments.out / FILE).resolve()),
        "share_connected": found.connected.sum() / max(1, found.measured.sum()),
        "largest_length_ratio": max((found.ratio(k) for k in range(len(found))), default=math.nan),
        "t": found.t,
        "pairs": [
            described(found, k) | {"control_point": str(_control_point(found, k, arguments.out))}
            for k in range(len(found))
            if found.measured[k]
        ],
    }
    if arguments.json:
        results.print_json(said)
        return 0
    for k in range(len(found)):
        _print_pair(found, k)
    print(
        f"{said['share_connected']:.0%} of the pairs keep accuracy 0.99 all along the curve; the "
        f"largest length ratio is {said['largest_length_ratio']:.3f}."
    )
    return 0


def described(found: Paths, pair: int) -> dict[str, Any]:
    """Return what the JSON says about one pair.

    Keys: `a` and `b` (ids), `t`, `linear` and `bezier` (each `accuracy` and `loss` over t,
    `minimum`, `mean`), `length_ratio`, `chord`, `length`, `connected`, `converged_at`, `steps`.
    """
    a, b = (found.header.solutions[i].id for i in found.header.pairs[pair])
    paths = {"linear": found.line, "bezier": found.curve}
    profiles = {
        name: {
            "accuracy": profile.accuracy[pair],
            "loss": profile.loss[pair],
            "minimum": profile.accuracy[pair].min(),
            "mean": found.mean(pair, line=name == "linear"),
        }
        for name, profile in paths.items()
    }
    return {
        "a": a,
        "b": b,
        "t": found.t,
        **profiles,
        "curve": found.header.kind,
        "length_ratio": found.ratio(pair),
        "chord": found.chord(pair),
        "length": found.length(pair),
        "connected": found.connected[pair],
        "converged_at": found.converged_at(pair),
        "steps": found.steps[pair],
    }


def _connect(
    pairs: list[tuple[Solution, Solution]], arguments: argparse.Namespace, folder: Path
) -> Paths:
    spec = flags.read(arguments, PathsSpec)
    device = named(arguments.device)
    from explorer.tasks.paths.connecting import Connecting

    file = folder / FILE
    results.keep_others(file, _other_paths(file, pairs, spec))
    with alone_on(device) as pool:
        results.keep_others(file, _other_paths(file, pairs, spec))  # after a wait
        task = Connecting(pairs, spec.curve, spec.recipe, pool, folder)
        _say_long_wait(pairs, spec.recipe)
        carry_out(task)
    return task.paths


def _other_paths(file: Path, pairs: list[tuple[Solution, Solution]], spec: PathsSpec) -> str:
    """Say what a file holds if it is other pairs than those asked for, or another curve."""
    with suppress(CorruptFileError):
        header, _ = FORMAT.measure(file)
        ids = [solution.id for solution in header.solutions]
        kept = [(ids[a], ids[b]) for a, b in header.pairs]
        if kept != [(a.record.id, b.record.id) for a, b in pairs]:
            return f"the paths of other solutions ({counted(len(kept), 'pair')})"
        if (header.kind, header.recipe) != (spec.curve, spec.recipe):
            return "paths of these pairs that were trained in another way"
    return ""


def _say_long_wait(pairs: list[tuple[Solution, Solution]], recipe: PathRecipe) -> None:
    first = pairs[0][0]
    card = catalog.find(first.record.model)
    step_time = step_times.expected(first.record.model, recipe.precision, card.parameters)
    expected = outlook.of_paths(recipe, len(pairs), len(first.target_ids), step_time)
    if said := outlook.long_wait(expected):
        say(f"{said} Ctrl-C ends it; the same command goes on from there.")


def _solutions(names: list[str]) -> list[Solution]:
    """Return the solutions of files, folders and ids; other files in folders are passed over."""
    found: list[Solution] = []
    for name in names:
        folder = folders.given(name)
        if not folder.is_dir():
            found.append(store.open_solution(name))
            continue
        for file in sorted(folder.rglob("*.safetensors")):
            if not file.name.endswith(store.NOT_SOLUTIONS):
                try:
                    found.append(load_solution(file))
                except NoProtoTokensError:
                    continue
                except CorruptFileError as error:
                    raise BadInputError(
                        f"{error} Leave it out, or name the files one by one."
                    ) from error
    return found


def _control_point(found: Paths, pair: int, folder: Path) -> Path:
    a, b = (found.header.solutions[i].id for i in found.header.pairs[pair])
    path = folder / f"{a}_{b}.{places.CONTROL_POINT}"
    return write_atomically(path, places.control_point_bytes(found, pair)).resolve()


def _print_pair(found: Paths, pair: int) -> None:
    state = "connected" if found.connected[pair] else "not connected"
    print(
        f"{found.header.title(pair)}: {state} after {found.steps[pair]} steps, accuracy along the "
        f"curve {found.mean(pair):.3f} (lowest {found.curve.accuracy[pair].min():.2f}), along the "
        f"line {found.mean(pair, line=True):.3f}, length ratio {found.ratio(pair):.3f}"
    )
