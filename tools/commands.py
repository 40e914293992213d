"""Writes docs/commands.md from the command line's own parser: `python -m tools.commands`.

The text comes from the parser, not from its printed help, which other Python versions wrap and head
differently. A test compares the file with what this module would write.
"""

import argparse
import json
from typing import Any

from explorer.base import folders
from explorer.cli.experiment import FIXED
from explorer.cli.main import parser
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import Experiment
from explorer.specs.recipes import PRESETS, SETTINGS, Recipe

FILE = folders.PROJECT / "docs" / "commands.md"
HEAD = """# Command line

Everything the pages do can be done without a browser. In a clone, `python` below is
`.venv/bin/python`; where the package is installed (`pip install .`), `proto-tokens` stands in place
of `python -m explorer`, from any folder. Each command says what went wrong in one
sentence, and ends with one of these codes:

| code | meaning |
|---|---|
| 0 | it went well; of a training: at least one restart is exact |
| 2 | bad input, with a sentence on stderr |
| 3 | nothing became exact |
| 130 | interrupted |

With `--json`, stdout holds one JSON object and nothing else. What its fields mean is in
[Files](files.md). How to use the commands together is in [Experiments](experiments.md).

This page is written by `python -m tools.commands` from the parser itself.
"""


RECIPES = """## Recipes

A recipe is every setting of one optimization. `--recipe` takes one of these names or a JSON file
with the same fields; `--set FIELD=VALUE` changes one field (of `run`: `--set recipe.FIELD=VALUE`).
"""
PRESET_SETTINGS = """## Settings of the experiments

What `run NAME --set FIELD=VALUE` can change, and what each preset takes.
"""


def page() -> str:
    """Return the page: commands with their options, recipes, settings of the experiments."""
    commands = [_section(command) for command in _commands()]
    settings = [_settings(experiment) for experiment in EXPERIMENTS.values()]
    return "\n".join([HEAD, *commands, RECIPES, _recipes(), PRESET_SETTINGS, *settings])


def _recipes() -> str:
    fields = [(name, Recipe.model_fields[name].description or "") for name in SETTINGS]
    return _compared(fields, {n: dict(recipe) for n, recipe in PRESETS.items()})


def _settings(experiment: Experiment) -> str:
    known = experiment.settings.model_fields
    fields = [(n, f.description or "") for n, f in known.items() if n not in FIXED]
    usual = {name: field.default for name, field in known.items()}
    opened = {n: "auto" for n in ("arrangement", "layout") if n in known}
    values = {p: {**usual, **opened, **chosen} for p, chosen in experiment.presets.items()}
    return f"### {experiment.name}\n\n{experiment.question}\n\n{_compared(fields, values)}"


def _compared(fields: list[tuple[str, str]], columns: dict[str, dict[str, Any]]) -> str:
    """Return a table: a row for each field, a column for each preset's value, and the meaning."""
    rows = [
        f"| `{name}` | {' | '.join(_value(c[name]) for c in columns.values())} | {_cell(said)} |"
        for name, said in fields
    ]
    heads = f"| field | {' | '.join(columns)} | meaning |"
    return "\n".join([heads, "|---" * (len(columns) + 2) + "|", *rows, ""])


def _value(value: Any) -> str:
    if isinstance(value, tuple) and len(value) > 6 and isinstance(value[0], int):
        return f"{len(value)} lengths, {value[0]} to {value[-1]}"
    return f"`{json.dumps(value)}`" if value is not None else "none"


def _cell(said: str) -> str:
    return said.replace("|", "\\|")


def _commands() -> list[argparse.ArgumentParser]:
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return list(commands.choices.values())


def _section(command: argparse.ArgumentParser) -> str:
    name = command.prog.split()[-1]
    rows = [_row(a) for a in command._actions if not isinstance(a, argparse._HelpAction)]
    needed = [a for a in command._actions if a.required]
    call = " ".join([command.prog, *map(_signature, needed), "[options]"])
    either = [
        f"One of {', '.join(f'`{_signature(a)}`' for a in group._group_actions)} must be given.\n"
        for group in command._mutually_exclusive_groups
        if group.required
    ]
    return "\n".join(
        [f"## {name}", "", command.description or "", "", "```sh", call, "```", "",
         *either, "| option | meaning |", "|---|---|", *rows, ""]
    )  # fmt: skip


def _row(action: argparse.Action) -> str:
    meaning = [(action.help or "") % vars(action)] if action.help else []
    if action.choices is not None:
        meaning.append("One of " + ", ".join(f"`{choice}`" for choice in action.choices) + ".")
    if action.required and action.option_strings:
        meaning.append("Must be given.")
    return f"| `{_signature(action)}` | {_cell(' '.join(meaning))} |"


def _signature(action: argparse.Action) -> str:
    """Return an option as it is written: its longest name, and what stands after it."""
    if not action.option_strings:
        dots = " …" if action.nargs == "+" else ""
        return f"{action.metavar or action.dest.upper()}{dots}"
    name = max(action.option_strings, key=len)
    takes_none = action.nargs == 0
    value = action.metavar or action.dest.upper()
    return name if takes_none else f"{name} {value}"


def main() -> None:
    """Write the file."""
    argparse.ArgumentParser(prog="python -m tools.commands", description=__doc__).parse_args()
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
