"""The pages in German, and in English for everybody else."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from explorer.assets import catalog
from explorer.base import folders, language
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import said_in, words_of
from explorer.experiments import runs
from explorer.experiments.catalogue import experiment
from explorer.figures import stored
from explorer.geometry import distance_report, measure_distances
from explorer.jobs import client
from explorer.library import items
from explorer.solutions import sets
from explorer.solutions.solution import BEATEN, halted
from explorer.specs.jobs import DistancesSpec, DownloadSpec
from explorer.specs.recipes import PRESETS
from explorer.specs.texts import SOURCES
from explorer.tasks.task import BY_HAND
from explorer.texts import gallery
from tests.pages.driving import open_page, texts_of
from widgets import distance_view, map_set_up, map_view, roles_view
from widgets.language import CHOICES
from widgets.library import filters, table
from widgets.words import column

PAGES = sorted(file.stem for file in (folders.PROJECT / "pages").glob("[a-z]*.py"))
OPTIONS: dict[str, Iterable[str]] = {
    "whose": (filters.EVERYONES, filters.MINE),
    "roles-target": roles_view.NAMES.values(),
    "metric": distance_view.METRICS.values(),
    "text_axis": distance_view.AXES.values(),
    "colour": map_view.COLOURS.values(),
    "recorded": (example.title for example in gallery.examples().values()),
    "space": map_set_up.SPACES.values(),
    "method": ("PCA", "UMAP"),
    "map_vector": map_set_up.VECTORS.values(),
    "vector": map_set_up.VECTORS.values(),
    "recipe": PRESETS,
    "model": [card.title for card in catalog.known_models()] + ["Another model"],
    "source": SOURCES.values(),
}
"""Every option of every choice that a link holds, in English."""
FREE = {"find"}
"""Bound fields that hold what a person types."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_in_german_and_not_for_others(name: str) -> None:
    english, german = open_page(name), open_page(name, lang="de")
    assert not german.exception
    for shown, meant in zip(german.title, english.title, strict=True):
        assert shown.value == words_of("de").gettext(meant.value)
    assert texts_of(german) != texts_of(english)


def test_every_choice_that_a_link_holds_is_known() -> None:
    bound = set()
    for file in [
        *(folders.PROJECT / "widgets").rglob("*.py"),
        *(folders.PROJECT / "pages").glob("*.py"),
    ]:
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            given = {k.arg: k.value for k in getattr(call, "keywords", [])}
            if "bind" in given and isinstance(given.get("key"), ast.Constant):
                bound.add(given["key"].value)
    assert bound == set(CHOICES) | FREE


def test_every_option_in_a_link_is_the_same_in_the_other_language() -> None:
    (rooms,) = [group for group in open_page("library").button_group if group.key == "room"]
    options = OPTIONS | {"room": rooms.options}
    assert options.keys() == CHOICES
    for key, words in options.items():
        for word in words:
            assert said_in("en", said_in("de", word)) == word, key
    german = said_in("de", map_set_up.SPACES["m"])
    assert german != map_set_up.SPACES["m"]


@pytest.mark.usefixtures("without_shipped")
def test_why_a_job_failed_is_said_in_german(
    make_set: Callable[..., str], tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "_current", lambda: "de")
    monkeypatch.setattr("widgets.language.current", lambda: "de")
    english = "There is nothing to connect: pick two solutions."
    german = words_of("de").gettext(english)
    for page, spec in (
        ("distances", DistancesSpec(set=make_set())),
        (None, DownloadSpec(model=catalog.known_models()[0].name)),
    ):
        _fail(client.submit(spec), english)
        app = open_page(page)
        assert not app.exception
        said = texts_of(app)
        assert german in said and english not in said
    app = open_page(None, tiny_llama_folder)
    app.selectbox(key="source").set_value("generated").run()
    app.button(key="write").click().run()
    _fail(client.jobs()[0].id, english)
    assert german in texts_of(app.run())


def _fail(job: str, error: str) -> None:
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state, row.error = "failed", error


