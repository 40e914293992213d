"""Runs of experiments: what is kept, what a kill costs, what cannot be run."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.base import folders, language
from explorer.base.errors import BadInputError, CorruptFileError, MissingAssetError
from explorer.experiments import cell_locks, exports, runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.solutions.solution import read_record
from explorer.specs.recipes import INDEPENDENT
from tests.steps import exhaust

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings, MakeTask


def lines(folder: Path) -> list[bytes]:
    return (folder / runs.CELLS_FILE).read_bytes().splitlines()


def test_a_killed_run_goes_on_without_repeating_a_finished_cell(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("arrangements", arrangements=("halves", "e+mN"))
    first = task(settings)
    for _ in first.steps():
        if len(first.run.done) == 2:
            break  # as a kill: nothing is said to the task
    before = lines(first.run.folder)
    with (first.run.folder / runs.CELLS_FILE).open("ab") as file:
        file.write(b'{"key": "A4-3", "ro')  # cut off in the middle of a line
    second = task(settings)
    assert second.resumed and second.run.keys == first.run.keys
    exhaust(second.steps())
    after = lines(second.run.folder)
    assert after[: len(before)] == before and len(after) == 4
    assert runs.load(second.run.folder).done == second.run.done
    assert not list(EXPERIMENTS["arrangements"].left(second.run))


def test_several_processes_measure_one_run_and_no_cell_twice(
    small: "MakeSettings", task: "MakeTask", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.experiments.cell_locks.WAIT_SECONDS", 0.0)
    from explorer.tasks.experiments.task import OTHERS

    settings = small("arrangements", arrangements=("halves", "e+mN"))
    here, there = task(settings), task(settings)
    first, second = here.steps(), there.steps()
    titles: dict[str, set[str]] = {"here": set(), "there": set()}
    running = {"here": first, "there": second}
    while running:
        for name, steps in list(running.items()):
            try:
                titles[name].add(next(steps).sentence.partition(":")[0])
            except StopIteration:
                del running[name]
    assert here.run.done == there.run.done == runs.load(here.run.folder).done
    assert len(lines(here.run.folder)) == len(here.run.done) == 4
    assert all(found - {OTHERS} for found in titles.values())
    assert not EXPERIMENTS["arrangements"].left(here.run)


def test_a_cell_whose_process_died_is_free_again(small: "MakeSettings", task: "MakeTask") -> None:
    settings = small("arrangements", lengths=(1,), arrangements=("e+mN",))
    dying = task(settings)
    steps = dying.steps()
    next(steps)
    cells = [cell.key for cell in EXPERIMENTS["arrangements"].cells(settings)]
    assert cell_locks.first_free(dying.run.header.id, cells) is None
    steps.close()
    found = cell_locks.first_free(dying.run.header.id, cells)
    assert found is not None and found[0] == cells[0]
    with found[1]:
        assert cell_locks.first_free(dying.run.header.id, cells) is None


@pytest.mark.parametrize("name", ["arrangements", "training-time", "readout", "capacity"])
def test_every_text_and_restart_begins_elsewhere_and_texts_end_by_themselves(
    name: str,
    small: "MakeSettings",
    task: "MakeTask",
    letters: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from explorer.tasks.experiments.bench import CellWork
    from explorer.training import Trainer

    trained: list[Trainer] = []
    plain = CellWork.train

    def train(work: CellWork, engine: Trainer, *, alone: bool = False) -> Iterator[float]:
        trained.append(engine)
        return plain(work, engine, alone=alone)

    monkeypatch.setattr(CellWork, "train", train)
    fields: dict[str, dict[str, object]] = {
        "capacity": {"ladder": (2,), "schemes": ("m free",)},
        "arrangements": {"lengths": (2,), "arrangements": ("halves",)},
        "training-time": {"lengths": (2,)},
    }
    exhaust(task(small(name, restarts=3, **fields.get(name, {}))).steps())
    seeds = [row.seed for trainer in trained for row in trainer.rows]
    assert sorted(seeds) == list(range(2 * 3))
    assert [len(race) for trainer in trained for race in trainer._races] == [3, 3]
    together = [trainer for trainer in trained if len(trainer.rows) > 3]
    assert all({row.text for row in trainer.rows} == {0, 1} for trainer in together)


def test_the_same_settings_are_the_same_run(small: "MakeSettings", measured: "MakeRun") -> None:
    run = measured("arrangements", lengths=(1,))
    assert run.header.id == runs.run_id(small("arrangements", lengths=(1,)), run.header.fingerprint)
    assert run.header.id != measured("arrangements", lengths=(1,), seed=5).header.id
    assert run.header.id in {folder.name for folder in runs.run_folders("arrangements")}


def test_a_run_that_ships_is_still_what_its_settings_make() -> None:
    shipped = sorted((folders.recorded() / "experiments").iterdir())
    assert shipped
    for run in map(runs.load, shipped):
        assert runs.run_id(run.settings, run.header.fingerprint) == run.header.id


def test_progress_rises_to_one(small: "MakeSettings", task: "MakeTask") -> None:
    fractions = [p.fraction for p in task(small("arrangements", lengths=(1, 2))).steps()]
    assert all(b >= a - 1e-9 for a, b in pairwise(fractions))
    assert fractions[-1] == pytest.approx(1.0)


def test_what_cannot_be_run_is_said_before_anything_is_computed(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    with pytest.raises(BadInputError, match="128 positions"):
        task(small("arrangements", lengths=(4, 127)))
    with pytest.raises(MissingAssetError, match="not downloaded yet"):
        task(small("arrangements").model_copy(update={"model": "EleutherAI/pythia-160m"}))
    with pytest.raises(BadInputError, match="shortest first"):
        small("arrangements", lengths=(4, 2))
    with pytest.raises(BadInputError, match="“colour”"):
        small("arrangements", colour="blue")


def test_damage_is_a_sentence_and_nothing_is_thrown_away(
    small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    run = measured("arrangements", lengths=(1,))
    cells = run.folder / runs.CELLS_FILE
    good = cells.read_bytes()
    cells.write_bytes(b"nonsense\n" + good)
    with pytest.raises(CorruptFileError, match="damaged line"):
        runs.load(run.folder)
    cells.write_bytes(good)
    (run.folder / runs.HEADER_FILE).write_text("{}")
    with pytest.raises(CorruptFileError, match="Run it again"):
        task(small("arrangements", lengths=(1,)))
    assert cells.read_bytes() == good


def test_every_cell_says_what_it_was_measured_with(
    small: "MakeSettings", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on where another format is fast is a run in two formats, and says so."""
    import torch

    from explorer.base.provenance import versions
    from explorer.model.pool import ModelPool
    from explorer.tasks.experiments.task import RunTask

    recipe = small("arrangements").recipe.model_copy(update={"precision": "auto"})  # type: ignore[union-attr]
    settings = small("arrangements", arrangements=("halves", "e+mN"), recipe=recipe)
    asked = EXPERIMENTS["arrangements"]
    for pays in (True, False):
        monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device, pays=pays: pays)
        task = RunTask(settings, ModelPool(torch.device("cpu")))
        steps = task.steps()
        while len(task.run.done) < 2:
            next(steps)
        if pays:
            steps.close()
    exhaust(steps)
    run = runs.load(task.run.folder)
    noted = [cell.computed for cell in run.done]
    assert all(noted) and len(noted) == 4
    assert [found and found.searched_in for found in noted] == ["bfloat16"] * 2 + ["float32"] * 2
    assert {found and found.confirmed_in for found in noted} == {"float32"}
    assert all(found and found.versions == versions() and found.threads for found in noted)
    for cell in run.done:
        for row in cell.rows:
            record, _ = read_record(run.folder / runs.SOLUTIONS / row["solution"])
            assert cell.computed is not None
            assert record.searched_in == cell.computed.searched_in
            assert (record.versions, record.threads) == (versions(), cell.computed.threads)
    both = "CPU, search in bfloat16, then CPU, search in float32"
    assert run.devices == both and both in asked.sentence(run)
    columns = exports.flat(run)
    assert columns.groupby("searched_in").size().to_dict() == {"bfloat16": 4, "float32": 4}
    assert columns["versions"].str.contains("torch").all()


