"""Makes the pairs that recipe `fast` starts near: `python -m tools.record_warm_starts [SET]`.

Hands e and m down from text to text: each pair starts on texts it has not seen, and the half that
becomes exact first goes on. After a few generations a pair needs fewer steps on any text. Begins
with the pairs that ship for the embedded model, or with those of a solution set in which every
solution has its own m. None of the texts is in a benchmark. Three minutes a generation on two
cores.
"""

import argparse
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from explorer.assets import catalog
from explorer.base.errors import BadInputError, MissingAssetError
from explorer.model.frozen import FrozenModel, best_device
from explorer.model.pool import ModelPool
from explorer.solutions import sets
from explorer.specs.arrangements import KEYS, ArrangementKey
from explorer.specs.recipes import FAST
from explorer.specs.texts import RandomSpec, SeenSpec
from explorer.texts.drawing import draw
from explorer.texts.passages import Passage
from explorer.texts.targets import target_ids
from explorer.training import Row, Trainer
from explorer.training.starts import start_of, warm_file, warm_pairs

DEFAULT: ArrangementKey = "e+mN"
"""In which the pairs are trained that serve every arrangement without its own."""
LENGTH = 24
"""N of the texts that pairs are handed down through."""
SEEN, RANDOM = 20, 12
"""Texts of a generation from Shakespeare, and of random words; each is one row's target."""
TEXTS = 100
"""Seed of the texts of generation 0; each generation has another seed, so other texts."""
STARTS = 1000
"""Seeds of random starts that each generation has to itself."""
MOST_STEPS = 170
"""Steps of a generation in which fewer than half become exact."""


def main() -> None:
    """Write one file for the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "set", nargs="?", help="a set with m free; what ships for the embedded model if left out"
    )
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument(
        "--from", dest="first", type=int, default=0, help="generation to count from: other texts"
    )
    parser.add_argument(
        "--arrangement", choices=KEYS, default=DEFAULT, help="whose pairs; left out: any without"
    )
    arguments = parser.parse_args()
    card = catalog.known_models()[0]
    found = None
    if arguments.set:
        found = sets.read(sets.find(arguments.set))
        if found.record.spec.regime != "free":
            raise BadInputError("In this set all solutions share one m. Name one made with m free.")
        card = catalog.find(found.record.spec.model)
    if card.folder is None:
        raise MissingAssetError(f"{card.title} is not on this disk.")
    pool, folder = ModelPool(best_device()), card.folder
    model = pool.searching(folder, card.name)
    known = warm_pairs(model.fingerprint, arguments.arrangement)
    if found is not None:
        order = sorted(
            range(len(found.members)),
            key=lambda i: (found.members[i].restart, found.members[i].slot),
        )  # one of each text before a second of any
        pairs = [(found.solutions[i].e, found.solutions[i].m) for i in order[: SEEN + RANDOM]]
        known = torch.stack([torch.tensor(pair) for pair in pairs])
    if known is None:
        raise MissingAssetError(f"No pairs ship for {card.title}. Name a set to begin with.")
    for generation in range(arguments.first, arguments.first + arguments.generations):
        targets = [
            tuple(target_ids(passage.text, model.tokenizer, LENGTH))
            for passage in passages(generation)
        ]
        known = handed_down(
            model,
            known,
            targets,
            STARTS * generation,
            arguments.arrangement,
            lambda: pool.get(folder, card.name, torch.float32),
        )
    key = None if arguments.arrangement == DEFAULT else arguments.arrangement
    file = warm_file(model.fingerprint, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"pairs": known.half()}, file)
    file.chmod(0o644)
    print(f"{file.name}: {len(known)} pairs")


def handed_down(
    model: FrozenModel,
    known: Float[Tensor, "S 2 d"],
    targets: Sequence[tuple[int, ...]],
    seed: int,
    arrangement: ArrangementKey = DEFAULT,
    exact_model: Callable[[], FrozenModel] | None = None,
) -> Float[Tensor, "_ 2 d"]:
    """Train one pair on each target, starting near the known ones; return the quicker half of them.

    Those that are not exact when half of all are, or at `MOST_STEPS`, rank by token accuracy.

    Args:
        model: runs the search.
        known: e and m of solutions of other texts; more than one target may start near one.
        targets: token ids, all of one length.
        seed: of the first row's random part; the others follow.
        arrangement: in which they are trained.
        exact_model: confirms what is exact; None: `model` does.
    """
    rows = [Row(target, seed + i) for i, target in enumerate(targets)]
    starts = {}
    for i, row in enumerate(rows):
        e, m = start_of(model, FAST, row, known[i % len(known)]).numpy()
        starts[i] = (e, m)
    trainer = Trainer(model, rows, arrangement, FAST, starts=starts, exact_model=exact_model)
    exact: list[int] = []
    for _ in range(MOST_STEPS + 1):
        report = trainer.step()
        exact += [
            i
            for i, phase in enumerate(report.phase)
            if i not in exact and phase == "done" and report.reason[i] is None
        ]
        if trainer.finished or 2 * len(exact) >= len(rows):
            break
    quickest = sorted(int(report.steps[i]) for i in exact)[:4]
    print(
        f"{len(exact)} of {len(rows)} exact after {report.steps.max()} steps; first: {quickest}",
        flush=True,
    )
    others = sorted(set(range(len(rows))) - set(exact), key=lambda i: -report.accuracy[i])
    best = (exact + others)[: len(rows) // 2]
    return torch.stack([torch.from_numpy(trainer.vectors_of(i)) for i in best])


def passages(generation: int) -> list[Passage]:
    """Return the texts of one generation, Shakespeare and random words mixed."""
    seed = TEXTS + generation
    seen = [draw(SeenSpec(seed=seed, index=i)) for i in range(SEEN)]
    words = [draw(RandomSpec(seed=seed, index=i)) for i in range(RANDOM)]
    every = seen + words
    step = 13  # shares no factor with their number, so neighbours are of both kinds
    return [every[k * step % len(every)] for k in range(len(every))]


if __name__ == "__main__":
    main()
