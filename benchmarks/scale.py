"""What runs of the paper's size take on many machines: `python -m benchmarks.scale [--simulate]`.

Without an option: for every experiment at the preset `paper`, on each of the paper's models, how
many cells it has, and the hours that the estimates of the pages expect on machines of several
sizes: cells are handed out in order to as many places as there are, the longest as a whole. A step
of a GPU is not measured here but derived: four floating-point operations for each parameter and
position (forward, and backward by the inputs alone), at `USED` of what its maker says it can do. A
pass takes as many positions as half of what the weights leave of its memory holds.

`--simulate` hands the cells of capacity (Table 3) for all six models out by the driver that
computes with Ray, to sleepers: a cell is a nap, the whole sweep `IDEAL` seconds at each number of
places. What that takes beyond them is the driver's own (starting work, hearing of it every second,
keeping cells), and is added to the hours that the sweep would take. Needs Ray; ten minutes, and
little of the processor. `--two-nodes`: see `two_nodes`.
"""

import argparse
import heapq
import json
import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from benchmarks.two_nodes import two_nodes
from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.base.progress import Progress
from explorer.base.provenance import versions
from explorer.cluster.parts import Division, Facts, Files, Finished, Part, Step
from explorer.estimates import outlook, run_time
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import PAPER, Experiment
from explorer.figures import files
from explorer.figures.chart import Chart, layout
from explorer.figures.palette import RESTARTS, STRAIGHT
from explorer.runtime.step_times import EMBEDDED_PARAMETERS, StepTime, assumed
from explorer.specs.curves import PathRecipe

USED = 0.35
"""Part of a GPU's peak that training reaches."""
GPUS = {"H100 (bfloat16)": (989e12, 80e9)}
"""Operations a second, dense, and bytes of memory, by NVIDIA's data sheet of the H100 SXM."""
KEPT = 60
"""Bytes that a pass keeps for each position, layer and number of a vector until its way back: 16
d_model and 4 MLP widths of 3.5 d_model, in bfloat16 (`training.memory.bytes_of_a_position`)."""
OPERATIONS = 4.0
"""For each parameter and position: two forward, two backward, since weights have no gradient."""
CURVES, CURVE_TOKENS = 225, 64
"""Of E8; the paper does not say how long its texts are there."""
PLACES = (1, 8, 64)
SLOTS = (1, 2, 4, 8, 16, 32, 64)
IDEAL = 60.0
"""Seconds of wall time that a simulated sweep takes if nothing is lost."""
BEDS = 16
"""Simulated processes that share a real one."""


def of_gpu(card: ModelCard, peak: float, memory: float) -> StepTime:
    """Return the step time of a GPU: no measurement, see above."""
    assert card.parameters and card.layers and card.d_model
    left = memory - 2 * card.parameters
    token = OPERATIONS * card.parameters / (USED * peak)
    return StepTime(
        model="",
        precision="bfloat16",
        token_seconds=token,
        pass_seconds=0.02,
        generate_seconds=0.02,
        most_positions=int(left / 2 / (KEPT * card.layers * card.d_model)),
        exact_factor=4.0,
    )


def seconds_of_cells(asked: Experiment, card: ModelCard, step_time: StepTime) -> list[float]:
    """Return how long each cell of a paper-sized run on a model usually takes."""
    usual, settings = run_time.looked_up(), asked.preset(PAPER, card)
    cells = asked.cells(settings)
    return [run_time.of_cell(settings, cell, step_time, usual).usual for cell in cells]


