"""What the site shows: every result that ships with the project, a page for each."""

from collections.abc import Iterator
from pathlib import Path

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.base.formatting import counted, human_seconds, shortened
from explorer.experiments import paper_comparison, runs, space
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.paper_comparison import Evidence
from explorer.experiments.runs import Run
from explorer.figures import inside_strips, paper_table, stored
from explorer.figures.experiments import charts
from explorer.figures.strip import strip_data, walk_data
from explorer.geometry import distance_report
from explorer.inside import reading, tables
from explorer.inside.result import LOOKS, Inside
from explorer.landscape.result import LANDSCAPES, Landscape
from explorer.paths.places import PATHS
from explorer.paths.result import Paths
from explorer.site.page import Heading, Page, Part, Strip, Table, Target
from explorer.solutions import sets, store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import SolutionRecord

INTRODUCTION = (
    "A frozen language model can output a whole text in one forward pass if you feed it two "
    "trained vectors: e once, and m again and again (arXiv 2505.21189). Nothing else is trained. "
    "Below you can watch recorded runs: press ▶ and the two vectors learn a text, token by token. "
    "A blue token is correct, an orange one with a dashed line is not.",
    "These pages are a copy of what the Proto-Token Explorer has recorded. They need no server "
    "and no network. To train on your own text, run the explorer itself.",
)
BETWEEN = "Between and around"
"""What the navigation calls the pages on paths, landscapes and looks inside."""
READ_FRAMES = "What the model outputs at every point, in one forward pass each:"


def pages() -> list[Page]:
    """Return all pages, the first page first.

    Raises:
        CorruptFileError: if something that ships cannot be read.
    """
    return [_index(), *_runs(), *_sets(), *_paths(), *_landscapes(), *_looks(), *_experiments(),
            _paper()]  # fmt: skip


def _index() -> Page:
    parts: list[Part] = [*INTRODUCTION]
    for folder in store.shipped_runs():
        recording = Recording.load(folder / store.RECORDING)
        best = _best(folder, recording)
        parts += [
            Heading(best.title or folder.name),
            Target(best.text),
            _played(recording),
        ]
    return Page("index", "", "Start", "Two vectors, one forward pass", parts)


def _runs() -> Iterator[Page]:
    for folder in store.shipped_runs():
        recording = Recording.load(folder / store.RECORDING)
        best = _best(folder, recording)
        solutions = store.siblings(folder / store.RECORDING)
        exact = sum(s.record.exact for s in solutions)
        length = len(recording.header.target_ids)
        said = (
            f"{best.title}. {best.c_tokens} of {counted(length, 'token')} correct after "
            f"{counted(best.steps, 'step')} and {human_seconds(best.seconds)}; {exact} of "
            f"{counted(len(solutions), 'restart')} exact."
        )
        parts: list[Part] = [Target(best.text), said, _played(recording)]
        parts += stored.of_recording(recording)
        yield Page(
            _name("run", folder),
            "Recorded runs",
            shortened(best.text, 28),
            shortened(best.text, 60),
            parts,
        )


def _best(folder: Path, recording: Recording) -> SolutionRecord:
    """Return what is known about the best restart of a run that ships.

    Raises:
        CorruptFileError: if none of its solutions can be read.
    """
    solutions = store.siblings(folder / store.RECORDING)
    if not solutions:
        raise CorruptFileError(f"No solution in {folder} can be read. Install the explorer anew.")
    return store.best_of(solutions, recording).record


def _played(recording: Recording) -> Strip:
    """Return the best restart's strip, which stands at its beginning until it is played."""
    data = strip_data(recording, [recording.best], play=True)
    return Strip("What the model outputs", data | {"start": 0})


def _sets() -> Iterator[Page]:
    for file in sets.SETS.shipped():
        found = sets.read(file.parent)
        record = found.record
        parts: list[Part] = [
            f"{counted(len(record.exact), 'exact solution')} of {record.spec.model}. "
            f"{record.regime_in_words}"
        ]
        if (summary := distance_report.load(found)) is not None:
            parts += [
                distance_report.order_in_words(m) for m in summary.measured if m.metric == "cosine"
            ]
            parts += summary.notes
        short, title = f"m {record.spec.regime} ({record.id[:6]})", record.name
        yield Page(
            _name("set", file.parent),
            "Distances and maps",
            short,
            f"How far apart solutions are: {title}",
            [*parts, *stored.of_set(found)],
        )


