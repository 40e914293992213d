"""A run given away: its measurements as a table, or everything as one zip. Free of torch."""

import io
import json
import zipfile

import pandas as pd

from explorer.base.files import csv_of, files_below
from explorer.base.provenance import PROGRAM, Computed, in_words
from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Run


def flat(run: Run) -> pd.DataFrame:
    """Return the measurements with lists as JSON, so that any table format takes them."""
    table = run.table
    if run.computed:
        noted = [_noted(cell.computed) for cell in run.done for _ in cell.rows]
        table = pd.concat([table, pd.DataFrame(noted)], axis=1)
    for name in table.columns:
        if table[name].map(lambda v: isinstance(v, list | dict)).any():
            table = table.assign(**{name: table[name].map(json.dumps)})
    return table


def _noted(found: Computed | None) -> dict[str, str]:
    """Return what a cell was measured with as columns of a table."""
    if found is None:
        return {}
    versions = in_words(found.versions)
    return {"device": found.device, "searched_in": found.searched_in, "versions": versions}


def csv(run: Run) -> bytes:
    """Return every measurement as CSV."""
    return csv_of(flat(run))


def parquet(run: Run) -> bytes:
    """Return every measurement as Parquet."""
    return flat(run).to_parquet(index=False)


def tables(experiment: Experiment, run: Run) -> dict[str, bytes]:
    """Return a CSV of every table by its file's name; one without columns is no CSV."""
    made = experiment.tables(run) if run.done else {}
    return {
        f"{title.lower().replace(' ', '-')}.csv": csv_of(table)
        for title, table in made.items()
        if len(table.columns)
    }


def archive(experiment: Experiment, run: Run) -> bytes:
    """Return the run's files, a CSV of every table, its protocol and this version as one zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        said = [experiment.sentence(run), *experiment.notes(run), PROGRAM]
        file.writestr("protocol.txt", "\n".join(said) + "\n")
        file.writestr("measurements.csv", csv(run))
        for name, content in tables(experiment, run).items():
            file.writestr(name, content)
        # what is being written now begins with a point
        for path in sorted(files_below(run.folder, "[!.]*")):
            file.write(path, str(path.relative_to(run.folder)))
    return out.getvalue()
