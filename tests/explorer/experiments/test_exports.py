"""A run given away: whatever is a CSV can be read as one."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from explorer import __version__
from explorer.experiments import exports, runs
from explorer.experiments.catalogue import experiment


def test_what_is_being_written_is_not_in_a_zip(tmp_path: Path) -> None:
    """It has another name as soon as it is complete, so it may be gone when its turn comes."""
    run = runs.load(runs.RUNS.shipped()[0].parent)
    (tmp_path / "solutions").mkdir()
    for name in ("run.json", "solutions/a.safetensors", "solutions/.a.safetensors.0123ab.tmp"):
        (tmp_path / name).write_bytes(b"x")
    asked = experiment(run.settings.experiment)
    made = exports.archive(asked, replace(run, folder=tmp_path))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        names = archive.namelist()
        assert archive.read("protocol.txt").decode().endswith(f"Explorer {__version__}\n")
    assert {"run.json", "solutions/a.safetensors"} < set(names)
    assert not any(name.endswith(".tmp") for name in names)


def test_every_csv_of_a_run_that_has_begun_can_be_read() -> None:
    for file in runs.RUNS.shipped():
        run = runs.load(file.parent)
        asked = experiment(run.settings.experiment)
        begun = replace(run, done=run.done[:1])  # some tables are still empty
        with zipfile.ZipFile(io.BytesIO(exports.archive(asked, begun))) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            assert "measurements.csv" in names and len(names) > 1
            for name in names:
                pd.read_csv(io.BytesIO(archive.read(name)))
