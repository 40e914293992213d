"""What pages use starts in a moment: none of it imports torch, directly or through others."""

import subprocess
import sys

import pytest

from explorer.base import folders

pytestmark = pytest.mark.end_to_end

LIGHT = (
    "explorer.jobs.client",
    "explorer.specs.jobs",
    "explorer.solutions.store",
    "explorer.solutions.recording",
    "explorer.solutions.solution",
    "explorer.figures.run",
    "explorer.figures.distances",
    "explorer.figures.maps",
    "explorer.solutions.sets",
    "explorer.estimates.set_time",
    "explorer.runtime.step_times",
    "explorer.estimates.outlook",
    "explorer.estimates.run_time",
    "explorer.runtime.process",
    "explorer.runtime.logs",
    "explorer.assets.first_position",
    "explorer.experiments.space",
    "explorer.figures.strip",
    "explorer.texts.drawing",
    "explorer.assets.tokenizing",
    "explorer.assets.catalog",
    "explorer.assets.packaged",
    "explorer.cli.main",
)

USE = """
import sys
from explorer.assets import catalog
from explorer.specs.texts import make_spec
from explorer.texts.drawing import draw
from explorer.solutions import store
from explorer.figures import run
from explorer.jobs import client
catalog.known_models()
catalog.find("pythia-160m")
store.entries()
for folder in store.shipped_runs():
    recording = store.recording_of(folder / store.RECORDING)
    run.accuracy_curves(recording).html()
    run.full_table(recording)
draw(make_spec("unseen"))
client.jobs(), client.worker_status()
print(*sys.modules)
"""


def test_what_pages_use_loads_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {', '.join(LIGHT)}\n{USE}"],
        cwd=folders.PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert set(LIGHT) <= loaded
    assert loaded.isdisjoint({"torch", "transformers", "streamlit", "sklearn", "umap"})
