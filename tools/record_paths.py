"""Makes the paths and the landscape that ship: `python -m tools.record_paths [--steps 2000]`.

Trains restarts of four short texts, connects all pairs of four exact ones each, measures the plane
of one pair, and copies the results to cache/recorded/. Every part is an ordinary job with a fixed
id: run again after an interruption, it goes on where it was.
"""

import argparse
import shutil
from pathlib import Path

from explorer.assets import catalog
from explorer.base import folders
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.paths import places
from explorer.paths.pairs import all_pairs
from explorer.paths.result import FILE, Paths
from explorer.solutions import store
from explorer.solutions.solution import Solution, load_solution, save_solution
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec, PathsSpec, ReconstructSpec
from explorer.specs.recipes import preset
from tools.record import carry_out, ship

TEXTS = (
    "The heron waits by the reservoir while the evening tram goes home.",
    "Nobody had told the lighthouse keeper that the sea was leaving him.",
    "Fold the dough twice, let it rest, and sing to it softly until noon.",
    "On Tuesday the committee voted to give every goat a small brass bell.",
)
LENGTH, RESTARTS, KEPT = 8, 8, 4
STEPS = 160
"""A restart that is not exact by then most often never is."""
NAME = "1-four-texts"


def main() -> None:
    """Make what is missing, then copy everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=PathRecipe().max_steps)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--solutions", type=Path, help="a folder of solutions, instead of training")
    arguments = parser.parse_args()
    pool = ModelPool(best_device())
    solutions = _given(arguments.solutions) if arguments.solutions else _train(pool)
    pairs = all_pairs(solutions)
    used = {s.record.id: s for pair in pairs for s in pair}
    to = folders.recorded() / "paths" / NAME
    shutil.rmtree(to, ignore_errors=True)
    for solution in used.values():
        save_solution(solution, to / f"{solution.record.id}.safetensors")
    recipe = PathRecipe(max_steps=arguments.steps, samples=arguments.samples, look_every=150)
    names = tuple((a.record.id, b.record.id) for a, b in pairs)
    carry_out("recordpaths", PathsSpec(pairs=names, recipe=recipe), pool)
    found = places.folder_of("recordpaths") / FILE
    ship(found, to / FILE)
    paths = Paths.load(found)
    lowest = paths.line.accuracy.min(1)
    best = max(range(len(paths)), key=lambda k: (paths.connected[k], -lowest[k], paths.mean(k)))
    carry_out("recordplane", LandscapeSpec(paths="recordpaths", pair=best, level=5), pool)
    plane = folders.recorded() / "landscape" / NAME
    ship(places.folder_of("recordplane") / places.LANDSCAPE, plane / places.LANDSCAPE)


def _given(folder: Path) -> list[Solution]:
    files = sorted(folder.rglob("*.safetensors"))
    return [load_solution(file) for file in files if not file.name.endswith(store.NOT_SOLUTIONS)]


def _train(pool: ModelPool) -> list[Solution]:
    card = catalog.known_models()[0]
    solutions: list[Solution] = []
    for k, text in enumerate(TEXTS):
        job = f"recordtext{k}"
        if len(store.siblings(store.run_folder(job) / store.RECORDING)) < RESTARTS:
            recipe = preset("independent").model_copy(
                update={"max_steps": STEPS, "name": f"independent, {STEPS} steps"}
            )
            spec = ReconstructSpec(
                model=card.name,
                text=text,
                length=LENGTH,
                arrangement=card.default_arrangement,
                recipe=recipe,
                restarts=RESTARTS,
                title="Own text",
            )
            carry_out(job, spec, pool)
        found = store.siblings(store.run_folder(job) / store.RECORDING)
        solutions += [s for s in found if s.record.exact][:KEPT]
    return solutions


if __name__ == "__main__":
    main()
