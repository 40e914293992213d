"""Options from the fields of the specs, where name, type, choices, default and meaning stand once.

A field `joint_until` becomes `--joint-until`, its description the help, a Literal the choices; a
bool is a switch that turns the default over. A field that is a spec itself adds that one's fields,
and a recipe is chosen by `--recipe` and changed by `--set`. `OTHERWISE` has the exceptions.
argparse turns what is given into numbers; what a number may be is the spec's matter alone.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from explorer.assets import catalog, packaged
from explorer.base.value import valid
from explorer.cli import recipes
from explorer.specs.curves import PathRecipe
from explorer.specs.experiments import ReadoutSettings
from explorer.specs.jobs import InsideSpec, PathsSpec, ReconstructSpec, SolveSetSpec
from explorer.specs.recipes import PRESETS, Recipe
from explorer.specs.texts import SOURCES, CorpusSpec

Spec = TypeVar("Spec", bound=BaseModel)

DRAWN = tuple(source for source in SOURCES if source not in ("own", "generated"))
"""Sources that need nothing but a seed, or a path."""
TEXTS = 'Gathered texts instead of contexts: JSON lines with "text" and, to group them, "context".'
MODELS = (
    "Name, hub id (also with @revision) or folder of the model. Given several times, the "
    "experiment runs on each of them, such as the checkpoints of a training run: "
    "--model EleutherAI/pythia-160m@step1000 --model EleutherAI/pythia-160m@step2000."
)
SET = "Change a setting, as JSON: --set texts=4 --set 'lengths=[4, 8]' --set recipe.max_steps=100."

MODEL = packaged.EMBEDDED_MODEL.name
EVERYWHERE: dict[str, dict[str, Any]] = {
    "model": {"default": MODEL, "type": catalog.from_here},
    "set": {"metavar": "S"},
    "paths": {"name": "paths"},
    "solution": {"name": "solution"},
}
OTHERWISE: dict[type[BaseModel], dict[str, dict[str, Any] | None]] = {
    ReconstructSpec: {
        **dict.fromkeys(("text", "title", "source")),  # of the passage
        "length": {"default": None, "usual": "the whole text"},
        "recipe": {"default": "fast"},
        "restarts": {"default": 4},
    },
    CorpusSpec: {  # stands for every source that is drawn from
        "characters": None,
        "index": {"default": None, "usual": "0"},
        "path": {"default": None, "help": SolveSetSpec.model_fields["path"].description},
        "seed": {"name": "--text-seed", "default": None, "usual": "0"},
    },
    SolveSetSpec: {
        "source": {"choices": DRAWN},
        "restarts_of": {"default": None, "usual": "last; with --texts every"},
        "texts": {"default": None, "metavar": "FILE", "type": Path, "help": TEXTS},
        "length": {"default": 16},
        "m_from": {"metavar": "K"},
        "joint_until": {"metavar": "SHARE"},
        "recipe": {"default": "independent"},
    },
    PathsSpec: dict.fromkeys(("pairs", "train")),
    PathRecipe: {
        **dict.fromkeys(("beta1", "beta2", "clip", "schedule", "precision")),
        "max_steps": {"name": "--steps"},
        "stop_early": {"name": "--all-steps", "help": "Go on after a curve is exact all along."},
    },
    InsideSpec: {"other": {"usual": "up to two are found"}},
    ReadoutSettings: {  # stands for every experiment: `run` takes what nearly all of them have
        **dict.fromkeys(("contexts", "context_length", "length", "restarts", "source")),
        "arrangement": {"default": None, "usual": "auto"},
        "model": EVERYWHERE["model"]
        | {"action": "append", "default": None, "usual": MODEL, "help": MODELS},
        "recipe": {"default": None, "usual": "the preset's", "set": SET},
    },
}
"""What an option has otherwise than its field, as arguments of argparse; None: no option.