def spread(seconds: Sequence[float], places: int) -> float:
    """Return the wall time of cells that are handed out in order to whoever is free."""
    free = [0.0] * places
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def of_curves(_: ModelCard, step_time: StepTime) -> list[float]:
    """Return how long each batch of the paper's curves takes (E8)."""
    recipe = PathRecipe()
    batch = outlook.CURVE_ROWS // recipe.samples
    each = outlook.of_paths(recipe, batch, CURVE_TOKENS, step_time).usual
    return [each] * -(-CURVES // batch)


def plan() -> Iterator[dict[str, Any]]:
    """Yield a row for each experiment, model and kind of place; the curves last."""
    works: dict[str, Callable[[ModelCard, StepTime], list[float]]] = {
        name: partial(seconds_of_cells, asked) for name, asked in EXPERIMENTS.items()
    }
    for name, seconds_of in {**works, "paths": of_curves}.items():
        for card in catalog.known_models():
            parameters = card.parameters or EMBEDDED_PARAMETERS
            kinds = {"two CPU cores": assumed(parameters)} | {
                gpu: of_gpu(card, *known) for gpu, known in GPUS.items()
            }
            for kind, step_time in kinds.items():
                seconds = seconds_of(card, step_time)
                yield {
                    "experiment": name,
                    "model": card.name,
                    "on": kind,
                    "cells": len(seconds),
                    "longest h": max(seconds) / 3600,
                    **{f"{n} h": spread(seconds, n) / 3600 for n in PLACES},
                }


class Sleeper:
    """In place of a node: sleeps as long as a part is expected to take."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def facts(self, fetch: bool = False) -> Facts:
        """Say that it is like all others."""
        return Facts(socket.gethostname(), "sleeper", "float32", "0" * 64, versions())

    def describe(self, kind: str, described: dict[str, Any]) -> Files:
        """Make nothing."""
        return {}

    def carry_out(self, part: Part, *_: object) -> Iterator[Step | Finished]:
        """Sleep, and say so every second."""
        seconds = float(part.title)
        for second in range(int(seconds)):
            time.sleep(1)
            yield Step(second / seconds)
        time.sleep(seconds % 1)
        yield Finished({})


class Sleeping(Division):
    """Cells that are slept through."""

    kind, model, precision = "sleep", "sleeper", "auto"
    described: dict[str, Any] = {}  # noqa: RUF012 (nobody changes it)

    def __init__(self, seconds: Sequence[float]) -> None:
        self._left = {str(k): Part(str(k), str(each)) for k, each in enumerate(seconds)}
        self.held_back = False

    def begin(self, made: Files) -> None:
        """Begin."""

    def left(self) -> Sequence[Part]:
        """Return the cells that nobody has slept through."""
        return list(self._left.values())

    def lock(self, part: Part) -> AbstractContextManager[object] | None:
        """Claim nothing, and give nothing out while it is held back."""
        return None if self.held_back else nullcontext()

    def keep(self, part: Part, found: Finished) -> None:
        """Strike a cell off."""
        self._left.pop(part.key)

    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Count."""
        return Progress(f"{len(self._left)} left, {at_once} at once", 0.0)

    outcome = "Slept."


@contextmanager
def dormitory() -> Iterator[None]:
    """Start Ray here as if this machine had room for the most places."""
    import ray

    ray.init(
        address="local",
        num_cpus=max(SLOTS),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    try:
        yield
    finally:
        ray.shutdown()


def simulate(slots: int, seconds: Sequence[float]) -> dict[str, float]:
    """Sleep through a sweep on so many places; return the speed-up, and the ideal one."""
    import ray

    from explorer.cluster.joining import Asks
    from explorer.cluster.process import Process
    from explorer.cluster.spreading import Spread

    class Dormitory(Spread):
        """A driver whose processes share a few real ones: sleeping takes no processor."""

        def _start(self, machine: str) -> Process:
            sleeper = sleepers[len(self.processes) % len(sleepers)]
            return Process(machine, sleeper, sleeper.facts.remote())

        def _end(self, process: Process) -> None:
            self._release(process)
            self.processes.remove(process)

    scale = IDEAL / spread(seconds, slots)
    shared = ray.remote(Sleeper).options(num_cpus=0, max_concurrency=BEDS)
    sleepers: list[Any] = [shared.remote() for _ in range(-(-slots // BEDS))]
    cells = Sleeping([each * scale for each in seconds])
    task = Dormitory(cells, Asks(max(SLOTS) // slots, 0.0, 0), node=Sleeper)
    steps = task.steps()
    cells.held_back = True  # until all are there
    while sum(process.idle for process in task.processes) < slots:
        next(steps)
    cells.held_back = False
    started = time.monotonic()
    for _ in steps:
        pass
    took = time.monotonic() - started
    wall, lost = spread(seconds, slots), took - IDEAL
    return {
        "places": slots,
        "ideal": sum(seconds) / wall,
        "speed_up": sum(seconds) / (wall + lost),
        "hours": wall / 3600,
        "lost_seconds": lost,
    }


def chart(rows: Sequence[dict[str, float]]) -> Chart:
    """Draw the speed-up over the places, beside the ideal one and one place for each part."""
    table = pd.DataFrame(rows).sort_values("places")
    ends = table["places"].iloc[[0, -1]]
    figure = go.Figure(
        [
            go.Scatter(x=ends, y=ends, name="as many times as there are places", mode="lines",
                       line={"color": STRAIGHT, "dash": "dot"}),
            go.Scatter(x=table["places"], y=table["ideal"], name="cells as they are, nothing lost",
                       mode="lines", line={"color": RESTARTS[1]}),
            go.Scatter(x=table["places"], y=table["speed_up"], name="with the driver",
                       mode="markers", marker={"size": 9, "color": RESTARTS[0]}),
        ]
    )  # fmt: skip
    last = table.iloc[-1]
    title = (
        f"Table 3 on {last['places']:.0f} places: {last['speed_up']:.1f} times as fast as on one, "
        f"{last['speed_up'] / last['ideal']:.0%} of what its cells allow"
    )
    layout(figure, title, "places", "speed-up", height=360)
    ticks = {"type": "log", "tickvals": table["places"].tolist()}
    figure.update_xaxes(ticks)
    figure.update_yaxes(ticks)
    return Chart("scale", figure, f"{title}.", table)


def table3(peak: float, memory: float) -> list[float]:
    """Return the seconds on a GPU of all cells of the paper's six models, longest first."""
    each = [
        seconds
        for card in catalog.paper_models()
        for seconds in seconds_of_cells(EXPERIMENTS["capacity"], card, of_gpu(card, peak, memory))
    ]
    return sorted(each, reverse=True)


def main() -> None:
    """Print the plan, or what a simulated sweep reaches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulate", action="store_true", help="Sleep through a sweep with Ray.")
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS, help="Places to simulate.")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="Draw what it reaches (SVG).")
    parser.add_argument("--two-nodes", type=Path, metavar="FOLDER", help="See two_nodes.py.")
    parser.add_argument("--minutes", type=float, default=1e9, help="Stop after so many.")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON, for --two-nodes.")
    parser.add_argument("--undisturbed", action="store_true", help="Kill no node.")
    parser.add_argument("--json", action="store_true", help="Print a JSON object a line.")
    arguments = parser.parse_args()
    if arguments.two_nodes:
        folder, asked = arguments.two_nodes.resolve(), (arguments.minutes, arguments.settings)
        print(json.dumps(two_nodes(folder, *asked, undisturbed=arguments.undisturbed)))
        return
    with dormitory() if arguments.simulate else nullcontext():
        if not arguments.simulate:
            rows: Iterable[dict[str, Any]] = plan()
        else:
            seconds = table3(*GPUS["H100 (bfloat16)"])
            rows = map(partial(simulate, seconds=seconds), arguments.slots)
        made: list[dict[str, Any]] = []
        for row in rows:
            if not (made or arguments.json):
                print(" | ".join(row))
            made.append(row)
            said = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
            print(json.dumps(row) if arguments.json else " | ".join(said), flush=True)
    if arguments.chart:
        ((_, image),) = files.files([chart(made)], ["svg"])
        arguments.chart.write_bytes(image)


if __name__ == "__main__":
    main()
