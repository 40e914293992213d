"""`python -m explorer solve-set`: make a solution set without a browser."""

import argparse
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.base.value import in_words
from explorer.cli import devices, flags, results
from explorer.cli.assets import downloaded
from explorer.cli.devices import alone_on
from explorer.cli.progress import carry_out, say
from explorer.estimates.set_time import estimate
from explorer.solutions.sets import SET_FILE, SetRecord, folder_of, load, set_id
from explorer.specs.arrangements import AUTO
from explorer.specs.jobs import GatheredText, SolveSetSpec
from explorer.texts.alterations import find_alterations

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


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
    flags.add(command, SolveSetSpec)
    flags.add_common(command, out="Folder that the set's files are copied to.")
    devices.add_to(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    spec = flags.read(
        arguments,
        SolveSetSpec,
        model=catalog.find(arguments.model).name,
        texts=() if arguments.texts is None else _texts(arguments.texts),
        restarts_of=arguments.restarts_of or ("every" if arguments.texts else "last"),
    )
    _require_agreement(spec)
    where = devices.several(arguments)
    if arguments.out is not None:
        file = results.folder(arguments.out) / SET_FILE
        results.keep_others(file, _other_set(arguments.out, spec))
    card = downloaded(arguments.model)
    assert card.folder is not None
    given = [text.text for text in spec.texts]
    if altered := find_alterations(given, (), Tokenizer.load(card.folder), spec.length):
        say(altered)
    if devices.spreads(arguments, where):
        from explorer.cluster.sets import SetDivision

        say(estimate(spec, card.parameters).sentence)
        record = devices.spread_over(arguments, where, SetDivision(spec)).record
    else:
        with alone_on(where[0]) as pool:
            record = _build(spec, pool, card)
    if arguments.out is not None:
        folder = folder_of(record.id)
        results.keep_others(file, _other_set(arguments.out, record.spec, record.fingerprint))
        with results.written(arguments.out, folder):
            shutil.copytree(folder, arguments.out, dirs_exist_ok=True)
    if arguments.json:
        out = {} if arguments.out is None else {"out": arguments.out}
        results.print_json(_as_json(record, card) | out)
    else:
        _print(record)
    return 0 if record.exact else 3


def _other_set(folder: Path, spec: SolveSetSpec, fingerprint: str | None = None) -> str:
    """Say what a folder holds if it is another set than the one asked for.

    Of which weights is known once it is made; before that those of the file are taken for it.
    """
    with suppress(CorruptFileError):
        kept = load(folder)
        if spec.arrangement == AUTO:  # what a probe chose then
            spec = spec.model_copy(update={"arrangement": kept.spec.arrangement})
        if kept.id != set_id(spec, fingerprint or kept.fingerprint):
            return f"the set {kept.id}"
    return ""


def _require_agreement(spec: SolveSetSpec) -> None:
    """Make sure that nothing is asked that the set would ignore.

    Of gathered texts no contexts are drawn, and where each solution has its own m, none is shared.

    Raises:
        BadInputError: if something is.
    """
    known = SolveSetSpec.model_fields
    given = {name for name in known if getattr(spec, name) != known[name].default}
    for name in ("source", "path", "contexts", "continuations", "context_length"):
        if spec.texts and name in given:
            option = flags.written(SolveSetSpec, name)
            raise BadInputError(f"{option} says how texts are drawn. Leave it or --texts out.")
    if spec.regime == "free" and "joint_until" in given:
        raise BadInputError("--joint-until goes with the shared regime. Leave it out, or share m.")


def _texts(file: Path) -> tuple[GatheredText, ...]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")  # a text may hold U+2028
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


def _build(spec: SolveSetSpec, pool: "ModelPool", card: ModelCard) -> SetRecord:
    from explorer.tasks.probe import Probe
    from explorer.tasks.sets.building import SetBuilder
    from explorer.tasks.step_time import timed

    carry_out(Probe(spec, pool))
    task = SetBuilder(spec, pool)
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
        "folder": folder,
        "model_path": card.folder,
        "regime": record.spec.regime,
        "m_learned": record.regime_in_words,
        "wanted": len(record.slots),
        "exact": len(record.exact),
        "unsolved": record.unsolved,
        "solutions": [
            {"path": folder / member.file, "id": member.solution}
            | member.model_dump(exclude={"file", "solution", "seconds"}, exclude_none=True)
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
