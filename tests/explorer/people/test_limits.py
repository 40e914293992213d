from typing import Any

import pytest

from explorer.base.errors import BadInputError
from explorer.experiments.catalogue import experiment
from explorer.jobs import client
from explorer.people import limits, owners
from explorer.people.limits import Limits
from explorer.people.person import ALONE, recognised
from explorer.specs.jobs import (
    DownloadSpec,
    ExperimentSpec,
    GenerateSpec,
    JobSpec,
    ReconstructSpec,
    SolveSetSpec,
)
from explorer.specs.recipes import FAST

ADA, BEN = recognised("ada"), recognised("ben")
HOST = recognised("host", is_host=True)


def text(restarts: int = 2, **fields: Any) -> ReconstructSpec:
    return ReconstructSpec(
        model="tiny", text="The heron", length=2, recipe=FAST, restarts=restarts, **fields
    )


def set_limits(**fields: Any) -> None:
    limits.keep(Limits(**fields), HOST)


def test_a_job_is_whose_it_was_asked_by() -> None:
    job, alone = limits.submit(text(), ADA), limits.submit(text(), ALONE)
    assert owners.owners([job, alone]) == {job: ADA.id}


def test_one_person_has_so_many_jobs_under_way_and_others_do_not_count() -> None:
    set_limits(jobs=2)
    mine = [limits.submit(text(), ADA) for _ in range(2)]
    limits.submit(text(), BEN)
    with pytest.raises(BadInputError, match=r"You have 2 jobs under way.*stop one\.$"):
        limits.submit(text(), ADA)
    client.ask(mine[0], "pause")
    limits.submit(text(), ADA)
    client.ask(mine[1], "stop")
    limits.submit(text(), ADA)
    for _ in range(5):
        limits.submit(text(), HOST)
        limits.submit(text(), ALONE)


def test_one_person_has_so_many_rows() -> None:
    set_limits(rows=5)
    with pytest.raises(BadInputError, match=r"^This takes 6 rows.*5 is the most.*texts\.$"):
        limits.submit(text(6), ADA)
    limits.submit(text(3), ADA)
    with pytest.raises(BadInputError, match=r"Your jobs under way have 3\..*or wait"):
        limits.submit(text(3), ADA)
    limits.submit(text(2), ADA)
    limits.submit(GenerateSpec(model="tiny", context="a", length=3), ADA)  # trains nothing


def test_the_queue_is_so_long_for_all_but_the_host() -> None:
    set_limits(queue=2)
    limits.submit(text(), ADA)
    limits.submit(text(), BEN)
    with pytest.raises(BadInputError, match="The queue is full: 2 jobs"):
        limits.submit(text(), recognised("cleo"))
    limits.submit(text(), HOST)


def test_models_are_downloaded_by_the_host_unless_all_may() -> None:
    for name in ("pythia-160m", "somebody/a-model"):
        with pytest.raises(BadInputError, match="Only the host"):
            limits.submit(DownloadSpec(model=name), ADA)
    limits.submit(DownloadSpec(model="smollm2-135m"), ADA)  # the embedded one, from a package
    limits.submit(DownloadSpec(model="pythia-160m"), HOST)
    set_limits(downloads="everyone")
    limits.submit(DownloadSpec(model="pythia-160m"), ADA)


@pytest.mark.parametrize("fields", [{"source": "pg19"}, {"sources": ("seen", "pg19")}])
def test_books_are_fetched_by_the_host_unless_all_may(fields: dict[str, Any]) -> None:
    name = "capacity" if "sources" in fields else "sharing"
    settings = experiment(name).make({"model": "tiny", **fields})
    asked: list[JobSpec] = [ExperimentSpec(settings=settings, preset="mine")]
    if "source" in fields:
        asked.append(SolveSetSpec(model="tiny", regime="free", recipe=FAST, length=3, **fields))
    for spec in asked:
        with pytest.raises(BadInputError, match=r"Only the host .* books"):
            limits.require_room(spec, ADA)
        limits.require_room(spec, HOST)
    limits.require_room(text(source="pg19"), ADA)  # whose text is in it
    set_limits(downloads="everyone", rows=1000)
    for spec in asked:
        limits.require_room(spec, ADA)


def test_only_the_host_sets_limits_and_damaged_ones_are_the_usual() -> None:
    with pytest.raises(BadInputError, match="Only the host"):
        limits.keep(Limits(jobs=99), ADA)
    assert limits.load() == Limits()
    set_limits(jobs=7)
    assert limits.load().jobs == 7
    limits.keep(Limits(), HOST).write_text("{")
    assert limits.load() == Limits()
