"""Makes the m that recipe `fast` starts from: `python -m tools.record_known_m [SET]`.

Begins with the m of a solution set in which every solution has its own (the one that ships, when
none is named) and hands them down: each m starts on a text it has not seen, beside an e of its own,
and the half that becomes exact first goes on to two more texts each. After a few generations an m
needs fewer steps on any text. None of the texts is in a benchmark. Half an hour on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from explorer import catalog, folders, texts
from explorer.allocator import keep_memory
from explorer.errors import BadInputError, MissingAssetError
from explorer.models import FrozenModel, best_device
from explorer.pool import ModelPool
from explorer.recipes import FAST
from explorer.sets import records
from explorer.training import Row, Trainer
from explorer.training.starts import as_known, known_m_file, start_of

LENGTH = 24
"""N of the texts that m is handed down through."""
LINEAGES = 32
"""How many m are trained side by side; half of them go on."""
MOST_STEPS = 170
"""Steps of a generation in which fewer than half become exact."""


def main() -> None:
    """Write one file for the model of the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", nargs="?", help="a set with m free; the one that ships if left out")
    parser.add_argument("--generations", type=int, default=6)
    arguments = parser.parse_args()
    keep_memory()
    found = records.read(records.find(arguments.set) if arguments.set else _shipped_free_set())
    if found.record.spec.regime != "free":
        raise BadInputError("In this set all solutions share one m. Name one made with m free.")
    card = catalog.find(found.record.spec.model)
    if card.folder is None:
        raise MissingAssetError(f"{card.title} is not on this disk.")
    model = ModelPool(best_device()).get(card.folder, card.name, torch.float32)
    order = sorted(
        range(len(found.members)), key=lambda i: (found.members[i].restart, found.members[i].slot)
    )  # one of each text before a second of any
    known = torch.stack([torch.from_numpy(found.solutions[i].m) for i in order[:LINEAGES]])
    ids = [texts.target_ids(passage.text, model.tokenizer, LENGTH) for passage in passages()]
    draw = np.random.default_rng(0)
    for generation in range(arguments.generations):
        chosen = [tuple(ids[k]) for k in draw.choice(len(ids), LINEAGES, replace=False)]
        known = handed_down(model, known, chosen, seed=1000 * generation)
    file = known_m_file(model.fingerprint)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"m": known.half()}, file)
    file.chmod(0o644)
    print(f"{file.name}: {len(known)} m")


def handed_down(
    model: FrozenModel, known: Float[Tensor, "S d"], targets: list[tuple[int, ...]], seed: int
) -> Float[Tensor, "_ d"]:
    """Train one m on each target, starting at the known ones; return the quicker half of them.

    Those that are not exact when half of all are, or at `MOST_STEPS`, rank by token accuracy.
    """
    rows = [Row(target, seed + i) for i, target in enumerate(targets)]
    assert FAST.known_m is not None
    begin = as_known(model, known, FAST.known_m)
    starts = {
        i: (start_of(model, FAST, row)[0].numpy(), begin[i % len(begin)].numpy())
        for i, row in enumerate(rows)
    }
    recipe = FAST.model_copy(update={"max_steps": MOST_STEPS})
    trainer = Trainer(model, rows, "e+mN", recipe, starts=starts)
    exact: list[int] = []
    for _ in range(MOST_STEPS + 1):
        report = trainer.step()
        exact += [
            i for i, phase in enumerate(report.phase)
            if i not in exact and phase == "done" and report.reason[i] is None
        ]  # fmt: skip
        if trainer.finished or 2 * len(exact) >= len(rows):
            break
    print(f"{len(exact)} of {len(rows)} exact after {report.steps.max()} steps", flush=True)
    others = sorted(set(range(len(rows))) - set(exact), key=lambda i: -report.accuracy[i])
    best = (exact + others)[: len(rows) // 2]
    return torch.stack([torch.from_numpy(trainer.vectors_of(i)[1]) for i in best])


def passages() -> list[texts.Passage]:
    """Return texts of several sources, none of which a benchmark uses."""
    return [
        *(texts.draw(texts.UnseenSpec(seed=None, index=i)) for i in (3, 5, 6, 8, 9, 12)),
        *(texts.draw(texts.SeenSpec(seed=5, index=i)) for i in range(24)),
        *(texts.draw(texts.RandomSpec(seed=5, index=i)) for i in range(14)),
    ]


def _shipped_free_set() -> Path:
    every = sorted((folders.recorded() / "sets").iterdir())
    return next(folder for folder in every if records.load(folder).spec.regime == "free")


if __name__ == "__main__":
    main()
