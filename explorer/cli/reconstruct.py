"""`python -m explorer reconstruct`: train proto-tokens for one text and save what comes of it."""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tqdm import tqdm

from explorer import texts
from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.validation import in_words
from explorer.cli.assets import ProgressBar
from explorer.cli.device import alone_on, named
from explorer.estimates import outlook
from explorer.runtime import step_times
from explorer.specs import arrangements, recipes
from explorer.specs.jobs import MAX_CHARACTERS, ReconstructSpec
from explorer.specs.recipes import Recipe
from explorer.texts import Passage


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "reconstruct",
        help="train e and m to say a text in one forward pass",
        description="Train e and m to say a text in one forward pass. Exit code 0: at least one "
        "restart is exact; 3: none is; 2: bad input.",
    )
    add = command.add_argument
    add(
        "--model",
        type=catalog.from_here,
        default="smollm2-135m",
        help="name, hub id or folder (default: %(default)s)",
    )
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="the text itself")
    what.add_argument("--text-file", type=Path, help="a UTF-8 text file")
    what.add_argument(
        "--source", choices=[s for s in texts.SOURCES if s not in ("own", "generated")]
    )
    add("--path", help="for the sources corpus and random: a folder, .jsonl or GloVe file")
    add("--text-seed", type=int, help="seed of the draw from --source (default: 0)")
    add("--index", type=int, help="which passage of that draw (default: the first)")
    add("--length", type=int, help="N, target tokens (default: the whole text)")
    add("--arrangement", choices=(arrangements.AUTO, *arrangements.KEYS),
        default=arrangements.AUTO, help="auto: what suits the model (default)")  # fmt: skip
    add("--recipe", default="fast",
        help="fast, independent, paper, or a JSON file (default: %(default)s)")  # fmt: skip
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a recipe field")
    add("--restarts", type=int, default=4, help="K, trained side by side (default: %(default)s)")
    add("--seed", type=int, default=0, help="restarts use seed … seed+K-1 (default: %(default)s)")
    add("--until", choices=("first", "all"), default="all",
        help="first: stop once one restart is exact (default: %(default)s)")  # fmt: skip
    add(
        "--out",
        type=Path,
        default=Path("solutions"),
        help="folder for the files (default: ./%(default)s)",
    )
    add("--device", default="auto", help="auto, cpu, mps, cuda, cuda:1 … (default: %(default)s)")
    add("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    card = catalog.find(arguments.model)
    passage = _passage(arguments)
    recipe = recipe_named(arguments.recipe, arguments.set)
    device = named(arguments.device)
    _spec(
        arguments, card, passage, recipe, length=1 if arguments.length is None else arguments.length
    )  # before any download
    folders.make_for(arguments.out)
    if card.folder is None:
        with ProgressBar(card.title) as bar:
            catalog.download(card, bar)
        card = catalog.find(arguments.model)
    assert card.folder is not None
    length = arguments.length
    if length is None:
        length = len(texts.target_ids(passage.text, Tokenizer.load(card.folder), None))
    spec = _spec(arguments, card, passage, recipe, length=length)
    step_time = step_times.find(card.name, recipe.precision) or step_times.assumed(card.parameters)
    if said := outlook.long_wait(outlook.of_text(spec, step_time).seconds or outlook.NOTHING):
        print(f"{said} Ctrl-C ends it and keeps the best so far.", file=sys.stderr)
    with alone_on(device), tempfile.TemporaryDirectory() as scratch:
        solutions = _train(spec, device, arguments.out, Path(scratch))
    if arguments.json:
        print(json.dumps({"model_path": str(card.folder), "solutions": solutions}))
    else:
        _print_table(solutions)
    return 0 if any(s["exact"] for s in solutions) else 3


def _spec(
    arguments: argparse.Namespace,
    card: catalog.ModelCard,
    passage: Passage,
    recipe: Recipe,
    *,
    length: int,
) -> ReconstructSpec:
    try:
        return ReconstructSpec(
            model=card.name,
            text=passage.text[:MAX_CHARACTERS],  # far more than the longest target needs
            length=length,
            arrangement=arguments.arrangement,
            recipe=recipe,
            restarts=arguments.restarts,
            seed=arguments.seed,
            until=arguments.until,
            title=passage.title,
            source=passage.source,
        )
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error


def _train(spec: ReconstructSpec, device: str, out: Path, scratch: Path) -> list[dict[str, Any]]:
    import torch

    from explorer.model.pool import ModelPool
    from explorer.tasks.reconstruct import Reconstruction

    task = Reconstruction(spec, ModelPool(torch.device(device)), scratch, None, out)
    total = spec.recipe.max_steps
    try:
        with tqdm(total=total, unit="step", disable=None, leave=False) as bar:
            for report in task.steps():
                bar.update(int(report.steps.max()) - bar.n)
                bar.set_postfix_str(f"best accuracy {report.accuracy.max():.2f}", refresh=False)
            bar.refresh()  # a run may be over before the bar's first look
    except KeyboardInterrupt:
        task.stop("interrupted")
        print("Interrupted: the best state so far is saved.", file=sys.stderr)
    for sentence in task.trainer.notices:
        print(sentence, file=sys.stderr)
    return [
        {
            "path": str(task.solutions[i].resolve()),
            "seed": found.row.seed,
            "accuracy": found.score.accuracy,
            "exact": found.score.exact,
            "c_tokens": found.score.c_tokens,
            "h_lm": task.h_lm[0] if math.isfinite(task.h_lm[0]) else None,  # JSON has no NaN
            "h_lm_terms": task.h_lm[1],
            "steps": found.steps,
            "seconds": found.seconds,
            "confirmed_in": found.confirmed_in,
            **({"reason": found.reason} if found.reason else {}),
        }
        for i, found in enumerate(task.outcomes())
    ]


def _passage(arguments: argparse.Namespace) -> Passage:
    drawn = {
        "--path": arguments.path,
        "--index": arguments.index,
        "--text-seed": arguments.text_seed,
    }
    given = [name for name, value in drawn.items() if value is not None]
    if arguments.source is None and given:
        raise BadInputError(f"{given[0]} goes with --source; leave it out, or name a source.")
    if arguments.text is not None:
        return texts.draw(texts.make_spec("own", text=arguments.text))
    if arguments.text_file is not None:
        try:
            data = arguments.text_file.read_bytes()
        except OSError as error:
            raise BadInputError(
                f"{arguments.text_file} cannot be read ({error.strerror}). Check the path."
            ) from error
        return texts.from_upload(arguments.text_file.name, data)
    fields: dict[str, Any] = {
        "seed": arguments.text_seed or 0,
        "index": arguments.index or 0,
    }
    if arguments.path is not None:
        fields["path"] = arguments.path
    return texts.draw(texts.make_spec(arguments.source, **fields))


def recipe_named(name: str, changes: list[str]) -> Recipe:
    """Return the recipe that `--recipe` and `--set` describe.

    Raises:
        BadInputError: if there is no such recipe or a change is impossible.
    """
    try:
        fields = _named_recipe(name).model_dump()
        for change in changes:
            field, equals, value = change.partition("=")
            if not equals:
                raise BadInputError(f"“--set {change}” is not of the form FIELD=VALUE.")
            fields[field] = None if value == "none" else value
        if changes:
            fields["name"] = f"{fields['name']}, changed"
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise BadInputError(in_words(error, Recipe.model_fields)) from error


def _named_recipe(name: str) -> Recipe:
    """Return a preset, or read a recipe from a JSON file."""
    if name not in recipes.PRESETS and name.endswith(".json"):
        try:
            return Recipe.model_validate_json(Path(name).read_bytes())
        except OSError as error:
            raise BadInputError(f"{name} cannot be read ({error.strerror}).") from error
        except ValidationError as error:
            raise BadInputError(
                f"{name} holds no recipe. {in_words(error, Recipe.model_fields)}"
            ) from error
    return recipes.preset(name)


def _print_table(solutions: list[dict[str, Any]]) -> None:
    for s in solutions:
        state = "exact" if s["exact"] else s["reason"]
        print(
            f"seed {s['seed']}: {s['accuracy']:.3f} ({s['c_tokens']} tokens) after {s['steps']} "
            f"steps, {s['seconds']:.1f} s, {state}\n  {s['path']}"
        )
