"""A run given away: its measurements as a table, or everything as one zip. Free of torch."""

import io
import json
import zipfile

import pandas as pd

from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Run
from explorer.provenance import in_words


def flat(run: Run) -> pd.DataFrame:
    """Return the measurements with lists as JSON, so that any table format takes them."""
    table = run.table
    noted = [cell.computed for cell in run.done for _ in cell.rows]
    if any(noted):
        table = table.assign(
            device=[found and found.device for found in noted],
            searched_in=[found and found.searched_in for found in noted],
            versions=[found and in_words(found.versions) for found in noted],
        )
    for name in table.columns:
        if table[name].map(lambda v: isinstance(v, list | dict)).any():
            table = table.assign(**{name: table[name].map(json.dumps)})
    return table


def csv(run: Run) -> bytes:
    """Return every measurement as CSV."""
    return flat(run).to_csv(index=False).encode()


def parquet(run: Run) -> bytes:
    """Return every measurement as Parquet."""
    out = io.BytesIO()
    flat(run).to_parquet(out, index=False)
    return out.getvalue()


def archive(experiment: Experiment, run: Run) -> bytes:
    """Return the run's files, a CSV of every table, and its protocol as one zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("protocol.txt", experiment.sentence(run) + "\n")
        file.writestr("measurements.csv", csv(run))
        for title, table in experiment.tables(run).items():
            file.writestr(f"{title.lower().replace(' ', '-')}.csv", table.to_csv(index=False))
        for path in sorted(run.folder.rglob("*")):
            if path.is_file():
                file.write(path, str(path.relative_to(run.folder)))
    return out.getvalue()
