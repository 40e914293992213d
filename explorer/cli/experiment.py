"""`python -m explorer run NAME`: one of the paper's experiments without a browser."""

import argparse
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.cli import devices, flags, recipes, results
from explorer.cli.assets import downloaded
from explorer.cli.devices import alone_on
from explorer.cli.progress import carry_out, say
from explorer.estimates import run_time
from explorer.experiments import exports, over_training, runs
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.experiments.definition import CHANGED, PRESETS, Experiment
from explorer.experiments.runs import Run
from explorer.specs.arrangements import AUTO
from explorer.specs.experiments import ReadoutSettings, Settings
from explorer.specs.recipes import SETTINGS, Recipe
from explorer.texts.alterations import find_alterations

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "run",
        help="run one of the paper's experiments",
        description="Run one of the paper's experiments on a model: "
        + "; ".join(f"{e.name} ({', '.join(e.checklist)})" for e in EXPERIMENTS.values())
        + ". The same command goes on where an earlier one was interrupted. "
        "Exit code 0: every cell is measured; 2: bad input.",
    )
    add = command.add_argument
    add("experiment", choices=list(EXPERIMENTS), help="Which one.")
    add(
        "--preset",
        choices=list(PRESETS),
        default="minutes",
        help="How large. Default: %(default)s.",
    )
    add("--list-settings", action="store_true", help="Say what --set can change, and stop.")
    flags.add(command, ReadoutSettings)
    flags.add_common(
        command,
        out="Folder for the run's files and a CSV of every table.",
        device=devices.DEVICE,
    )
    devices.add_to(command)
    command.set_defaults(run=run)


FIXED = ("experiment", "model", "recipe", "seed")
"""Settings that --set does not change: most have an option of their own."""


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    asked = experiment(arguments.experiment)
    cards = [catalog.find(name) for name in arguments.model or [flags.MODEL]]
    if arguments.list_settings:
        found = _changeable(asked.preset(arguments.preset, cards[0]))
        results.print_json({"settings": found}) if arguments.json else _print_settings(found)
        return 0
    plans = [(card, _settings(arguments, asked, card)) for card in cards]
    where = devices.several(arguments)
    if arguments.out is not None:
        results.folder(arguments.out)
        if len(plans) == 1:  # several go into folders of their own
            file = arguments.out / runs.HEADER_FILE
            results.keep_others(file, _other_run(file, plans[0][1]))
    made = [_run(arguments, asked, card, settings, where) for card, settings in plans]
    if len(made) > 1:
        _tell_together(arguments, asked, made)
    elif arguments.json:
        results.print_json(_as_json(asked, made[0]))
    else:
        _print(asked, made[0])
    return 0


def _other_run(file: Path, settings: Settings, fingerprint: str | None = None) -> str:
    """Say what a file holds if it is another run than the one asked for.

    Of which weights is known once it is made; before that those of the file are taken for it.
    """
    with suppress(CorruptFileError):
        header = runs.read_header(file)
        settled = {
            name: getattr(header.settings, name, AUTO)  # what a probe chose then
            for name, value in dict(settings).items()
            if value == AUTO
        }
        settings, weights = settings.model_copy(update=settled), fingerprint or header.fingerprint
        if header.id != runs.run_id(settings, weights):
            return f"the run {header.id} of {header.settings.experiment}"
    return ""


def _run(
    arguments: argparse.Namespace,
    asked: Experiment,
    card: catalog.ModelCard,
    settings: Settings,
    where: list[str],
) -> Run:
    """Run the experiment on one model, and write its files."""
    card = downloaded(card.name)
    assert card.folder is not None
    tokenizer = Tokenizer.load(card.folder)
    if altered := find_alterations((), settings.drawn_from, tokenizer, settings.longest):
        say(altered)
    changed = bool(arguments.set or arguments.recipe or arguments.arrangement)
    preset = CHANGED.format(name=arguments.preset) if changed else arguments.preset
    if devices.spreads(arguments, where):
        from explorer.cluster.runs import RunDivision

        say(run_time.before(asked, settings, card.parameters))
        made = devices.spread_over(arguments, where, RunDivision(settings, preset)).run
    else:
        with alone_on(where[0]) as pool:
            made = _measure(asked, settings, preset, pool, card.parameters)
    if arguments.out is not None:
        out = arguments.out / made.header.id if len(arguments.model or ()) > 1 else arguments.out
        file = out / runs.HEADER_FILE
        results.keep_others(file, _other_run(file, made.settings, made.header.fingerprint))
        _write(made, exports.tables(asked, made), out)
    return made