`name` is how it is written, without dashes if it is known by its place; `usual` is what a person
reads for the default; `set` is the meaning of the recipe's `--set`.
"""


def add(command: argparse.ArgumentParser, spec: type[BaseModel]) -> None:
    """Add an option for each field of a spec."""
    for name, field, otherwise in _fields(spec):
        if field.annotation is Recipe:
            _add_recipe(command, otherwise)
        elif (inner := _inside(field)) is not None:
            add(command, inner)
        else:
            how = _taken(field) | otherwise
            how["help"] = _meaning(how["help"], how.pop("usual", how.get("default")))
            if "default" in how or "name" in how:
                how.pop("required", None)  # argparse knows what stands by its place as required
            how.pop("name", None)
            command.add_argument(written(spec, name), **how)


def read(arguments: argparse.Namespace, spec: type[Spec], **others: Any) -> Spec:
    """Return the spec that the options describe.

    Args:
        arguments: of a command with the options of `spec`.
        spec: what to make of them.
        others: fields that are no option, or that are decided otherwise.

    Raises:
        BadInputError: if a field is missing or out of range, or there is no such recipe.
    """
    return valid(spec, given(arguments, spec) | others)


def given(arguments: argparse.Namespace, spec: type[BaseModel]) -> dict[str, Any]:
    """Return the fields that the options give; those without a value are left to the spec.

    Raises:
        BadInputError: if a field of a spec in it is out of range, or there is no such recipe.
    """
    found: dict[str, Any] = {}
    for name, field, _ in _fields(spec):
        if field.annotation is Recipe:
            found[name] = recipes.chosen(arguments.recipe, arguments.set)
        elif (inner := _inside(field)) is not None:
            found[name] = read(arguments, inner)
        else:
            value = getattr(arguments, written(spec, name).lstrip("-").replace("-", "_"))
            if field.annotation is bool:
                found[name] = value is not field.default
            elif value is not None:
                found[name] = value
    return found


def written(spec: type[BaseModel], name: str) -> str:
    """Return the option of a field as a person writes it, such as `--joint-until`."""
    option: str = (_otherwise(spec, name) or {}).get("name", f"--{name.replace('_', '-')}")
    return option


def add_common(
    command: argparse.ArgumentParser,
    *,
    out: str = "Folder for the files.",
    where: str | None = None,
    device: str | None = "Where to compute: auto, cpu, mps, cuda, cuda:1 or another.",
) -> None:
    """Add what commands share: `--out` with its meaning and default, `--device`, `--json`."""
    usual, folder = (None, None) if where is None else (f"./{where}", Path(where))
    command.add_argument("--out", type=Path, default=folder, help=_meaning(out, usual))
    if device is not None:
        command.add_argument("--device", default="auto", help=_meaning(device, "auto"))
    add_json(command)


def add_json(command: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    command.add_argument("--json", action="store_true", help="Print one JSON object on stdout.")


def _fields(spec: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, dict[str, Any]]]:
    """Yield name, field and exceptions of every field that a person can choose a value of."""
    for name, field in spec.model_fields.items():
        otherwise = _otherwise(spec, name)
        one_value = get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
        if otherwise is not None and not one_value:
            yield name, field, otherwise


def _otherwise(spec: type[BaseModel], name: str) -> dict[str, Any] | None:
    return OTHERWISE.get(spec, {}).get(name, EVERYWHERE.get(name, {}))


def _inside(field: FieldInfo) -> type[BaseModel] | None:
    """Return the spec that a field holds, if it holds one."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _taken(field: FieldInfo) -> dict[str, Any]:
    """Return what argparse has to know about a field."""
    how: dict[str, Any] = {"help": field.description}
    kind: Any = field.annotation
    if kind is bool:
        return how | {"action": "store_true"}
    if isinstance(kind, UnionType):  # of something and None
        kind = get_args(kind)[0]
    if kind in (int, float):
        how["type"] = kind
    elif get_origin(kind) is Literal:
        how["choices"] = get_args(kind)
    return how | ({"required": True} if field.is_required() else {"default": field.default})


def _add_recipe(command: argparse.ArgumentParser, otherwise: dict[str, Any]) -> None:
    default = otherwise["default"]
    said = _meaning(f"{', '.join(PRESETS)}, or a JSON file.", otherwise.get("usual", default))
    command.add_argument("--recipe", default=default, help=said)
    said = _meaning(otherwise.get("set", "Change a field of the recipe."))
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help=said)


def _meaning(said: str, usual: object = None) -> str:
    """Return a help text; argparse takes a % for the beginning of a name."""
    return (said if usual is None else f"{said} Default: {usual}.").replace("%", "%%")
