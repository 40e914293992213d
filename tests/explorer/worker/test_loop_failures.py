"""What goes wrong in one job is said, and the others go on."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError
from explorer.jobs import client
from explorer.worker import loop, runners

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift


FAILURES = {
    "unknown model": ({"model": "no such model"}, r"There is no model 'no such model'"),
    "not here": ({"model": "nobody/nothing"}, "nobody/nothing is not complete on this disk"),
    "no folder": ({"model": "/nowhere/at/all"}, "There is no model folder"),
    "too short": ({"length": 100}, r"The text has \d+ tokens and 100 are wanted"),
    "too long": ({"text": "heron " * 200, "length": 200}, "has positions for 128 target tokens"),
    "empty": ({"text": ""}, "The text is empty"),
}


def test_jobs_that_cannot_be_done_fail_with_a_sentence_and_others_go_on(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    bad = {name: client.submit(quick(**fields)) for name, (fields, _) in FAILURES.items()}
    good = client.submit(quick())
    shift.finish(*bad.values(), good)
    for name, job_id in bad.items():
        job = client.get(job_id)
        assert job.state == "failed" and job.finished is not None, name
        assert job.error is not None and "\n" not in job.error
        assert re.search(FAILURES[name][1], job.error), job.error
    assert (client.get(good).state, client.get(good).error) == ("done", None)


def test_what_nobody_expected_fails_one_job_with_a_plain_sentence(
    shift: "Shift",
    quick: "MakeSpec",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = runners.run

    def run(job: Any) -> Iterator[None]:
        yield from plain(job) if job.spec.seed else iter([None, {}["nowhere"]])

    monkeypatch.setattr(runners, "run", run)
    bad, good = client.submit(quick(seed=0)), client.submit(quick())
    with caplog.at_level(logging.ERROR, "explorer.worker"):
        failed, done = shift.finish(bad, good)
    assert failed.state == "failed"
    assert failed.error == (
        "Something unexpected happened (KeyError: 'nowhere'). "
        "The details are in logs/worker.log in the cache folder."
    )
    assert bad in caplog.text and "Traceback" in caplog.text
    assert done.state == "done"


@pytest.mark.parametrize("lost", [True, False])
def test_a_gpu_that_answers_nothing_any_more_costs_one_job_and_not_all(
    shift: "Shift", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """The others are left to the worker that takes this one's place."""
    plain = runners.run

    def run(job: Any) -> Iterator[None]:
        yield from plain(job) if job.spec.seed else iter([None, {}["illegal memory access"]])

    def synchronize(device: torch.device) -> None:
        if lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(runners, "run", run)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(shift.worker.pool, "device", torch.device("cuda"))
    bad, good = client.submit(quick(seed=0)), client.submit(quick())
    shift.finish(bad)
    assert client.get(bad).state == "failed" and shift.worker.stays is not lost
    if lost:
        shift.worker._put_down()
        assert client.get(good).state == "queued"


def test_a_gpu_that_is_lost_in_a_shared_step_costs_one_job_and_not_all(
    shift: "Shift", long: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [client.submit(long(seed=seed)) for seed in range(3)]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 3)

    def lost(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("explorer.worker.hands.take_together", lost)
    monkeypatch.setattr("explorer.training.shared_pass.take_together", lost)
    monkeypatch.setattr(torch.cuda, "synchronize", lost)
    monkeypatch.setattr(shift.worker.pool, "device", torch.device("cuda"))
    shift.until(lambda: not shift.worker.stays)
    shift.worker._put_down()
    assert sorted(client.get(job).state for job in jobs) == ["failed", "queued", "queued"]


def test_jobs_of_another_version_fail_with_a_sentence_and_others_go_on(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    foreign = [client.submit(quick()) for _ in range(2)]
    good = client.submit(quick())
    with transaction() as session:
        for job_id, spec in zip(foreign, ('{"kind": "dance"}', "not JSON"), strict=True):
            row = session.get(JobRow, job_id)
            assert row is not None
            row.spec = spec
    assert [job.id for job in client.jobs()] == [good]  # the lists leave out what nobody can read
    (done,) = shift.finish(good)
    assert done.state == "done"
    with transaction() as session:
        for job_id in foreign:
            row = session.get(JobRow, job_id)
            assert row is not None and row.state == "failed" and row.finished is not None
            assert row.error and row.error.endswith(".") and "\n" not in row.error


def test_a_compute_lock_that_is_a_folder_is_said_and_harms_nothing(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    lock = Path(client.compute_lock("cpu").lock_file)
    lock.unlink(missing_ok=True)
    lock.mkdir()
    job_id = client.submit(quick())
    assert shift.turns(2) == [False] * 2
    assert "cannot be used" in client.get(job_id).sentence
    lock.rmdir()
    assert shift.finish(job_id)[0].state == "done"


def test_an_unknown_device_is_said() -> None:
    with pytest.raises(BadInputError, match="There is no device “toaster”"):
        loop.Worker("toaster", None)