@pytest.mark.usefixtures("without_shipped")
def test_what_is_wrong_with_a_set_is_said_in_german(make_set: Callable[..., str]) -> None:
    folder = sets.find(make_set(inexact=1))
    app = open_page("sets", lang="de")
    (table,) = [frame.value for frame in app.dataframe if len(frame.value) == 15]
    assert "innerhalb von 9 Schritten nicht exakt" in table.to_numpy()
    for _ in range(2):
        next(folder.glob("*.safetensors")).unlink()
        app = open_page("sets", lang="de")
        assert "solution file" not in app.warning[0].value


@pytest.mark.parametrize(
    "reason",
    [
        BY_HAND,
        BEATEN,
        halted(20),
        "not exact within 600 steps",
        "not exact within 600 steps after 200 joint ones",
    ],
)
def test_why_a_restart_is_not_exact_is_told_in_german(reason: str) -> None:
    there = elsewhere_in_german(reason)
    assert there != reason and not {"exact", "steps", "hand", "another"} & set(there.split())


def elsewhere_in_german(said: str) -> str:
    language.heard("de")
    return language.elsewhere(said)["de"]


@pytest.mark.usefixtures("without_shipped", "letters")
def test_what_a_set_does_not_allow_is_said_in_german(make_set: Callable[..., str]) -> None:
    for fields in ({"contexts": 1}, {"texts": 1}, {"restarts": 1}, {"inexact": 1}):
        found = sets.read(sets.find(make_set(**fields)))
        distance_report.save(found, measure_distances.make(found))
        notes = measure_distances.make(found).summary.notes
        app = open_page("distances", lang="de", set=found.record.id)
        assert not app.exception and notes
        assert not set(notes) & {info.value for info in app.info}


def test_a_setting_that_does_not_fit_is_said_in_german(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_current", lambda: "de")
    with pytest.raises(BadInputError, match="17") as refused:
        experiment("sharing").make({"model": "a/tiny", "texts": 17})
    assert "groups" not in str(refused.value)


@pytest.mark.parametrize("code", language.NAMES)
def test_no_two_columns_of_the_library_have_one_heading(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "_current", lambda: code)
    headings = [column["label"] for column in table._columns().values() if column["label"]]
    assert len(headings) == len(set(headings)) > 5


SAID_ALIKE = re.compile(
    r"[xyztpeN]|AUC|BOS|Cliff's δ|C_tokens|H_LM|p\(target\)|p[ ,].*|token \d|\d.*"
)
"""Headings that are the same in German."""


@pytest.mark.end_to_end
def test_every_heading_of_what_ships_is_said_in_german(monkeypatch: pytest.MonkeyPatch) -> None:
    english = list(_headings())
    monkeypatch.setattr(language, "_current", lambda: "de")
    told = dict(zip(english, _headings(), strict=True))
    assert not [e for e, de in told.items() if e == de and not SAID_ALIKE.fullmatch(e)]


def _headings() -> Iterator[str]:
    """Yield every heading of the tables of one result of each kind."""
    for collection, draw in stored.KINDS:
        shipped = {
            f: runs.load(f.parent) if collection is runs.RUNS else None
            for f in collection.shipped()
        }
        of_kind = {run and run.settings.experiment: (file, run) for file, run in shipped.items()}
        for name, (file, run) in of_kind.items():
            tables = [chart.table for chart in draw(file)]
            if name is not None and run is not None:
                tables += experiment(name).tables(run).values()
            yield from (column(each) for table in tables for each in table.columns)


@pytest.mark.usefixtures("without_shipped")
def test_what_the_library_cannot_read_is_said_in_german(
    make_set: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (sets.find(make_set()) / sets.SET_FILE).write_text("{")
    job = client.submit(DownloadSpec(model="some/model"))
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.spec = "{}"
    monkeypatch.setattr(language, "_current", lambda: "de")
    (damaged,), (unknown,) = items.items("set"), items.items("job")
    assert damaged.problem and damaged.problem.startswith("Sammlung ")
    assert unknown.problem and "queued" not in unknown.problem and job in unknown.problem
