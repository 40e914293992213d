"""Makes the paths and the landscape that ship: `python -m tools.record_paths [--length 8]`.

Trains solutions of short texts that have so many tokens, on from their first exact step until every
token leads, connects all pairs of one text, measures the plane of one pair, and copies the results
to cache/recorded/. Texts whose pairs ship already are taken over, so that `--texts 20` adds eleven
to the first nine. With more attempts than those had, pairs that are not connected go on with the
next; by another recipe the same solutions are all connected anew. Every part goes on where it was
when it is run again after an interruption.
`--table` writes docs/paths.md from what ships instead.
"""

import argparse
import shutil
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base import folders
from explorer.base.formatting import counted
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.paths import places
from explorer.paths.batches import States, brought_back, chosen, tensors_of
from explorer.paths.connection import connection
from explorer.paths.header import describe
from explorer.paths.pairs import all_pairs, vector
from explorer.paths.result import FILE, Paths
from explorer.solutions import sets, store
from explorer.solutions.solution import Solution, SolutionRecord, load_solution, save_solution
from explorer.specs.arrangements import ARRANGEMENTS, KEYS
from explorer.specs.curves import PathRecipe, trained_on
from explorer.specs.jobs import GatheredText, LandscapeSpec, PathsSpec, SolveSetSpec
from explorer.specs.recipes import preset
from explorer.tasks.paths.bends import CurveTrainer
from explorer.tasks.sets.building import SetBuilder
from tools.record import carry_out, ship

TEXTS = (
    "The heron waits by the reservoir while the evening tram goes home.",
    "Nobody had told the lighthouse keeper that the sea was leaving him.",
    "Fold the dough twice, let it rest, and sing to it softly until noon.",
    "On Tuesday the committee voted to give every goat a small brass bell.",
    "My grandmother kept her letters in a tin that smelled of oranges.",
    "Between two stations the violin began to play without its owner.",
    "The baker's apprentice counted the swallows twice before he dared to light the big oven.",
    "Every lamp in the theater went out at once, and somebody in the third row laughed quietly.",
    "They moved the bridge a little to the left so that the old pear tree could stay there.",
    "If the tide comes in early, leave the boots on the rocks and carry the telescope instead.",
    "Her brother repaired clocks that ran backwards and sold them to people who missed something.",
    "A map of the cellar hung in the attic, and a map of the attic was never drawn.",
    "Behind the dentist's house the children dug a canal that they hoped would reach Portugal.",
    "When the snow had melted we found three gloves, a wedding invitation and a sleeping hedgehog.",
    "The orchestra of the fire brigade plays badly, but it arrives before anybody else does.",
    "Nine ships were built from that forest, and the tenth is still standing there as oaks.",
    "Please do not feed the statue again, because it has begun to follow the gardener home.",
    "The last letter of the alphabet complained that nobody ever waited for it to finish speaking.",
    "In the desert town they sell rain by the minute, and umbrellas only after a written test.",
    "My neighbor owns a parrot that can whistle the whole timetable of the northern railway line.",
    "After the flood the librarian hung every atlas on a washing line between two church towers.",
    "We buried the old radio under the plum tree, and some evenings it still plays a slow waltz.",
    "The smallest of the seven locksmiths opened the museum door with a feather and an apology.",
    "Because the train was late, a choir of strangers learned the whole song on platform nine.",
    "Ask the ferryman about the wolves, but bring him a pear first, and never count his oars.",
)
CPU = torch.device("cpu")
STEPS = 250
"""A restart that is not there by then most often never is."""
PAGE = Path(__file__).parents[1] / "docs" / "paths.md"


