"""What pages say of their numbers is so: speeds, counts, steps, reasons and intervals."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.figures.strip import strip_data
from explorer.geometry import distance_report, measure_distances
from explorer.inside import reading
from explorer.inside.result import LOOKS, Inside
from explorer.solutions import sets, store
from explorer.solutions.recording import PHASES, Recording
from explorer.solutions.solution import BEATEN, Solution, save_solution
from tests.pages.driving import open_page, texts_of
from widgets import tour

MakeSet = Callable[..., str]


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.fixture
def ferry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The recorded run that the first page opens with, as a copy that may be changed."""
    import shutil

    shipped = tmp_path / "shipped"
    run = next((folders.recorded() / "reconstruct").glob("1-*"))
    folder = Path(shutil.copytree(run, shipped / "reconstruct" / run.name))
    monkeypatch.setattr(folders, "recorded", lambda: shipped)
    return folder


def restarts(folder: Path) -> list[tuple[Path, Solution]]:
    from explorer.solutions.solution import load_solution

    files = [f for f in folder.glob("*.safetensors") if f.name != store.RECORDING]
    return [(file, load_solution(file)) for file in sorted(files)]


def test_what_the_tour_says_of_e_is_what_was_recorded() -> None:
    found, notes = Inside.load(LOOKS.shipped()[0]), tour.STOPS[-1].notes
    assert f"e gets {reading.shares(found)[..., 1].mean():.0%} of it" in notes
    alone = reading.curve(found, "cut", "one")
    early = alone.accuracy[(alone.at >= 2) & (alone.at <= 11)]
    assert "layers 2 to 11, hardly a token" in notes
    assert len(early) == 10 and early.max() <= 0.1


def test_the_steps_of_the_best_restart_are_those_of_its_strip(ferry: Path) -> None:
    app = open_page()
    assert not app.exception
    recording = Recording.load(ferry / store.RECORDING)
    strip = strip_data(recording, [recording.best], play=True)
    assert numbers(app)["Steps, best restart"] == str(strip["steps"][-1])
    assert "Steps" not in numbers(app) and "Step" not in numbers(app)


@pytest.mark.parametrize(("rested", "said"), [(True, "halted after"), (False, BEATEN)])
def test_a_halted_restart_of_an_old_run_is_not_said_to_have_lost_at_the_end(
    rested: bool, said: str, ferry: Path
) -> None:
    file, solution = restarts(ferry)[0]
    n = solution.length
    wrong = {"exact": False, "accuracy": (n - 1) / n, "c_tokens": n - 1}
    record = solution.record.model_copy(update=wrong | {"reason": BEATEN, "steps": 20})
    save_solution(Solution(solution.e, solution.m, solution.target_ids, record), file)
    recording = Recording.load(ferry / store.RECORDING)
    frames = recording.frames.copy()
    k = recording.header.seeds.index(record.seed)
    frames["phase"][:, k] = PHASES.index("rest" if rested else "search")
    frames["phase"][-1, k] = PHASES.index("done")
    Recording(recording.header, frames).save(ferry / store.RECORDING)
    (why,) = [t.value for t in open_page().text if t.value.startswith("Not exact: ")]
    assert f"seed {record.seed}: {said}" in why
    assert ("20 steps" in why) is rested


@pytest.mark.parametrize(
    ("one", "many", "said"),
    [
        (0.07, 0.67, "9.6 times as fast"),
        (0.07, 0.05, "1.4 times as slow"),
        (0.07, 0.07, "about as fast"),
    ],
)
def test_one_pass_that_is_slower_is_called_slower(
    one: float, many: float, said: str, ferry: Path
) -> None:
    file = next(ferry.glob("race*.json"))
    race = json.loads(file.read_text())
    race |= {"one_forward_seconds": one, "autoregressive_seconds": many, "tokens": 1}
    file.write_text(json.dumps(race))
    app = open_page()
    assert not app.exception
    assert f"one pass is {said}." in texts_of(app) and "1 token each" in texts_of(app)


@pytest.mark.usefixtures("without_shipped", "letters")
def test_few_contexts_have_no_interval_and_the_page_says_why(make_set: MakeSet) -> None:
    found = sets.read(sets.find(make_set(contexts=2)))
    distance_report.save(found, measure_distances.make(found))
    app = open_page("distances")
    assert not app.exception and not app.error
    assert "The set has 2 contexts. An interval needs 5 or more" in texts_of(app)
    assert "Intervals: 95%" not in texts_of(app)
    table = next(d.value for d in app.dataframe if "AUC" in d.value.columns)
    assert set(table["95% interval"]) == {"–"}


@pytest.mark.usefixtures("without_shipped", "letters")
def test_a_p_that_cannot_be_small_is_not_called_chance(make_set: MakeSet) -> None:
    found = sets.read(sets.find(make_set(contexts=2, texts=2, restarts=1)))
    distance_report.save(found, measure_distances.make(found))
    app = open_page("distances")
    assert not app.exception
    assert "Too few texts or contexts for any p below 0.05: same context" in texts_of(app)
    assert "Not distinguishable from chance" not in texts_of(app)


def test_the_best_of_restarts_that_are_alike_is_that_of_the_strip(ferry: Path) -> None:
    recording = Recording.load(ferry / store.RECORDING)
    frames = recording.frames.copy()
    for file, solution in restarts(ferry):
        n, seed = solution.length, solution.record.seed
        k = recording.header.seeds.index(seed)
        wrong = {"exact": False, "accuracy": (n - 1) / n, "c_tokens": n - 1, "reason": "ended"}
        record = solution.record.model_copy(update=wrong | {"steps": 100 + seed})
        save_solution(Solution(solution.e, solution.m, solution.target_ids, record), file)
        frames["accuracy"][-1, k], frames["loss"][-1, k] = (n - 1) / n, 1 / (1 + seed)
    Recording(recording.header, frames).save(ferry / store.RECORDING)
    seeds = recording.header.seeds
    assert seeds[Recording(recording.header, frames).best] == max(seeds)
    assert numbers(open_page())["Steps, best restart"] == f"{100 + max(seeds)}"


def test_a_link_to_a_solution_of_a_run_shows_its_restart(ferry: Path) -> None:
    recording = Recording.load(ferry / store.RECORDING)
    best = recording.header.seeds[recording.best]
    for _, solution in restarts(ferry):
        app = open_page(solution=solution.record.id)
        assert not app.exception and not app.error
        (shown,) = [w for w in app.segmented_control if str(w.key).startswith("restarts-")]
        seed = solution.record.seed
        assert shown.value == ("best" if seed == best else str(seed))
        (picked,) = [box for box in app.selectbox if str(box.key).startswith("solution-")]
        assert picked.value == solution.record.id
