"""`python -m explorer solve-set`: make a solution set without a browser."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from explorer import texts
from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.validation import in_words
from explorer.cli.device import alone_on, named
from explorer.cli.progress import ProgressBar, carry_out, say
from explorer.cli.reconstruct import recipe_named
from explorer.estimates.set_time import estimate
from explorer.solutions.sets import SetRecord, folder_of
from explorer.specs import arrangements
from explorer.specs.jobs import GatheredText, SolveSetSpec


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "solve-set",
        help="make a solution set: contexts x continuations x restarts",
        description="Make a solution set after the paper's protocol: the model continues each of C "
        "contexts G times; one solution for each of the first G-1 texts, R for the last. With "
        "--texts: R solutions of each text in a file of your own. The same "
        "command goes on where an earlier one was interrupted. Exit code 0: there are exact "
        "solutions; 3: none is; 2: bad input.",
    )
    add = command.add_argument
    add(
        "--model",
        type=catalog.from_here,
        default="smollm2-135m",
        help="name, hub id or folder (default: %(default)s)",
    )
    add("--contexts", type=int, default=8, help="C (default: %(default)s)")
    add("--continuations", type=int, default=6, help="G texts a context (default: %(default)s)")
    add("--restarts", type=int, default=8, help="R (default: %(default)s)")
    add("--restarts-of", choices=("last", "every"), help="which texts of a context get R "
        "solutions; default: the last, with --texts every one")  # fmt: skip
    add("--length", type=int, default=16, help="N, target tokens (default: %(default)s)")
    add("--regime", choices=("shared", "free"), required=True, help="m shared by the set, or free")
    add("--m-from", type=int, metavar="K", help="learn the shared m on K texts, then freeze it: a "
        "faster deviation from the paper")  # fmt: skip
    add("--joint-until", type=float, default=1.0, metavar="SHARE", help="end the joint training "
        "of m when this share of rows is exact at once (default: %(default)s)")  # fmt: skip
    add("--attempts", type=int, default=3, help="seeds tried for a solution (default: %(default)s)")
    add("--source", default="seen", choices=[s for s in texts.SOURCES if s not in _NOT_DRAWN],
        help="where contexts come from (default: %(default)s)")  # fmt: skip
    add("--path", help="for the sources corpus and random: a folder, .jsonl or GloVe file")
    add("--context-length", type=int, default=64, help="tokens the model reads of a context "
        "(default: %(default)s)")  # fmt: skip
    add("--texts", type=Path, metavar="FILE", help="gathered texts instead: JSON lines with "
        '"text" and, to group them, "context"')  # fmt: skip
    add("--arrangement", choices=(arrangements.AUTO, *arrangements.KEYS),
        default=arrangements.AUTO, help="auto: what suits the model (default)")  # fmt: skip
    add("--recipe", default="independent",
        help="fast, independent, paper, or a JSON file (default: %(default)s)")  # fmt: skip
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a recipe field")
    add("--seed", type=int, default=0, help="decides everything drawn (default: %(default)s)")
    add("--out", type=Path, help="folder that the set's files are copied to")
    add("--device", default="auto", help="auto, cpu, mps, cuda, cuda:1 … (default: %(default)s)")
    add("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(run=run)


_NOT_DRAWN = ("own", "generated")


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    card = catalog.find(arguments.model)
    spec = _spec(arguments, card)
    device = named(arguments.device)
    if arguments.out is not None:
        folders.make_for(arguments.out)
    if card.folder is None:
        with ProgressBar(card.title) as bar:
            catalog.download(card, bar)
        card = catalog.find(arguments.model)
    with alone_on(device):
        record = _build(spec, device, card)
    if arguments.out is not None:
        folders.copy_to(folder_of(record.id), arguments.out)
    if arguments.json:
        out = {} if arguments.out is None else {"out": str(arguments.out)}
        print(json.dumps(_as_json(record, card) | out))
    else:
        _print(record)
    return 0 if record.exact else 3


def _spec(arguments: argparse.Namespace, card: ModelCard) -> SolveSetSpec:
    try:
        return SolveSetSpec(
            model=card.name,
            source=arguments.source,
            path=arguments.path,
            contexts=arguments.contexts,
            continuations=arguments.continuations,
            restarts=arguments.restarts,
            restarts_of=arguments.restarts_of or ("every" if arguments.texts else "last"),
            context_length=arguments.context_length,
            texts=() if arguments.texts is None else _texts(arguments.texts),
            length=arguments.length,
            regime=arguments.regime,
            m_from=arguments.m_from,
            joint_until=arguments.joint_until,
            attempts=arguments.attempts,
            arrangement=arguments.arrangement,
            recipe=recipe_named(arguments.recipe, arguments.set),
            seed=arguments.seed,
        )
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error


def _texts(file: Path) -> tuple[GatheredText, ...]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        found = tuple(GatheredText.model_validate_json(line) for line in lines if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file} cannot be read as UTF-8 text. Check the path.") from error
    except ValidationError as error:
        raise BadInputError(
            f'{file} does not hold one JSON object a line with "text". {in_words(error)}'
        ) from error
    if not found:
        raise BadInputError(f"{file} holds no text. Give one JSON object a line, with “text”.")
    return found


def _build(spec: SolveSetSpec, device: str, card: ModelCard) -> SetRecord:
    import torch

    from explorer.model.pool import ModelPool
    from explorer.tasks.sets.building import SetBuilder
    from explorer.tasks.step_time import timed

    task = SetBuilder(spec, ModelPool(torch.device(device)))
    try:
        if not task.record.complete:
            say(estimate(spec, card.parameters, timed(*task.timing)).sentence)
            say(f"Set {task.record.id} in {task.folder}: the same command goes on with it.")
        carry_out(task)
    except KeyboardInterrupt:
        say("Interrupted: what is found so far is kept; the same command goes on.")
        raise
    return task.record


def _as_json(record: SetRecord, card: ModelCard) -> dict[str, Any]:
    folder = folder_of(record.id)
    return {
        "set": record.id,
        "folder": str(folder),
        "model_path": str(card.folder),
        "regime": record.spec.regime,
        "m_learned": record.regime_in_words,
        "wanted": len(record.slots),
        "exact": len(record.exact),
        "unsolved": [list(slot) for slot in record.unsolved],
        "solutions": [
            {
                "path": str(folder / member.file),
                "id": member.solution,
                "context": member.context,
                "continuation": member.continuation,
                "restart": member.restart,
                "attempt": member.attempt,
                "seed": member.seed,
                "accuracy": member.accuracy,
                "exact": member.exact,
                "steps": member.steps,
                **({"reason": member.reason} if member.reason else {}),
            }
            for member in record.members
        ],
    }


def _print(record: SetRecord) -> None:
    print(f"Set {record.id} in {folder_of(record.id)}")
    print(record.regime_in_words)
    print(f"{len(record.exact)} of {len(record.slots)} solutions exact.")
    for member in record.members:
        if not member.exact:
            print(
                f"not exact: context {member.context}, text {member.continuation}, seed "
                f"{member.seed}: accuracy {member.accuracy:.3f}, {member.reason}"
            )
