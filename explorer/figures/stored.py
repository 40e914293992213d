"""Every chart of what is stored: all that its page can show, in the page's order."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from explorer.base.collection import Collection
from explorer.base.errors import BadInputError
from explorer.experiments import runs
from explorer.figures import depth as depth_charts
from explorer.figures import distances as distance_charts
from explorer.figures import experiments
from explorer.figures import inside as inside_charts
from explorer.figures import landscape as plane_charts
from explorer.figures import maps as map_charts
from explorer.figures import paths as path_charts
from explorer.figures import roles as role_charts
from explorer.figures import run as run_charts
from explorer.figures.chart import Chart
from explorer.geometry import depth, distance_report, distances, maps, roles
from explorer.inside import reading
from explorer.inside.header import Part
from explorer.inside.result import LOOKS, Inside
from explorer.landscape.result import LANDSCAPES, Landscape
from explorer.landscape.surroundings import WALKS, Surroundings
from explorer.paths.places import PATHS
from explorer.paths.result import Paths
from explorer.solutions import sets, store
from explorer.solutions.recording import Recording
from explorer.solutions.sets import SolutionSet


def of_recording(recording: Recording) -> list[Chart]:
    """Draw a training: accuracy, positions of its best restart, loss, positions of all."""
    return [
        run_charts.accuracy_curves(recording),
        run_charts.position_heatmap(recording, recording.best),
        run_charts.loss_curves(recording),
        run_charts.position_accuracy(recording),
    ]


def of_paths(found: Paths) -> list[Chart]:
    """Draw paths: all pairs if there are several, then the one that is connected best."""
    if not found.measured.any():
        return []
    pair = best_pair(found)
    overview = [path_charts.all_pairs(found), path_charts.ratios(found)] if len(found) > 1 else []
    return [
        *overview,
        path_charts.accuracy_along(found, pair),
        path_charts.convergence(found, pair),
        path_charts.loss_along(found, pair),
        path_charts.positions_along(found, pair),
    ]


def best_pair(found: Paths) -> int:
    """Return the measured pair whose curve holds best."""
    measured = np.flatnonzero(found.measured).tolist()
    return int(max(measured, key=lambda k: (found.connected[k], found.mean(k))))


def of_landscape(found: Landscape) -> list[Chart]:
    """Draw a plane: contours of accuracy and of loss; none before its first whole grid."""
    if not found.ready:
        return []
    return [plane_charts.plane(found, "accuracy"), plane_charts.plane(found, "loss")]


def of_inside(found: Inside) -> list[Chart]:
    """Draw a look inside: the lens, attention if the model gives any, what is needed."""
    drawn = [inside_charts.by_layer(found), inside_charts.lens(found)]
    if found.header.heads:
        to_e = reading.shares(found)[..., 1].mean(1)
        drawn += [
            inside_charts.attention_by_layer(found, None),
            inside_charts.attention_map(found, int(to_e.argmin()), None),
            inside_charts.heads(found),
        ]
    needed: dict[Part, Callable[[Inside], Chart]] = {
        "cut": inside_charts.cuts,
        "noise": inside_charts.noise,
        "scale": inside_charts.scales,
    }
    return [*drawn, *(draw(found) for part, draw in needed.items() if found.trials(part))]


def of_set(found: SolutionSet) -> list[Chart]:
    """Draw what is measured of a set: distances, the same by layer, what e and m carry, maps."""
    drawn: list[Chart] = []
    summary = distance_report.load(found)
    if summary is not None and summary.charts is not None:
        texts = distances.texts(found)
        for measured in summary.measured:
            if measured.metric == "cosine":
                histogram = summary.histogram(measured)
                drawn.append(distance_charts.histogram(histogram, measured))
        for against in summary.charts.against_texts:
            points = summary.charts.points(against.text_distance, against.vector)
            if not points.empty:
                drawn.append(distance_charts.against_texts(points, against, texts))
    if (layers := depth.REPORTS.load(found.record)) is not None:
        drawn += [depth_charts.by_layer(layers, place) for place in layers.places]
    if (carried := roles.REPORTS.load(found.record)) is not None:
        drawn += [role_charts.probes(carried), role_charts.noise(carried)]
    return drawn + [map_charts.scatter(made, "context") for made in maps.of_set(found.record.id)]


KINDS: tuple[tuple[Collection[Any], Callable[[Path], list[Chart]]], ...] = (
    (store.RUNS, lambda file: of_recording(Recording.load(file))),
    (sets.SETS, lambda file: of_set(sets.read(file.parent))),
    (PATHS, lambda file: of_paths(Paths.load(file))),
    (LANDSCAPES, lambda file: of_landscape(Landscape.load(file))),
    (WALKS, lambda file: [plane_charts.around(Surroundings.load(file))]),
    (LOOKS, lambda file: of_inside(Inside.load(file))),
    (runs.RUNS, lambda file: experiments.charts(runs.load(file.parent))),
)
"""Everything that is stored and has charts, with what draws it from its file."""


def named(name: str) -> tuple[str, list[Chart]]:
    """Return the id and every chart of a result, by its id or its beginning, its folder or file.

    A folder of one's own may hold several: a plane and a walk around a solution, say.

    Raises:
        BadInputError: if there is none of that name, or several, or it has nothing to draw.
        CorruptFileError: if it cannot be read.
    """
    found: dict[Path, tuple[Collection[Any], Callable[[Path], list[Chart]]]] = {}
    for collection, draw in KINDS:
        with suppress(BadInputError):
            file = collection.find(name)
            if file.name.endswith(collection.file):  # of a recording the run may stand before it
                found[file] = (collection, draw)
    places = {file.parent for file in found}
    if len(places) != 1:
        few = f"{len(places)} results are" if found else "Nothing stored is"
        raise BadInputError(
            f"{few} called “{name[:60]}”. Give the id of a run, a set, paths, a landscape, a look "
            "inside or a run of an experiment as the Library shows it, or its folder or file."
        )
    drawn = [chart for file, (_, draw) in found.items() for chart in draw(file)]
    if not drawn:
        nouns = " and ".join(collection.noun for collection, _ in found.values())
        raise BadInputError(
            f"Nothing of the {nouns} “{name[:60]}” has been measured yet, so there is "
            "no figure of it."
        )
    return places.pop().name, drawn
