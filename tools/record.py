"""Makes the runs that ship with the project: `python -m tools.record NAME`.

Each is an ordinary job; its solutions, recording and timing are copied to cache/recorded/.
"""

import argparse
import shutil
from collections import deque
from pathlib import Path

import numpy as np

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base import folders
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.specs.jobs import JobSpec, ReconstructSpec
from explorer.specs.recipes import preset
from explorer.texts import gallery
from explorer.texts.drawing import draw
from explorer.worker.context import JobContext
from explorer.worker.runners import run

MOST_FRAMES = 60
"""Frames of a run of the gallery: a playback of some seconds, in a file that stays small."""


def main() -> None:
    """Record one run of the gallery, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *gallery.examples()])
    chosen = parser.parse_args().names or list(gallery.examples())
    pool = ModelPool(best_device())
    card = catalog.known_models()[0]
    assert card.folder is not None, "the embedded model is on this disk"
    tokenizer = Tokenizer.load(card.folder)
    for name in chosen:
        example = gallery.examples()[name]
        passage = draw(example.spec)
        asked = ReconstructSpec(
            model=card.name,
            text=passage.text,
            length=example.length or len(tokenizer.encode(passage.text)),
            arrangement=example.arrangement,
            recipe=preset("fast"),
            restarts=4,
            until=example.until,
            title=passage.title,
            source=passage.source,
        )
        job = f"record-reconstruct-{name}"
        carry_out(job, asked, pool)
        made = store.run_folder(job)
        ship(made, folders.recorded() / "reconstruct" / name)
        thinned(Recording.load(made / store.RECORDING)).save(
            folders.recorded() / "reconstruct" / name / store.RECORDING
        )


def thinned(recording: Recording, most: int = MOST_FRAMES) -> Recording:
    """Return a recording with at most so many frames, evenly spread; first and last stay."""
    at = np.unique(np.linspace(0, len(recording) - 1, most).round().astype(int))
    return Recording(recording.header, recording.frames[at])


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
