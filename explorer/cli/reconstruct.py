"""`python -m explorer reconstruct`: train proto-tokens for one text and save what comes of it."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError, disk_errors
from explorer.base.progress import Progress
from explorer.base.value import valid
from explorer.cli import flags, results
from explorer.cli.assets import downloaded
from explorer.cli.devices import alone_on, named
from explorer.cli.progress import carry_out, say
from explorer.estimates import outlook
from explorer.runtime import step_times
from explorer.specs.jobs import MAX_CHARACTERS, ReconstructSpec
from explorer.specs.texts import CorpusSpec, make_spec
from explorer.texts.alterations import find_alteration
from explorer.texts.drawing import draw
from explorer.texts.own import from_upload
from explorer.texts.passages import Passage
from explorer.texts.targets import target_ids

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "reconstruct",
        help="train e and m to say a text in one forward pass",
        description="Train e and m to say a text in one forward pass. Exit code 0: at least one "
        "restart is exact; 3: none is; 2: bad input.",
    )
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="The text itself.")
    what.add_argument("--text-file", type=Path, help="A UTF-8 text file.")
    what.add_argument("--source", choices=flags.DRAWN, help="Where to draw a text from.")
    flags.add(command, CorpusSpec)
    flags.add(command, ReconstructSpec)
    flags.add_common(command, where="solutions")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the command out."""
    name, passage = catalog.find(arguments.model).name, _passage(arguments)
    device = named(arguments.device)
    spec = flags.read(
        arguments,
        ReconstructSpec,
        model=name,
        text=passage.text[:MAX_CHARACTERS],  # far more than the longest target needs
        length=1 if arguments.length is None else arguments.length,  # known after any download
        title=passage.title,
        source=passage.source,
    )
    results.folder(arguments.out)
    card = downloaded(arguments.model)
    assert card.folder is not None
    tokenizer = Tokenizer.load(card.folder)
    ids = target_ids(passage.text, tokenizer, arguments.length)
    spec = valid(ReconstructSpec, dict(spec) | {"length": len(ids)})
    if altered := find_alteration(passage.text, tokenizer, ids):
        say(altered.sentence)
    step_time = step_times.expected(card.name, spec.recipe.precision, card.parameters)
    if said := outlook.long_wait(outlook.of_text(spec, step_time).seconds or outlook.NOTHING):
        say(f"{said} Ctrl-C ends it and keeps the best so far.")
    with alone_on(device) as pool, tempfile.TemporaryDirectory() as scratch:
        solutions = _train(spec, pool, arguments.out, Path(scratch))
    if arguments.json:
        results.print_json({"model_path": card.folder, "solutions": solutions})
    else:
        _print_table(solutions)
    return 0 if any(s["exact"] for s in solutions) else 3


def _train(
    spec: ReconstructSpec, pool: "ModelPool", out: Path, scratch: Path
) -> list[dict[str, Any]]:
    from explorer.tasks.probe import Probe
    from explorer.tasks.reconstruct import Reconstruction

    carry_out(Probe(spec, pool))
    task = Reconstruction(spec, pool, scratch, None, out)

    def words(progress: Progress) -> Progress:
        report = task.trainer.report(detailed=False)
        step = f"Step {report.steps.max()} of at most {spec.recipe.max_steps}"
        return Progress(f"{step}, best accuracy {report.accuracy.max():.2f}.", progress.fraction)

    try:
        carry_out(task, words)
    except KeyboardInterrupt:
        task.stop("interrupted")
        say("Interrupted: the best state so far is saved.")
    for sentence in task.trainer.notices:
        say(sentence)
    return [
        {
            "path": str(task.solutions[i].resolve()),
            "seed": found.row.seed,
            "accuracy": found.score.accuracy,
            "exact": found.score.exact,
            "c_tokens": found.score.c_tokens,
            "h_lm": task.h_lm[0],
            "h_lm_terms": task.h_lm[1],
            "steps": found.steps,
            "seconds": found.seconds,
            "confirmed_in": found.confirmed_in,
            **({"reason": found.reason} if found.reason else {}),
        }
        for i, found in enumerate(task.outcomes())
    ]


def _passage(arguments: argparse.Namespace) -> Passage:
    drawn = flags.given(arguments, CorpusSpec)
    if arguments.source is None and drawn:
        option = flags.written(CorpusSpec, next(iter(drawn)))
        raise BadInputError(f"{option} goes with --source; leave it out, or name a source.")
    if arguments.text is not None:
        return draw(make_spec("own", text=arguments.text))
    if arguments.text_file is not None:
        with disk_errors(f"{arguments.text_file} cannot be read", "Check the path.", BadInputError):
            data = arguments.text_file.read_bytes()
        return from_upload(arguments.text_file.name, data)
    return draw(make_spec(arguments.source, **drawn))


def _print_table(solutions: list[dict[str, Any]]) -> None:
    for s in solutions:
        state = "exact" if s["exact"] else s["reason"]
        print(
            f"seed {s['seed']}: {s['accuracy']:.3f} ({s['c_tokens']} tokens) after {s['steps']} "
            f"steps, {s['seconds']:.1f} s, {state}\n  {s['path']}"
        )
