"""Makes the runs that ship with the project: `python -m tools.record NAME`.

Each is an ordinary job; its solutions, recording and timing are copied to cache/recorded/.
"""

import argparse
import shutil
from collections import deque
from pathlib import Path

from explorer.assets import catalog
from explorer.base import folders
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.solutions import store
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.jobs import JobSpec, ReconstructSpec
from explorer.specs.recipes import preset
from explorer.specs.texts import OwnSpec, TextSpec, UnseenSpec
from explorer.texts.drawing import draw
from explorer.worker.context import JobContext
from explorer.worker.runners import run

PASSAGES: dict[str, tuple[TextSpec, ArrangementKey]] = {
    "reconstruct/1-ferry": (
        OwnSpec(
            text="The ferry leaves at dawn, and nobody on the pier has ever seen who is "
            "steering it.",
            title="Own text",
        ),
        "e+mN",
    ),
    "reconstruct/2-attention-sink": (
        OwnSpec(
            text="The ferry leaves at dawn, and nobody on the pier has ever seen who is "
            "steering it.",
            title="Own text, arrangement A5",
        ),
        "e+mN-1",
    ),
    "reconstruct/3-lanternball": (UnseenSpec(seed=None, index=6), "e+mN"),
}


def main() -> None:
    """Record one run, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *PASSAGES])
    chosen = parser.parse_args().names or list(PASSAGES)
    pool = ModelPool(best_device())
    card = catalog.known_models()[0]
    for name in chosen:
        spec, arrangement = PASSAGES[name]
        passage = draw(spec)
        length = 19 if spec.source == "own" else 32
        asked = ReconstructSpec(
            model=card.name,
            text=passage.text,
            length=length,
            arrangement=arrangement,
            recipe=preset("fast"),
            restarts=4,
            title=passage.title,
            source=passage.source,
        )
        job = f"record-{name.replace('/', '-')}"
        carry_out(job, asked, pool)
        ship(store.run_folder(job), folders.recorded() / name)


def carry_out(name: str, spec: JobSpec, pool: ModelPool) -> None:
    """Run a job in this process under a fixed id, and print how far it is."""
    job = JobContext(name, spec, pool)
    job.update = lambda **said: print(said.get("sentence", ""), flush=True)  # type: ignore[method-assign]
    deque(run(job), maxlen=0)


def ship(made: Path, to: Path) -> None:
    """Copy a file, or a folder in place of the one that shipped before."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if made.is_dir():
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(made, to)
    else:
        shutil.copy(made, to)


if __name__ == "__main__":
    main()
