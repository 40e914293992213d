"""`python -m explorer run NAME`: one of the paper's experiments without a browser."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.errors import BadInputError, StorageError
from explorer.cli.device import alone_on
from explorer.cli.devices import several, work_on
from explorer.cli.progress import ProgressBar, carry_out, say
from explorer.cli.reconstruct import recipe_named
from explorer.estimates import run_time
from explorer.experiments import exports
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.experiments.definition import PRESETS, Experiment
from explorer.experiments.runs import Run
from explorer.specs import arrangements
from explorer.specs.experiments import Settings
from explorer.specs.recipes import SETTINGS, Recipe


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
    add("experiment", choices=list(EXPERIMENTS), help="which one")
    add(
        "--model",
        type=catalog.from_here,
        default="smollm2-135m",
        help="name, hub id or folder (default: %(default)s)",
    )
    add("--preset", choices=list(PRESETS), default="minutes",
        help="how large (default: %(default)s)")  # fmt: skip
    add("--arrangement", choices=(arrangements.AUTO, *arrangements.KEYS),
        help="default: auto, what suits the model")  # fmt: skip
    add("--recipe", help="fast, independent, paper, or a JSON file; default: the preset's")
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting, as "
        "JSON: --set texts=4 --set 'lengths=[4, 8]'; recipe.FIELD changes the recipe")  # fmt: skip
    add("--list-settings", action="store_true", help="say what --set can change, and stop")
    add("--seed", type=int, default=0, help="decides everything drawn (default: %(default)s)")
    add("--out", type=Path, help="folder for the run's files and a CSV of every table")
    add("--device", default="auto", help="auto, cpu, mps, cuda, cuda:1 …; several with commas "
        "between, or “all” GPUs, share the cells out (default: %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    asked = experiment(arguments.experiment)
    card = catalog.find(arguments.model)
    if arguments.list_settings:
        _print_settings(asked.preset(arguments.preset, card))
        return 0
    settings = _settings(arguments, asked, card)
    device, *others = several(arguments.device)
    if arguments.out is not None:
        folders.make_for(arguments.out)
    if card.folder is None:
        with ProgressBar(card.title) as bar:
            catalog.download(card, bar)
        card = catalog.find(arguments.model)
    changed = bool(arguments.set or arguments.recipe or arguments.arrangement)
    preset = f"{arguments.preset}, changed" if changed else arguments.preset
    if others:
        work_on([device, *others], _without_device(arguments))  # what is left is measured below
    with alone_on(device):
        made = _measure(asked, settings, preset, device, card.parameters)
    tables = asked.tables(made)
    if arguments.out is not None:
        _write(made, tables, arguments.out)
    if arguments.json:
        print(json.dumps(_as_json(asked, made, tables), allow_nan=False))
    else:
        _print(asked, made, tables)
    return 0


def _print_settings(usual: Settings) -> None:
    """Print every setting with the value that it has in the preset."""
    for name, info in type(usual).model_fields.items():
        if name not in ("experiment", "model", "recipe"):
            print(f"{name:16} {json.dumps(getattr(usual, name)):34} {info.description}")
    if hasattr(usual, "recipe"):
        for name in SETTINGS:
            print(f"recipe.{name:16} {Recipe.model_fields[name].description}")


def _without_device(arguments: argparse.Namespace) -> list[str]:
    """Return the command that measures the same run, to be given a device."""
    command = ["run", arguments.experiment, "--model", arguments.model]
    command += ["--preset", arguments.preset, "--seed", str(arguments.seed)]
    for option in ("arrangement", "recipe"):
        if getattr(arguments, option):
            command += [f"--{option}", getattr(arguments, option)]
    for change in arguments.set:
        command += ["--set", change]
    return command


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
    recipe_changes = []
    for change in arguments.set:
        field, equals, value = change.partition("=")
        if not equals:
            raise BadInputError(f"“--set {change}” is not of the form FIELD=VALUE.")
        if field.startswith("recipe."):
            recipe_changes.append(f"{field.removeprefix('recipe.')}={value}")
        else:
            fields[field] = _value(value)
    if (arguments.recipe or recipe_changes) and "recipe" not in fields:
        raise BadInputError(f"The experiment “{asked.name}” trains nothing: leave the recipe out.")
    if arguments.recipe or recipe_changes:
        named_or_preset = arguments.recipe or "independent"
        recipe = recipe_named(named_or_preset, []).model_dump()
        if not arguments.recipe:
            recipe = fields["recipe"]
        for change in recipe_changes:
            field, _, value = change.partition("=")
            recipe[field] = None if value == "none" else value
        if recipe_changes:
            recipe["name"] = f"{recipe['name']}, changed"
        fields["recipe"] = recipe
    return asked.make(fields)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _measure(
    asked: Experiment, settings: Settings, preset: str, device: str, parameters: int | None
) -> Run:
    import torch

    from explorer.model.pool import ModelPool
    from explorer.tasks.experiments.task import RunTask
    from explorer.tasks.step_time import timed

    task = RunTask(settings, ModelPool(torch.device(device)), preset=preset)
    if asked.left(task.run):
        say(run_time.before(asked, settings, parameters, timed(*task.timing)))
    say(f"Run {task.run.header.id} in {task.run.folder}: the same command goes on with it.")
    try:
        carry_out(task)
    except KeyboardInterrupt:
        say("Interrupted: the same command goes on where it was.")
        raise
    return task.run


def _write(made: Run, tables: dict[str, pd.DataFrame], out: Path) -> None:
    try:
        shutil.copytree(made.folder, out, dirs_exist_ok=True)
        (out / "measurements.csv").write_bytes(exports.csv(made))
        for title, table in tables.items():
            table.to_csv(out / f"{title.lower().replace(' ', '-')}.csv", index=False)
    except OSError as error:
        raise StorageError(
            f"The results could not be written to {out} ({error.strerror or error}). They are "
            f"kept in {made.folder}; name another folder with --out."
        ) from error


def _as_json(asked: Experiment, made: Run, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "run": made.header.id,
        "folder": str(made.folder),
        "experiment": asked.name,
        "protocol": asked.sentence(made),
        "settings": made.settings.model_dump(mode="json"),
        "seconds": made.seconds,
        "computed": [found.model_dump() for found in made.computed],
        "cells": len(made.done),
        "measurements": records(made.table),
        "tables": {title: records(table) for title, table in tables.items()},
        "notes": asked.notes(made),
        "findings": [vars(finding) for finding in asked.findings(made)],
    }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as plain values, with None where there is no number."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records") or "[]")
    return found


def _print(asked: Experiment, made: Run, tables: dict[str, pd.DataFrame]) -> None:
    print(asked.sentence(made))
    for note in asked.notes(made):
        print(note)
    for title, table in tables.items():
        if not table.empty:
            print(f"\n{title}")
            print(
                table.to_string(
                    index=False, max_rows=60, na_rep="–", float_format=lambda v: f"{v:.3g}"
                )
            )
    for finding in asked.findings(made):
        answer = {True: "shown", False: "not shown", None: "open"}[finding.shown]
        print(f"\n{finding.id}, {answer}: {finding.claim} {finding.figure}")
