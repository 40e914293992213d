"""How jobs get their turns: one after another, fairly, with questions in between."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from explorer.assets import catalog
from explorer.base.database import RequestRow, transaction
from explorer.geometry import projection
from explorer.jobs import client
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import load_solution
from explorer.specs.jobs import DownloadSpec
from explorer.training import StepReport, Trainer
from explorer.worker import loop, requests, runners, warming
from tests.explorer.worker.cases import solutions_of
from tests.explorer.worker.conftest import LONG

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

StepsOf = Callable[[str], int]


def test_a_job_goes_from_queued_over_running_to_done(shift: "Shift", quick: "MakeSpec") -> None:
    job_id = client.submit(quick(restarts=2))
    seen = [client.get(job_id).state]
    while not client.get(job_id).over:
        shift.turns(1)
        if (state := client.get(job_id).state) != seen[-1]:
            seen.append(state)
    assert seen == ["queued", "running", "done"]
    job = client.get(job_id)
    assert (job.fraction, job.error, job.notices) == (1.0, None, [])
    assert job.sentence == "2 of 2 restarts exact."
    assert job.finished is not None and job.finished >= job.created
    found = [load_solution(path) for path in solutions_of(job_id)]
    assert [s.record.seed for s in found] == [2, 3]
    assert all(s.record.exact and s.record.job == job_id for s in found)
    assert job.result["h_lm"] == found[0].record.h_lm
    recording = Recording.load(store.run_folder(job_id) / store.RECORDING)
    assert recording.frames["accuracy"][-1].tolist() == [1.0, 1.0]
    timed = store.race_of(store.run_folder(job_id))
    assert timed is not None and timed.tokens == 3
    assert timed.one_forward_text == found[0].record.text
    assert shift.worker.active == {} and shift.turns(1) == [False]
    assert not client.folder_of(job_id).exists()  # what it went on from, and the frames' log


def test_what_it_says_while_it_runs(shift: "Shift", long: "MakeSpec", steps_of: StepsOf) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 20)
    job = client.get(job_id)
    told = re.match(r"Step \d+ of at most 100000, .* at the longest\. (.*)", job.sentence)
    assert told is not None and re.search(r"text like this one", told[1])
    assert 0 < job.fraction < 0.01
    assert client.worker_status().ahead == 1


def test_what_is_done_stays_done_when_restarts_that_rested_follow(
    shift: "Shift", long: "MakeSpec"
) -> None:
    recipe = LONG.model_copy(update={"max_steps": 24, "halve_at": 4})
    job_id = client.submit(long(recipe=recipe, until="first"))
    fractions, steps = [], []
    while not client.get(job_id).over:
        shift.turns(1)
        job = client.get(job_id)
        fractions.append(job.fraction)
        steps += [int(n) for n in re.findall(r"[Ss]tep (\d+) of at most 24", job.sentence)]
    assert steps != sorted(steps), "one rested, and came after the other had no steps left"
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_two_jobs_advance_in_every_turn(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    ids = [client.submit(long(seed=seed)) for seed in (0, 5)]
    shift.until(lambda: all(steps_of(job_id) > 0 for job_id in ids))
    before = [steps_of(job_id) for job_id in ids]
    for _ in range(5):
        shift.turns(1)
        after = [steps_of(job_id) for job_id in ids]
        assert all(b > a for a, b in zip(before, after, strict=True))
        before = after
    third = client.submit(long())
    shift.until(lambda: steps_of(third) > 0)
    assert not any(client.get(job_id).over for job_id in ids)


def test_jobs_share_the_time_and_not_the_steps(
    shift: "Shift", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job takes 10 ms a step and one 100 ms, by a clock that only they move."""
    clock, spent = [100.0], {0: 0.0, 1: 0.0}

    def run(job: Any) -> Iterator[None]:
        cost = (0.01, 0.1)[job.spec.seed]
        while True:
            clock[0] += cost
            spent[job.spec.seed] += cost
            yield

    monkeypatch.setattr(runners, "run", run)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.5)
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    for seed in (0, 1):
        client.submit(quick(seed=seed))
    shift.turns(20)
    assert spent[0] == pytest.approx(20 * 0.5, rel=0.05)
    assert spent[1] == pytest.approx(20 * 0.5, rel=0.2)


