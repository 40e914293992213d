"""One experiment over the checkpoints of a training run: capacity over training. Free of torch.

A checkpoint is a model like any other: a revision of a hub model (`organisation/model@step1000`),
or one of several folders side by side (`checkpoint-1000`, as trainers write them). Runs that were
asked alike on several of them are told together.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from explorer.assets import catalog, hub
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.experiments import ladders
from explorer.experiments.runs import Run

_STEP = re.compile(r"(?:step|checkpoint)\D?(\d+)", re.IGNORECASE)
FOUND = {"model", "arrangement", "layout"}
"""Settings in which runs on checkpoints may differ: the last two are found for each model."""


@dataclass(frozen=True)
class Checkpoint:
    """A state of a model in training.

    Attributes:
        series: what it is a checkpoint of: a hub id, or the folder that several are in.
        label: how it is called there.
        step: of the training; infinite for what has no number, such as `main`: the last.
    """

    series: str
    label: str
    step: float


def checkpoint(model: str) -> Checkpoint | None:
    """Return which checkpoint a model is, by its name; None: it is none of several."""
    if not catalog.is_path(model):
        series, revision = hub.split(model)
        label = revision or hub.MAIN
        return Checkpoint(series, label, _step(label)) if hub.is_id(model) else None
    folder = Path(model)
    step = _step(folder.name)
    return None if step == math.inf else Checkpoint(str(folder.parent), folder.name, step)


def labels(at: Checkpoint) -> list[str]:
    """Return how the checkpoints of a training run are called that are on this disk, by step."""
    if hub.is_id(at.series):
        names = [at.series, *hub.cached_revisions(at.series)]
    else:
        names = [str(folder) for folder in Path(at.series).iterdir() if folder.is_dir()]
    found = [other for name in names if (other := checkpoint(name)) is not None]
    return [other.label for other in sorted(found, key=lambda at: (at.step, at.label))]


def named(at: Checkpoint, label: str) -> str:
    """Return the name of the model that is another checkpoint of the same training run.

    Raises:
        BadInputError: if none can be called so.
    """
    label = label.strip()
    name = f"{at.series}@{label}" if hub.is_id(at.series) else str(Path(at.series) / label)
    if label == hub.MAIN and hub.is_id(at.series):
        name = at.series
    other = checkpoint(name)
    if other is None or (other.series, other.label) != (at.series, label):
        raise BadInputError(
            tr(
                "“{label}” is not a checkpoint of {series}. Give a name such as step1000: a "
                "revision on the hub, or a folder beside the model's.",
                label=label[:80],
                series=at.series,
            )
        )
    return name


def _step(label: str) -> float:
    found = _STEP.findall(label)
    return float(found[-1]) if found else math.inf


def together(run: Run, others: Iterable[Run]) -> list[Run]:
    """Return the runs on checkpoints of one training run, in the order of its steps.

    Args:
        run: one of them.
        others: the newest first; of several on a checkpoint, the first counts, or `run` itself.
    """
    own = checkpoint(run.settings.model)
    if own is None:
        return [run]
    found: dict[Checkpoint, Run] = {own: run}
    asked = run.settings.model_dump(exclude=FOUND)
    for other in others:
        at = checkpoint(other.settings.model)
        alike = other.settings.model_dump(exclude=FOUND) == asked
        if at is not None and at.series == own.series and other.done and alike:
            found.setdefault(at, other)
    return [found[at] for at in sorted(found, key=lambda at: (at.step, at.label))]


def capacities(runs: Iterable[Run]) -> pd.DataFrame:
    """Return what is held at each checkpoint, by source and scheme.

    Columns: checkpoint, step (none where its name has none), those of `ladders.summary`, and the
    beginning of the weights' fingerprint.
    """
    return _by_checkpoint((run, ladders.summary(run)) for run in runs)


def accuracies(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the accuracy at each checkpoint, of the best restart, mean over texts and sources.

    Columns: checkpoint, step, scheme, n, accuracy, texts, fingerprint. Only lengths that were tried
    with the same texts at every checkpoint: harder ones are reached by those that hold more.
    """
    table = _by_checkpoint(
        (
            run,
            rungs.assign(tried=rungs["source"] + " " + rungs["text"].astype(str))
            .groupby(["scheme", "n"], sort=False)
            .agg(accuracy=("accuracy", "mean"), texts=("text", "count"), tried=("tried", frozenset))
            .reset_index(),
        )
        for run in runs
        if len(rungs := ladders.rungs(run))
    )
    if table.empty:
        return table
    count = table["checkpoint"].nunique()
    of = table.groupby(["scheme", "n"])
    alike = of["tried"].transform("nunique") == 1
    everywhere = of["texts"].transform("count") == count
    return table[alike & everywhere].drop(columns="tried").reset_index(drop=True)


def _by_checkpoint(tables: Iterable[tuple[Run, pd.DataFrame]]) -> pd.DataFrame:
    parts = []
    for run, table in tables:
        at = checkpoint(run.settings.model)
        assert at is not None
        part = table.assign(fingerprint=run.header.fingerprint[:8])
        part.insert(0, "checkpoint", at.label)
        part.insert(1, "step", at.step if at.step < math.inf else math.nan)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what a reader has to know of checkpoints: equal weights, other layouts."""
    labels = [at.label for run in runs if (at := checkpoint(run.settings.model)) is not None]
    said = [
        tr(
            "{one} and {other} hold the same weights (fingerprint {fingerprint}): this is one "
            "state of the model, not two.",
            one=one,
            other=other,
            fingerprint=a.header.fingerprint[:8],
        )
        for (one, a), (other, b) in combinations(zip(labels, runs, strict=True), 2)
        if a.header.fingerprint == b.header.fingerprint
    ]
    for name in sorted(FOUND - {"model"}):
        found = {getattr(run.settings, name, None) for run in runs}
        if len(found) > 1:
            each = ", ".join(
                f"{label} {getattr(run.settings, name)}"
                for label, run in zip(labels, runs, strict=True)
            )
            differ = tr(
                "The checkpoints differ in the setting “{name}”, each with what suits it: {each}.",
                name=name,
                each=each,
            )
            said.append(differ)
    return said