def test_recipe_and_size_of_a_run_are_what_they_were_measured_with(
    measured: "MakeRun", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are checked against fields: of the recipe, and of the preset that the settings are."""
    run, asked = measured("arrangements", lengths=(1,)), EXPERIMENTS["arrangements"]
    recipe = INDEPENDENT.model_copy(update={"name": "fast, 200 steps", "max_steps": 200})

    def called(preset: str, **fields: object) -> runs.Run:
        settings = run.settings.model_copy(update=fields)
        header = run.header.model_copy(update={"preset": preset, "settings": settings})
        return runs.Run(header, run.folder, run.done)

    said = f"“independent, modified, recorded as fast” ({recipe.digest}), at most 200 steps"
    assert said in asked.sentence(called("custom", recipe=recipe))
    assert asked.size(called("custom")) == "custom"
    assert asked.size(called("minutes")) == "minutes, modified"
    preset = {"recipe": INDEPENDENT, "restarts": 1, **asked.presets["minutes"]}
    assert asked.size(called("minutes", **preset)) == "minutes"
    monkeypatch.setattr(language, "_current", lambda: "de")
    words = [
        asked.size_in_words(called(name)) for name in ("evening, changed", "minutes", "my own")
    ]
    assert words == ["Abend, geändert", "Minuten, geändert", "my own"]


def test_a_recipes_name_means_the_same_in_every_preset() -> None:
    """Two experiments called different recipes “independent, cut short”."""
    known: dict[str, set[str]] = {}
    for asked in EXPERIMENTS.values():
        for fields in asked.presets.values():
            if (recipe := fields.get("recipe")) is not None:
                known.setdefault(recipe.name, set()).add(recipe.digest)
                assert recipe.title == recipe.name
    assert {name for name, digests in known.items() if len(digests) > 1} == set()
    assert len(known) >= 4


def test_a_ladder_that_fails_elsewhere_while_texts_are_drawn_goes_on_all_the_same(
    small: "MakeSettings", task: "MakeTask", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model writes for minutes, and another process measures the shorter length meanwhile."""
    from explorer.tasks.experiments.bench import Bench

    drawn = Bench.texts

    def slowly(bench: Bench, *asked: Any) -> Any:
        yield 0.0
        return (yield from drawn(bench, *asked))

    monkeypatch.setattr(Bench, "texts", slowly)
    settings = small("capacity", schemes=("m free",), ladder=(2, 6))
    here, there = task(settings), task(settings)
    first, second = here.steps(), there.steps()
    for steps in (first, second):  # each has claimed a length
        next(steps), next(steps)
    failed = {"source": "unseen", "scheme": "m free", "n": 2, "accuracy": 0.0}
    rows = [failed | {"text": k} for k in range(2)]
    done = runs.Done(key="unseen-m-free-2", rows=rows, seconds=1, finished="")
    runs.append(here.run.folder, done)
    exhaust(second)
    assert {row["n"] for done in there.run.done for row in done.rows} == {2, 6}
    first.close()


def test_a_number_that_is_none_stays_one_on_the_disk(measured: "MakeRun") -> None:
    run = measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    rows = [row | {"difference": math.nan, "seconds": math.inf} for row in run.done[0].rows]
    runs.append(run.folder, run.done[0].model_copy(update={"rows": rows}))
    (found,) = runs.load(run.folder).done
    assert all(math.isnan(row["difference"]) and row["seconds"] == math.inf for row in found.rows)