def _tell_together(arguments: argparse.Namespace, asked: Experiment, made: list[Run]) -> None:
    """Print several runs, and what they say of the training of one model."""
    row = over_training.together(made[-1], made) if asked.name == "capacity" else []
    row = row if len(row) > 1 else []
    table, notes = over_training.capacities(row), over_training.notes(row)
    if arguments.json:
        found = {"over_training": table.to_dict(orient="records"), "notes": notes}
        results.print_json({"runs": [_as_json(asked, run) for run in made]} | found)
        return
    for run in made:
        _print(asked, run)
        print()
    if row:
        _print_table("Over training", table)
    for note in notes:
        print(note)


def _changeable(usual: Settings) -> dict[str, dict[str, Any]]:
    """Return what --set can change: its value in the preset, and what it means."""
    found = {name: _told(usual, name) for name in type(usual).model_fields if name not in FIXED}
    if (recipe := getattr(usual, "recipe", None)) is not None:
        found |= {f"recipe.{name}": _told(recipe, name) for name in SETTINGS}
    return found


def _told(usual: Settings | Recipe, name: str) -> dict[str, Any]:
    return {"value": getattr(usual, name), "meaning": type(usual).model_fields[name].description}


def _print_settings(found: dict[str, dict[str, Any]]) -> None:
    for name, told in found.items():
        value = "none" if told["value"] is None else json.dumps(told["value"])
        print(f"{name:21} {value:34} {told['meaning']}")


def _settings(
    arguments: argparse.Namespace, asked: Experiment, card: catalog.ModelCard
) -> Settings:
    preset = asked.preset(arguments.preset, card)
    fields: dict[str, Any] = preset.model_dump() | {"seed": arguments.seed}
    if arguments.arrangement:
        if "arrangement" not in fields:
            raise BadInputError(
                f"The experiment “{asked.name}” has no single arrangement: leave --arrangement out."
            )
        fields["arrangement"] = arguments.arrangement
    changes, of_recipe = dict(map(recipes.halves, arguments.set)), {}
    for own in changes.keys() & {"model", "recipe", "seed"}:
        raise BadInputError(f"Give the {own} with --{own}, not with --set.")
    for field in [field for field in changes if field.startswith("recipe.")]:
        of_recipe[field.removeprefix("recipe.")] = changes.pop(field)
    fields |= {field: _value(value) for field, value in changes.items()}
    if arguments.recipe or of_recipe:
        if "recipe" not in fields:
            raise BadInputError(
                f"The experiment “{asked.name}” trains nothing: leave the recipe out."
            )
        if arguments.recipe:
            fields["recipe"] = recipes.named(arguments.recipe).model_dump()
        fields["recipe"] = recipes.changed(fields["recipe"], of_recipe)
    return asked.make(fields)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _measure(
    asked: Experiment, settings: Settings, preset: str, pool: "ModelPool", parameters: int | None
) -> Run:
    from explorer.tasks.experiments.task import RunTask
    from explorer.tasks.probe import Probe
    from explorer.tasks.step_time import timed

    carry_out(Probe(settings, pool))
    task = RunTask(settings, pool, preset=preset)
    if asked.left(task.run):
        say(run_time.before(asked, settings, parameters, timed(*task.timing)))
    say(f"Run {task.run.header.id} in {task.run.folder}: the same command goes on with it.")
    try:
        carry_out(task)
    except KeyboardInterrupt:
        say("Interrupted: the same command goes on where it was.")
        raise
    return task.run


def _write(made: Run, tables: dict[str, bytes], out: Path) -> None:
    with results.written(out, made.folder):
        shutil.copytree(made.folder, out, dirs_exist_ok=True)
        (out / "measurements.csv").write_bytes(exports.csv(made))
        for name, content in tables.items():
            (out / name).write_bytes(content)


def _as_json(asked: Experiment, made: Run) -> dict[str, Any]:
    return {
        "run": made.header.id,
        "folder": made.folder,
        "experiment": asked.name,
        "protocol": asked.sentence(made),
        "settings": made.settings,
        "seconds": made.seconds,
        "computed": made.computed,
        "cells": len(made.done),
        "measurements": made.table.to_dict(orient="records"),
        "tables": {t: table.to_dict(orient="records") for t, table in asked.tables(made).items()},
        "notes": asked.notes(made),
        "findings": asked.findings(made),
    }


def _print(asked: Experiment, made: Run) -> None:
    print(asked.sentence(made))
    for note in asked.notes(made):
        print(note)
    for title, table in asked.tables(made).items():
        if not table.empty:
            _print_table(title, table)
    for finding in asked.findings(made):
        answer = {True: "shown", False: "not shown", None: "inconclusive"}[finding.shown]
        print(f"\n{finding.id}, {answer}: {finding.claim} {finding.figure}")


def _print_table(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}")
    print(table.to_string(index=False, max_rows=60, na_rep="–", float_format=lambda v: f"{v:.3g}"))
