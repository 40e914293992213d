"""Cells that another run has measured by now, so that a larger grid begins with what is known.

Two runs that differ only in which cells they have (`Experiment.grid`) measure a cell alike: one
more length, arrangement or source costs what is new. Free of torch.
"""

from contextlib import suppress

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError, CorruptFileError, MissingAssetError
from explorer.base.files import write_atomically
from explorer.experiments import runs
from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Done, Run
from explorer.specs.experiments import Settings
from explorer.texts.drawing import draw_many


def take_over(experiment: Experiment, run: Run) -> Run:
    """Copy cells and their solutions from this machine's other runs; return the run with them.

    What ships is left where it is: whoever repeats that wants it measured. So is a cell that does
    not say what it was computed with.

    Args:
        experiment: that the run is of.
        run: that begins or goes on.

    Raises:
        StorageError: if the disk refuses.
    """
    wanted = {cell.key for cell in experiment.left(run)}
    for folder in runs.run_folders(experiment.name) if experiment.grid and wanted else ():
        with suppress(CorruptFileError):
            other = runs.load(folder)
            known = [done for done in other.done if done.key in wanted and done.computed]
            if other.ships or not known or not _measures_alike(experiment, run, other):
                continue
            for done in known:
                if _copied(done, other, run):
                    wanted.remove(done.key)
    return runs.load(run.folder)


def _measures_alike(experiment: Experiment, run: Run, other: Run) -> bool:
    same = {field: getattr(other.settings, field) for field in experiment.grid}
    return (
        run.header.fingerprint == other.header.fingerprint
        and run.settings.model_copy(update=same) == other.settings
        and _same_texts(run.settings, other.settings)
    )


def _same_texts(one: Settings, other: Settings) -> bool:
    """Return whether the texts of one run begin as those of another.

    They do if both have the same longest length. Else a text can be too short for one of them, or
    overlap there, so they are drawn; what the model writes would take too long.
    """
    if one.longest == other.longest:
        return True
    if "generated" in one.drawn_from:
        return False
    least = min(one.longest, other.longest)
    with suppress(BadInputError, MissingAssetError):
        tokenizer = Tokenizer.load(catalog.require(one.model)[0])
        first, second = (
            [
                tokenizer.encode_prefix(passage.text, least)[0]
                for source in settings.drawn_from
                for passage in draw_many(
                    source,
                    getattr(settings, "texts", 1),
                    settings.seed,
                    tokenizer,
                    settings.longest,
                )
            ]
            for settings in (one, other)
        )
        return first == second
    return False


def _copied(done: Done, other: Run, run: Run) -> bool:
    """Copy one cell, solutions first; return False if some of them are gone."""
    names = {row["solution"] for row in done.rows if "solution" in row}
    files = [other.folder / runs.SOLUTIONS / name for name in names]
    if not all(file.is_file() for file in files):
        return False
    for file in files:
        write_atomically(run.folder / runs.SOLUTIONS / file.name, file.read_bytes())
    runs.append(run.folder, done)
    return True