def test_questions_are_answered_while_a_long_job_runs(
    shift: "Shift", quick: "MakeSpec", long: "MakeSpec", steps_of: StepsOf
) -> None:
    (done,) = shift.finish(client.submit(quick()))
    (file, *_) = solutions_of(done.id)
    busy = client.submit(long())
    shift.until(lambda: steps_of(busy) > 0)
    answers: list[dict[str, Any]] = []
    waited: list[float] = []

    def ask() -> None:
        start = time.monotonic()
        answers.append(client.request("decode", {"solution": str(file)}))
        waited.append(time.monotonic() - start)

    asking = threading.Thread(target=ask)
    asking.start()
    before = steps_of(busy)
    shift.until(lambda: not asking.is_alive())
    found = load_solution(file)
    assert answers[0]["predicted"] == found.target_ids.tolist()
    assert answers[0]["accuracy"] == 1.0 and answers[0]["text"] == found.record.text
    assert waited[0] < 2.0
    shift.turns(1)
    assert steps_of(busy) > before and client.get(busy).state == "running"


def test_a_step_is_taken_before_anybody_asks(
    shift: "Shift", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    step = Trainer.step

    def counted(trainer: Trainer, *, detail: bool) -> StepReport:
        taken.append(len(trainer.rows))
        return step(trainer, detail=detail)

    monkeypatch.setattr(Trainer, "step", counted)
    here = catalog.find(str(tiny_llama_folder))
    for card in (here, replace(here, folder=None), replace(here, folder=tiny_llama_folder / "no")):
        monkeypatch.setattr(catalog, "known_models", lambda card=card: [card])
        warming.warm_up(shift.worker.pool)
    assert taken == [warming.RESTARTS]
    assert client.jobs() == []


def test_whoever_gives_a_question_up_leaves_its_answer_to_nobody_else(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives the number of a row that was deleted to the next one."""

    def ask(whose: str) -> int:
        with transaction() as session:
            session.add(
                row := RequestRow(kind="decode", payload=json.dumps(whose), created=time.time())
            )
            session.flush()
            return row.id

    def give_up(number: int) -> None:
        with transaction() as session:
            session.delete(session.get_one(RequestRow, number))

    def answer(kind: str, payload: str, pool: object) -> dict[str, str]:
        if payload == "Ada's":
            give_up(first)
            give_up(second)
            assert [ask("Ben's"), ask("Cem's")] == [first, second]
        return {"answer to": payload}

    monkeypatch.setattr(requests, "answer", answer)
    first, second = ask("Ada's"), ask("Dan's")
    shift.turns(1)
    shift.turns(1)
    with transaction() as session:
        answers = [row.answer for row in session.scalars(select(RequestRow))]
    assert answers == ['{"answer to": "Ben\'s"}', '{"answer to": "Cem\'s"}']


def test_umap_gets_ready_once_a_map_is_near(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(shift.worker.side_process, "submit", asked.append)
    shift.turns(2)
    assert asked == []
    for _ in range(2):
        client.announce(client.MAPS_SOON)
    shift.turns(2)
    client.announce(client.MAPS_SOON)
    shift.turns(2)
    assert asked == [projection.warm_up]
    with transaction() as session:
        assert list(session.scalars(select(RequestRow))) == []


def test_a_question_that_breaks_does_not_break_the_job(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    busy = client.submit(long())
    shift.until(lambda: steps_of(busy) > 0)
    before = steps_of(busy)
    said: list[str] = []

    def ask() -> None:
        for kind, payload in (("decode", {}), ("dance", {})):
            with pytest.raises(Exception) as raised:
                client.request(kind, payload)
            said.append(str(raised.value))

    asking = threading.Thread(target=ask)
    asking.start()
    shift.until(lambda: not asking.is_alive())
    assert said == [
        "The worker could not answer (KeyError).",
        "There is no question of the kind “dance”.",
    ]
    shift.turns(1)
    assert steps_of(busy) > before


def test_a_job_waits_while_somebody_else_computes(
    shift: "Shift", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(quick())
    with client.compute_lock("cpu").acquire(timeout=0):
        assert shift.turns(3) == [False] * 3
        assert client.get(job_id).sentence == loop.TAKEN
        assert steps_of(job_id) == 0
    assert shift.finish(job_id)[0].state == "done"


def test_the_device_is_held_exactly_while_there_is_work(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    other = client.compute_lock("cpu")
    with other.acquire(timeout=0):
        assert other.is_locked
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    with pytest.raises(TimeoutError):
        other.acquire(timeout=0)
    client.ask(job_id, "stop")
    shift.finish(job_id)
    shift.turns(1)
    with other.acquire(timeout=0):
        assert other.is_locked


def test_a_model_that_is_here_needs_no_bringing(shift: "Shift", tiny_llama_folder: Path) -> None:
    (job,) = shift.finish(client.submit(DownloadSpec(model=str(tiny_llama_folder))))
    assert (job.state, job.fraction) == ("done", 1.0)
    assert job.sentence == "The model tiny-llama is on this disk."
