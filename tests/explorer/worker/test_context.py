import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.base.database import JobRow, transaction
from explorer.jobs import client
from explorer.specs.jobs import DownloadSpec
from explorer.worker import context
from explorer.worker.context import JobContext

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


@pytest.fixture
def job(pool: "ModelPool") -> JobContext:
    spec = DownloadSpec(model="a/b")
    return JobContext(client.submit(spec), spec, pool)


def test_what_a_job_says_is_heard(job: JobContext) -> None:
    before = client.get(job.id)
    assert (before.sentence, before.fraction) == ("Waiting for its turn.", 0.0)
    job.say("Half of it is here.", 0.5)
    after = client.get(job.id)
    assert (after.sentence, after.fraction) == ("Half of it is here.", 0.5)


@pytest.mark.parametrize(("fraction", "kept"), [(-0.5, 0.0), (0.25, 0.25), (1.5, 1.0)])
def test_a_fraction_is_one(job: JobContext, fraction: float, kept: float) -> None:
    job.say("Going on.", fraction)
    assert client.get(job.id).fraction == kept


def test_said_too_often_most_is_dropped_but_what_matters(
    job: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "SAY_SECONDS", 3600.0)
    job.say("First.")
    job.say("Second.")
    assert client.get(job.id).sentence == "First."
    job.say("Third.", at_once=True)
    assert client.get(job.id).sentence == "Third."


def test_remarks_stay_and_are_made_once(job: JobContext) -> None:
    for sentence in ("Memory was short.", "It rained.", "Memory was short."):
        job.notice(sentence)
    job.say("Going on.")
    assert client.get(job.id).notices == ["Memory was short.", "It rained."]


def test_results_are_saved_whenever_it_speaks(job: JobContext) -> None:
    job.result["text"] = "naïve 👩‍🚀"
    assert client.get(job.id).result == {}
    job.say("Going on.")
    assert client.get(job.id).result == {"text": "naïve 👩‍🚀"}


def test_speaking_it_hears_what_is_wanted(job: JobContext) -> None:
    client.ask(job.id, "pause")
    assert job.requested == "run"
    job.say("Going on.")
    assert job.requested == "pause"
    assert client.get(job.id).requested == "pause"


def test_a_job_whose_row_is_gone_is_to_stop(job: JobContext) -> None:
    with transaction() as session:
        session.delete(session.get(JobRow, job.id))
    job.update(state="running")
    assert job.requested == "stop"
    assert client.jobs() == []


def test_every_word_is_dated(job: JobContext) -> None:
    def updated() -> float:
        with transaction() as session:
            row = session.get(JobRow, job.id)
            assert row is not None
            assert json.loads(row.spec)["model"] == "a/b"
            return row.updated

    before = updated()
    job.say("Going on.", at_once=True)
    assert updated() > before


def test_its_folder_is_its_own(job: JobContext, own_cache: Path) -> None:
    assert job.folder == own_cache / "jobs" / job.id
