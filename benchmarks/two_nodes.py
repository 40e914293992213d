"""A run on two nodes of this machine beside a plain one: `python -m benchmarks.scale --two-nodes`.

The experiment `arrangements` on the embedded model, each process with one thread, first in this
process alone, then on two nodes of Ray. In the middle the second is killed and another joins. Cells
must be equal number by number. What Ray adds is told in processor time, for the machine may be
busy: of a cell, without what a process takes to start and to load the model. Two processes on two
cores slow each other down whoever started them, so the plain run is also made twice at once: what
nodes take beyond that is Ray's. Where it is stopped after so many minutes, the next call with the
same folder goes on.
"""

import json
import multiprocessing
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.raylets import STRICT, ProcessorTime, two
from explorer.assets import catalog
from explorer.base import folders
from explorer.experiments.catalogue import experiment
from explorer.experiments.runs import Run
from explorer.specs.experiments import Settings

KEPT = "processor-time.json"
AT_ONCE = ("first-at-once", "second-at-once")
"""Folders of the two plain runs that are made at once."""
FROM_HERE = ("assets", "models", "fingerprints")


def two_nodes(folder: Path, minutes: float, changes: dict[str, Any], *, undisturbed: bool) -> Any:
    """Go on with both runs; return what they took and whether they are equal, once both are over.

    Args:
        folder: of both, and of what they have taken so far.
        minutes: after which this stops.
        changes: to the settings of the preset “minutes”; those of the first call stay.
        undisturbed: whether no node is killed.
    """
    os.environ |= STRICT | {"OMP_NUM_THREADS": "1"}
    ends = time.monotonic() + 60 * minutes
    preset = experiment("arrangements").preset("minutes", catalog.known_models()[0])
    kept = folder / "settings.json"
    if kept.is_file():
        changes = json.loads(kept.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(changes))
    settings = experiment("arrangements").make(preset.model_dump() | changes)
    runs = []
    for name, work in (("plain", _plain), ("nodes", _on_nodes)):
        if name == "nodes" and not _twice_at_once(settings, folder, ends):
            return {"over": False, "stopped": "plain, twice at once"}
        if not (run := work(settings, _cache(folder / name), ends, undisturbed)):
            return {"over": False, "stopped": name}
        runs.append(run)
    names = ("plain", *AT_ONCE, "nodes")
    took = {name: json.loads((folder / name / KEPT).read_text()) for name in names}
    at_once = sum(took[name]["computing"] for name in AT_ONCE) / len(AT_ONCE)
    plain, nodes = (_numbers(run) for run in runs)
    return {
        "over": True,
        "cells": len(plain),
        "equal": plain == nodes,
        "processor_seconds": took,
        "over_plain": took["nodes"]["computing"] / took["plain"]["computing"] - 1,
        "over_plain_at_once": took["nodes"]["computing"] / at_once - 1,
        "with_others": sum(took["nodes"].values()) / sum(took["plain"].values()) - 1,
    }


def _cache(folder: Path) -> Path:
    """Make a cache of its own in a folder, with this machine's models, the current one."""
    os.environ.pop("EXPLORER_CACHE", None)
    here = folders.local()
    folder.mkdir(parents=True, exist_ok=True)
    for name in FROM_HERE:
        if not (folder / name).exists():
            (folder / name).symlink_to((here / name).resolve())
    os.environ["EXPLORER_CACHE"] = str(folder)
    return folder


def _plain(settings: Settings, folder: Path, ends: float, _: bool) -> Run | None:
    import torch

    from explorer.model.pool import ModelPool
    from explorer.tasks.experiments.task import RunTask

    torch.set_num_threads(1)
    watch = ProcessorTime("")
    watch.start()
    task = RunTask(settings, ModelPool(torch.device("cpu")), preset="minutes")
    loaded = time.process_time() - watch.before
    with closing(task.steps()) as work:
        over = all(time.monotonic() < ends for _ in work)
    took = watch.stop()["others"]
    _add(folder, {"starting": loaded, "computing": took - loaded, "others": 0.0})
    return task.run if over else None


def _twice_at_once(settings: Settings, folder: Path, ends: float) -> bool:
    """Go on with two plain runs at once, each in a process of its own; return if both are over."""
    fresh = multiprocessing.get_context("spawn")
    both = [
        fresh.Process(target=_plain_elsewhere, args=(settings, folder / name, ends))
        for name in AT_ONCE
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    return all(each.exitcode == 0 for each in both)


def _plain_elsewhere(settings: Settings, folder: Path, ends: float) -> None:
    """Make a plain run in this process; end it with 1 if there was no time for all of it."""
    sys.exit(0 if _plain(settings, _cache(folder), ends, True) else 1)


def _on_nodes(settings: Settings, folder: Path, ends: float, undisturbed: bool) -> Run | None:
    from explorer.cluster.joining import Asks
    from explorer.cluster.runs import RunDivision
    from explorer.cluster.spreading import Spread

    watch = ProcessorTime("ray::Node.carry_out")
    watch.start()
    with two(folder) as nodes:
        division = RunDivision(settings, "minutes")
        spreading = Spread(division, Asks(1, 0.0, 0))
        killed = undisturbed
        with closing(spreading.steps()) as work:
            for _ in work:
                at_work = [node for node in spreading.nodes if node["fraction"] > 0]
                if not killed and len(at_work) == 2 and len(division.run.done) >= 2:
                    killed = True
                    nodes.kill()
                    nodes.add()
                if time.monotonic() >= ends:
                    break
        over = not division.left()
    _add(folder, watch.stop())
    return division.run if over else None


def _add(folder: Path, took: dict[str, float]) -> None:
    """Add the processor seconds of this call to those of earlier ones."""
    file = folder / KEPT
    before = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({name: before.get(name, 0.0) + s for name, s in took.items()}))


def _numbers(run: Run) -> dict[str, Any]:
    """Return what was measured of every cell, without times."""
    return {
        cell.key: [{k: v for k, v in row.items() if k != "seconds"} for row in cell.rows]
        for cell in run.done
    }
