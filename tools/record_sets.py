"""Makes the solution sets that ship: `python -m tools.record_sets [free] [shared]`.

For each regime a set after the paper's protocol on the embedded model, its distances, also by
layer, what its e and m carry, and its UMAP maps, copied to cache/recorded/. Run again after an
interruption, it goes on where it was.
"""

import argparse
from collections import deque
from itertools import product
from pathlib import Path
from typing import Literal, get_args

from explorer.assets import catalog
from explorer.base import folders
from explorer.geometry import depth, distance_report, maps, measure_distances, roles
from explorer.geometry.roles import ROLES
from explorer.geometry.states import States
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.solutions import sets
from explorer.specs.jobs import MapSpec, SolveSetSpec
from explorer.specs.recipes import preset
from explorer.tasks.inside.depth import DepthTask, StatesTask
from explorer.tasks.inside.roles import RolesTask
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.task import finish
from tools.record import ship

Regime = Literal["free", "shared"]
M_FROM = 4
"""Texts that a shared m is learned on: on two cores, training it on all 104 rows takes hours."""


def main() -> None:
    """Make what is missing, then copy everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("regimes", nargs="*", default=get_args(Regime))
    pool = ModelPool(best_device())
    for regime in parser.parse_args().regimes:
        name = build(regime, pool)
        ship(sets.folder_of(name), folders.recorded() / "sets" / name)
        for file in analyse(name, pool):
            ship(file, folders.recorded() / "analyses" / file.name)


def build(regime: Regime, pool: ModelPool) -> str:
    """Return the id of the set of one regime: 8 contexts x (5 + 8) solutions at N = 16."""
    card = catalog.known_models()[0]
    spec = SolveSetSpec(
        model=card.name,
        source="seen",
        contexts=8,
        continuations=6,
        restarts=8,
        length=16,
        regime=regime,
        m_from=M_FROM if regime == "shared" else None,
        arrangement=card.default_arrangement,
        recipe=preset("independent"),
        seed=0,
    )
    builder = SetBuilder(spec, pool)
    deque((print(progress.sentence, flush=True) for progress in builder.steps()), maxlen=0)
    return builder.record.id


def analyse(name: str, pool: ModelPool) -> list[Path]:
    """Measure a set and lay out its maps; return the files that hold what was found."""
    found = sets.read(sets.find(name))
    made = distance_report.save(found, measure_distances.make(found))
    files = [made, made.with_suffix(".parquet")]
    own = ("e",) if found.record.spec.regime == "shared" else ("e", "m", "both")
    for vector, dimensions in product(own, (2, 3)):
        spec = MapSpec(sets=(name,), method="umap", vector=vector, dimensions=dimensions)
        files.append(maps.save(maps.make(spec)))
    for reports, task in ((depth.REPORTS, DepthTask), (roles.REPORTS, RolesTask)):
        finish(task(found, pool))
        files.append(reports.files(found.record)[0])
    states = folders.local() / "states.npz"
    for place in ROLES:
        spec = MapSpec(sets=(name,), method="umap", place=place)
        finish(StatesTask(spec, pool, states))
        files.append(maps.save(maps.make(spec, States.load(states))))
    states.unlink()
    return files


if __name__ == "__main__":
    main()