def main() -> None:
    """Make what is missing, then copy everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=8, help="N")
    parser.add_argument("--texts", type=int, default=9, choices=range(1, len(TEXTS) + 1))
    parser.add_argument("--restarts", type=int, default=3, help="solutions of each text")
    parser.add_argument("--arrangement", choices=KEYS, help="of e and m; left out: what suits")
    parser.add_argument("--steps", type=int, default=PathRecipe().max_steps)
    parser.add_argument("--attempts", type=int, default=PathRecipe().attempts)
    parser.add_argument("--samples", type=int, default=PathRecipe().samples)
    parser.add_argument("--finish-steps", type=int, default=PathRecipe().finish_steps)
    parser.add_argument("--solutions", type=Path, help="a folder of solutions, instead of training")
    parser.add_argument("--no-plane", action="store_true", help="leave the landscape as it is")
    parser.add_argument("--table", action="store_true", help="only write docs/paths.md")
    asked = parser.parse_args()
    if asked.table:
        PAGE.write_text(page(places.PATHS.shipped()), encoding="utf-8")
        return
    pool = ModelPool(best_device())
    name = f"{asked.texts}-texts-{asked.length}"
    recipe = PathRecipe(
        max_steps=asked.steps,
        attempts=asked.attempts,
        samples=asked.samples,
        finish_steps=asked.finish_steps,
        look_every=150,
    )
    laid_out = ARRANGEMENTS.get(asked.arrangement)
    own = "" if laid_out is None else f"-{laid_out.checklist_id.lower()}"
    name += own
    to = folders.recorded() / "paths" / f"0-texts-{asked.length:02}{own}"  # pages show the first
    shipped = Paths.load(to / FILE) if (to / FILE).exists() else None
    if asked.solutions:
        pairs = all_pairs(_given(asked.solutions))
    else:
        ends = shipped.header.solutions if shipped else []
        kept = [load_solution(to / f"{end.id}.safetensors") for end in ends]
        pairs = all_pairs(kept + _trained(asked, kept, pool))
    names = tuple((a.record.id, b.record.id) for a, b in pairs)
    job = f"record-{name}"
    found = places.folder_of(job) / FILE
    begun = found.exists() and Paths.load(found).header.recipe == recipe
    if shipped and not begun and _as_far(recipe, shipped.header.recipe) == shipped.header.recipe:
        paths, states = _taken_over(shipped, recipe, pairs, pool)
        paths.save(found, tensors_of(states))
    carry_out(job, PathsSpec(pairs=names, recipe=recipe), pool)
    shutil.rmtree(to, ignore_errors=True)
    for solution in {s.record.id: s for pair in pairs for s in pair}.values():
        save_solution(solution, to / f"{solution.record.id}.safetensors")
    ship(found, to / FILE)
    if not asked.no_plane:
        _plane(Paths.load(found), name, pool)


def _as_far(recipe: PathRecipe, before: PathRecipe) -> PathRecipe:
    """Return a recipe with no more attempts than the one before had."""
    return recipe.model_copy(update={"attempts": min(recipe.attempts, before.attempts)})


def _taken_over(
    before: Paths,
    recipe: PathRecipe,
    pairs: Sequence[tuple[Solution, Solution]],
    pool: ModelPool,
) -> tuple[Paths, States]:
    """Return paths of all pairs in which those that ship are over, and the others not begun.

    With more attempts than before, what is not connected goes on with the next one: its state is
    returned beside the paths.
    """
    known = before.header
    more = ~before.connected & (known.recipe != recipe)
    tokenizer = pool.of_solution(pairs[0][0]).tokenizer
    noted = ("searched_in", "device", "versions", "ended_by")
    same = {name: getattr(known, name) for name in noted}
    header = describe(pairs, known.kind, recipe, tokenizer, **same)
    ends = {s.record.id: s for pair in pairs for s in pair}
    paths = Paths.empty(header, np.stack([vector(s) for s in ends.values()]))
    place = {(a.record.id, b.record.id): k for k, (a, b) in enumerate(pairs)}
    states: States = {}
    for k, (a, b) in enumerate(known.pairs):
        row = place[known.solutions[a].id, known.solutions[b].id]
        paths = brought_back(paths, chosen(before, [k]), [row])
        if not more[k]:
            continue
        paths.over[row] = False
        if before.measured[k]:
            trainer = CurveTrainer(
                known.kind, paths.points(row)[[0, -1]], (), recipe, unit=1.0, device=CPU
            )
            trainer.attempt = known.recipe.attempts
            trainer.steps = int(before.history["step"][before.history["pair"] == k][-1])
            states[row] = trainer.state()
    header = paths.header.model_copy(update={"seconds": known.seconds})
    return replace(paths, header=header), states


def _plane(paths: Paths, name: str, pool: ModelPool) -> None:
    lowest = paths.line.accuracy.min(1)
    best = max(range(len(paths)), key=lambda k: (paths.connected[k], -lowest[k], paths.mean(k)))
    job = f"record-plane-{name}"
    carry_out(job, LandscapeSpec(paths=f"record-{name}", pair=best, level=5), pool)
    plane = folders.recorded() / "landscape" / name
    ship(places.folder_of(job) / places.LANDSCAPE, plane / places.LANDSCAPE)


def _given(folder: Path) -> list[Solution]:
    files = sorted(folder.rglob("*.safetensors"))
    return [load_solution(file) for file in files if not file.name.endswith(store.NOT_SOLUTIONS)]


def _trained(
    asked: argparse.Namespace, kept: Sequence[Solution], pool: ModelPool
) -> list[Solution]:
    """Return the exact solutions of the texts that none is kept of, trained in one batch (E8)."""
    known = tuple({s.record.text for s in kept})
    card = catalog.known_models()[0]
    tokenizer = Tokenizer.load(catalog.require(card.name)[0])
    enough = [text for text in TEXTS if len(tokenizer.encode(text)) >= asked.length]
    texts = [text for text in enough[: asked.texts] if not text.startswith(known)]
    if not texts:
        return []
    limited = preset("independent").model_copy(
        update={"name": f"independent, {STEPS} steps", "max_steps": STEPS}
    )
    recipe = trained_on(limited)
    spec = SolveSetSpec(
        model=card.name,
        texts=tuple(GatheredText(text=text, title="Own text") for text in texts),
        restarts=asked.restarts,
        length=asked.length,
        regime="free",
        arrangement=asked.arrangement or card.default_arrangement,
        recipe=recipe,
    )
    builder = SetBuilder(spec, pool)
    deque((print(progress.sentence, flush=True) for progress in builder.steps()), maxlen=0)
    found: list[Solution] = sets.read(builder.folder).solutions
    return found


COLUMNS = (
    "N", "ends", "curve", "texts", "pairs", "connected", "95%, by text", "by a line", "fails at",
    "length ratio", "steps",
)  # fmt: skip


def page(files: Iterable[Path]) -> str:
    """Return docs/paths.md: a line for each set of paths that ships, counted from its file."""
    lines = [
        "# Which pairs are connected",
        "",
        "Written by `python -m tools.record_paths --table` from the paths that ship. A pair is "
        "connected if at least .99 of the tokens are right at every point of the grid (F10). The "
        "interval is Wilson's and counts texts, since pairs of one text share their ends. Beside "
        "an end: t at most .1 from it. Length ratio: curve over chord (Q9), median, with least and "
        "largest. What was tried is in the notebook, `benchmarks/README.md`.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    return "\n".join([*lines, *(_line(file) for file in files), ""])


def _line(file: Path) -> str:
    paths = Paths.load(file)
    header, said = paths.header, connection(paths)
    one = load_solution(file.parent / f"{header.solutions[0].id}.safetensors").record
    curve = header.recipe
    least, _, median, _, largest = said.ratios
    cells = (
        f"{len(header.texts[0].target_ids)}",
        f"{one.arrangement}, {_ends(one)}",
        f"{header.kind}, {_steps(curve)}, worst {curve.worst:g}",
        f"{said.texts}",
        f"{said.pairs}",
        f"{said.connected} ({said.share:.0%})",
        f"{said.low:.0%} to {said.high:.0%}",
        f"{said.lines}",
        f"{counted(said.failing, 'point')}, {said.beside_ends} beside an end",
        f"{median:.2f} ({least:.2f} to {largest:.2f})",
        f"{np.median(paths.steps[paths.measured]):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _steps(curve: PathRecipe) -> str:
    attempts = [curve.adam_steps(k) for k in range(curve.attempts)]
    steps = f"{', then '.join(map(str, attempts))} steps of {curve.samples}"
    return f"{steps}, {curve.finish_steps} to finish" if curve.finish_steps else steps


def _ends(record: SolutionRecord) -> str:
    margin = record.recipe.finish_margin
    until = f"to a lead of {margin:g}" if margin >= 0.1 else "to the first exact step"
    return f"{record.recipe.short_title} {until}"


if __name__ == "__main__":
    main()