def _paths() -> Iterator[Page]:
    for file in PATHS.shipped():
        found = Paths.load(file)
        pair = stored.best_pair(found)
        drawn = stored.of_paths(found)
        overview = drawn[:-4]
        parts: list[Part] = [
            "Two solutions of one text: along the straight line between them the text is lost; a "
            "trained curve can keep it.",
            *overview,
            Heading(f"One pair: {found.header.title(pair)}"),
            Target(found.text(pair).text),
            READ_FRAMES,
            Strip("What the model outputs along both paths", walk_data(found, pair)),
            *drawn[len(overview) :],
        ]
        title = "From one solution to another"
        yield Page(_name("paths", file.parent), BETWEEN, "Paths", title, parts)


def _landscapes() -> Iterator[Page]:
    for file in LANDSCAPES.shipped():
        found = Landscape.load(file)
        parts: list[Part] = [
            "The plane through two solutions and the control point of the curve that connects "
            "them.",
            Target(found.header.text.text),
            *stored.of_landscape(found),
        ]
        title = "The landscape around solutions"
        yield Page(_name("landscape", file.parent), BETWEEN, "Landscape", title, parts)


def _looks() -> Iterator[Page]:
    for file in LOOKS.shipped():
        found = Inside.load(file)
        parts: list[Part] = [
            Target(found.header.text.text),
            reading.sentence(found),
            "Each layer's hidden state is sent straight to the final norm and the output matrix. "
            "Play it: the text comes into being from the input to the last layer.",
            Strip("What each layer would output", inside_strips.through_layers(found)),
            *stored.of_inside(found),
        ]
        if found.header.writings:
            parts.append(Table("What the model goes on to write", tables.writings(found)))
        yield Page(_name("inside", file.parent), BETWEEN, "Inside", "Inside the one pass", parts)


def _experiments() -> Iterator[Page]:
    for name, asked in EXPERIMENTS.items():
        parts: list[Part] = [asked.question]
        for run in _shipped_runs():
            if run.settings.experiment == name:
                parts += [Heading(f"Run {run.header.id[:6]}"), asked.sentence(run)]
                parts += [*asked.notes(run), *charts(run)]
                made = asked.tables(run).items()
                parts += [Table(title, table) for title, table in made if not table.empty]
        if len(parts) > 1:
            yield Page(name, "Experiments", asked.title, asked.title, parts)


def _shipped_runs() -> list[Run]:
    return [run for run in map(runs.load, runs.shipped()) if run.done]


def _paper() -> Page:
    known = _shipped_runs()
    first = {run.settings.experiment: run for run in reversed(known)}
    said = paper_comparison.of_runs(known)
    for file in sets.SETS.shipped():
        found = sets.read(file.parent)
        if (summary := distance_report.load(found)) is not None:
            of = f"set {found.record.id[:6]}"
            said += [Evidence(f, found.record.spec.model, of) for f in space.of_report(summary)]
    for file in PATHS.shipped():
        paths = Paths.load(file)
        of = f"paths {file.parent.name}"
        said += [Evidence(f, paths.header.model, of) for f in space.of_paths(paths)]
    capacity = paper_comparison.table3(known)
    parts: list[Part] = [
        "Published numbers are v1's of arXiv 2505.21189. A cell that was never run here is empty.",
        Table("What the paper found, and what is seen here", paper_comparison.answers(said)),
        paper_table.arrangement_comparison(paper_comparison.table1(first.get("arrangements"))),
        Table("Texts that share e or m", paper_comparison.table2(first.get("sharing"))),
        *(
            paper_table.capacity_comparison(value, m_shared=shared, ours=capacity)
            for shared in (False, True)
            for value in ("c_tokens", "h_lm")
        ),
        Table("Throughput", paper_comparison.speed(first.get("throughput"))),
    ]
    return Page(
        "paper", "Experiments", "Paper vs here", "The paper, and what runs here show", parts
    )


def _name(kind: str, folder: Path) -> str:
    """Return the name of a page's file, by the folder that ships with what it shows."""
    return f"{kind}-{folder.relative_to(folders.recorded()).name}"
