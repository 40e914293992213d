"""A run given away: whatever is a CSV can be read as one."""

import io
import zipfile
from dataclasses import replace

import pandas as pd

from explorer.experiments import exports, runs
from explorer.experiments.catalogue import experiment


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
