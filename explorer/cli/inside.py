"""`python -m explorer inside`: look inside the forward pass of one solution."""

import argparse
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from explorer.base.errors import CorruptFileError
from explorer.base.files import csv_of, write_atomically
from explorer.cli import flags, results
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out
from explorer.inside import others, reading, tables
from explorer.inside.result import FILE, FORMAT, Inside
from explorer.solutions import store
from explorer.specs.jobs import InsideSpec


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "inside",
        help="look inside the forward pass of one solution: layers, attention, what is needed",
        description="Read the hidden states of a solution's forward pass layer by layer, see where "
        "its positions look, cut attention to e, scale, disturb and swap e and m. Writes one file "
        "and a CSV of each table.",
    )
    flags.add(command, InsideSpec)
    flags.add_common(command, where="inside")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry `inside` out."""
    spec = flags.read(arguments, InsideSpec)
    solution = store.open_solution(spec.solution)
    swap = others.chosen(solution, spec.other)
    file = arguments.out / FILE
    results.keep_others(file, _other_look(file, solution.record.id, spec))
    results.folder(arguments.out)
    from explorer.tasks.inside.looking import InsideTask

    with alone_on(named(arguments.device)) as pool, tempfile.TemporaryDirectory() as scratch:
        task = carry_out(InsideTask(solution, spec, pool, Path(scratch), swap_with=swap))
    assert task.found is not None
    results.keep_others(file, _other_look(file, solution.record.id, spec))  # made meanwhile
    task.found.save(file)
    made = tables.all_of(task.found)
    for name in tables.TABLES:
        table = arguments.out / f"{name}.csv"
        if name in made:
            write_atomically(table, csv_of(made[name]))
        else:  # of an earlier look that tried more
            table.unlink(missing_ok=True)
    if arguments.json:
        results.print_json(_said(task.found, file.resolve()))
    else:
        print(task.outcome)
    return 0


def _other_look(file: Path, solution: str, spec: InsideSpec) -> str:
    """Say what a file holds if it is a look inside another solution, or by other options."""
    with suppress(CorruptFileError):
        kept = FORMAT.read_header(file)
        if kept.solution != solution:
            return f"a look inside {kept.solution}"
        named = {"solution": solution}  # by its id or its file
        if kept.asked and kept.asked.model_copy(update=named) != spec.model_copy(update=named):
            return f"a look inside {kept.solution} by other options"
    return ""


def _said(found: Inside, file: Path) -> dict[str, Any]:
    header = found.header
    first, stays = reading.appears(found)
    return {
        "inside": file,
        "solution": header.solution,
        "model": header.model,
        "layers": header.layers,
        "heads": header.heads,
        "summary": reading.sentence(found),
        "by_layer": dict(tables.layers(found).items()),
        "first_right": first,
        "stays_right": stays,
        "trials": [
            trial.model_dump() | {"accuracy": accuracy}
            for trial, accuracy in zip(header.trials, found.trial_accuracy, strict=True)
        ],
        "radius": {what: reading.radius(found, what) for what in ("e", "m", "both")},
        "swaps": tables.swaps(found).to_dict("records"),
        "writings": header.writings,
        "notices": header.notices,
        "seconds": header.seconds,
    }
