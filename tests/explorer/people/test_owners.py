from collections.abc import Callable

import pytest

from explorer.base.errors import BadInputError
from explorer.experiments import runs
from explorer.jobs import client
from explorer.jobs.ownership import Owner
from explorer.library import labels
from explorer.people import owners
from explorer.people.person import ALONE, Person, names, own_name, recognised, rename
from explorer.solutions import sets
from explorer.specs.experiments import ThroughputSettings
from tests.explorer.jobs.frames import begin

MakeSet = Callable[..., str]

ADA, BEN = recognised("ada's cookie"), recognised("ben's cookie")
HOST = recognised("the host's cookie", is_host=True)


def test_an_id_does_not_give_the_secret_away_and_is_the_same_every_time() -> None:
    assert recognised("ada's cookie") == ADA
    assert ADA.id != BEN.id and ADA.id is not None and len(ADA.id) == 16 and "ada" not in ADA.id
    assert recognised("ada's cookie", is_host=True).id == ADA.id


def test_a_name_is_kept_shown_and_taken_away() -> None:
    assert ADA.id and BEN.id
    assert rename(ADA, "  Ada \n Lovelace ") == "Ada Lovelace" == own_name(ADA)
    assert names([ADA.id, BEN.id]) == {ADA.id: "Ada Lovelace", BEN.id: f"Guest {BEN.id[:4]}"}
    rename(ADA, "")
    assert own_name(ADA) == "" and names([ADA.id])[ADA.id].startswith("Guest ")
    rename(ALONE, "Nobody is told apart from")
    assert own_name(ALONE) == ""


@pytest.mark.parametrize("name", ["x" * 31, "\u200b", "\x00\u202e"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match=r"\. \w+"):
        rename(ADA, name)
    assert own_name(ADA) == ""


def test_invisible_letters_of_a_name_are_left_out() -> None:
    assert rename(ADA, "A\u202eda\u200b") == "Ada"


def test_what_is_ones_own_may_be_changed_and_others_may_not() -> None:
    rename(ADA, "Ada")
    owners.note(ADA, "job-of-ada")
    owners.note(BEN, "job-of-ada")  # the first stays
    owners.require(ADA, ["job-of-ada"])
    owners.require(HOST, ["job-of-ada", "nobody's"])
    owners.require(ALONE, ["job-of-ada", "nobody's"])
    with pytest.raises(BadInputError, match="only Ada and the host can"):
        owners.require(BEN, ["job-of-ada"])
    with pytest.raises(BadInputError, match="only the host can"):
        owners.require(ADA, ["job-of-ada", "nobody's"])
    with pytest.raises(BadInputError, match="host"):
        owners.require_host(ADA)


def test_somebody_without_an_id_owns_nothing() -> None:
    assert not owners.may(Person(None), None)
    owners.note(ALONE, "job")
    assert owners.owners() == {}


def _begun(name: str, job: str | None) -> None:
    """Put a set on the disk that a job has begun."""
    sets.save(sets.load(sets.folder_of(name)).model_copy(update={"job": job}))


def test_what_several_jobs_make_together_is_whose_job_began_it(make_set: MakeSet) -> None:
    hers, nobodys, from_a_shell = (make_set(seed=seed) for seed in range(3))
    owners.note(ADA, "job-a")
    owners.note(BEN, "job-b")
    _begun(hers, "job-a")
    _begun(nobodys, "a teacher's, alone")
    for name in (hers, nobodys, from_a_shell):
        owners.hand_on("job-b", {"set": name, "steps": 3})
        owners.hand_on("job-a", {"set": name})
    owners.hand_on("job-b", {"set": "not on the disk yet", "run": "nor this"})
    assert owners.owners() == {"job-a": ADA.id, "job-b": BEN.id, hers: ADA.id}


def test_a_run_of_an_experiment_is_whose_job_began_it() -> None:
    header = runs.Header(
        id="r1", settings=ThroughputSettings(model="tiny"), fingerprint="f", d_model=4, rotary=True,
        device="cpu", created="2026-01-02T03:04:05+00:00", job="job-a",
    )  # fmt: skip
    runs.save_header(header)
    owners.note(ADA, "job-a")
    owners.note(BEN, "job-b")
    owners.hand_on("job-b", {"run": "r1"})
    assert owners.owners(["r1"]) == {"r1": ADA.id}


def test_what_is_made_again_has_neither_owner_nor_name_of_before(make_set: MakeSet) -> None:
    owners.note(ADA, "job-a")
    owners.note(BEN, "job-b")
    _begun(name := make_set(), "job-a")
    owners.hand_on("job-a", {"set": name})
    labels.put("set", name, name="Ada's", note="", tags=[])
    owners.hand_on("job-a", {"set": name})  # it was paused, say
    owners.hand_on("job-b", {"set": name})
    assert set(labels.labels("set")) == {name}
    _begun(name, "job-b")
    owners.hand_on("job-b", {"set": name})
    assert owners.owners([name]) == {name: BEN.id} and labels.labels("set") == {}
    labels.put("set", name, name="Ben's", note="", tags=[])
    owners.hand_on("job-b", {"set": name})
    assert set(labels.labels("set")) == {name}
    _begun(name, "a teacher's, alone")
    owners.hand_on("a teacher's, alone", {"set": name})
    assert owners.owners([name]) == {}


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "paused"])
def test_a_worker_hands_on_what_a_job_has_made_when_it_puts_it_down(
    state: str, make_set: MakeSet
) -> None:
    from explorer.model.pool import ModelPool
    from explorer.worker.context import JobContext
    from explorer.worker.hands import Active, Hands

    hands, job_id = Hands(Owner("cpu")), begin()
    owners.note(ADA, job_id)
    _begun(name := make_set(), job_id)
    assert hands.owner.claim(job_id)
    job = JobContext(job_id, client.get(job_id).spec, ModelPool(), owner=hands.owner)
    job.result = {"set": name}
    hands.active[job_id] = active = Active(job, iter(()))
    hands.let_go(active, state=state)
    assert client.get(job_id).state == state and owners.owners([name]) == {name: ADA.id}
