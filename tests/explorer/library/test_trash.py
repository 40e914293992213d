import json
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.base import folders
from explorer.base.database import JobRow, OwnerRow, transaction
from explorer.base.errors import BadInputError
from explorer.experiments import runs
from explorer.experiments.catalogue import experiment
from explorer.jobs import client
from explorer.library import in_use, labels, trash
from explorer.library import items as library
from explorer.paths import places
from explorer.solutions import sets, store
from explorer.solutions.solution import Solution, save_solution
from explorer.specs.jobs import (
    DistancesSpec,
    DownloadSpec,
    ExperimentSpec,
    LandscapeSpec,
    MapSpec,
    PathsSpec,
    RadiusSpec,
)

Kept = Callable[..., Solution]


def _files(folder: Path) -> dict[str, bytes]:
    """Return what lies in the cache, but for the catalogue and the trash."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "explorer." not in file.name and "trash" not in file.parts
    }


def _over(count: int = 1) -> list[str]:
    ids = [client.submit(DownloadSpec(model="some/model")) for _ in range(count)]
    for job_id in ids:
        client.ask(job_id, "stop")
        (folders.make(client.folder_of(job_id)) / "frames.log").write_bytes(b"frames")
    return ids


def test_deleting_and_undoing_leaves_everything_as_it_was(kept: Kept, own_cache: Path) -> None:
    solutions = [kept(n, run="r" if n < 3 else None) for n in range(5)]
    (item,) = (i for i in library.items("solution") if i.id == solutions[1].record.id)
    library.relabel(item, name="mine", note="", tags=["t"])
    before, listed = _files(own_cache), library.items("solution")
    deletion = trash.throw([i for i in listed if i.record and i.record.seed in (1, 4)])
    assert [i.record.seed for i in library.items("solution") if i.record] == [3, 2, 0]
    with pytest.raises(BadInputError):
        store.find(solutions[1].record.id)
    assert trash.deletions() == [deletion] and trash.size() > 0
    trash.undo(deletion.id)
    assert _files(own_cache) == before and library.items("solution") == listed
    assert trash.deletions() == [] and trash.size() == 0
    assert store.find(solutions[1].record.id) == item.path


def test_a_run_goes_with_all_its_files(
    kept: Kept, record_run: Callable[..., Path], own_cache: Path
) -> None:
    kept(1, run="r")
    record_run(store.run_folder("r"))
    checkpoint = folders.make(client.folder_of("r")) / "checkpoint.safetensors"
    checkpoint.write_bytes(b"half")
    before = _files(own_cache)
    deletion = trash.throw(library.items("run"))
    assert not checkpoint.exists()
    assert library.items("run") == library.items("solution") == []
    assert not store.run_folder("r").exists()
    trash.undo(deletion.id)
    assert _files(own_cache) == before and len(library.items("solution")) == 1


def test_jobs_come_back_with_their_rows_and_frames(own_cache: Path) -> None:
    jobs = _over(2)
    before, listed = _files(own_cache), library.items("job")
    deletion = trash.throw(listed)
    assert library.items("job") == [] and not any(client.folder_of(j).exists() for j in jobs)
    with pytest.raises(BadInputError):
        client.get(jobs[0])
    trash.undo(deletion.id)
    assert library.items("job") == listed and _files(own_cache) == before


def test_jobs_come_back_from_a_version_with_other_columns(own_cache: Path) -> None:
    (job,) = _over()
    deletion = trash.throw(library.items("job"))
    (row,) = deletion.rows
    later = {name: row[name] for name in row if name != "notices"} | {"later": "unknown here"}
    manifest = deletion.model_copy(update={"rows": [later]})
    (deletion.folder / trash.MANIFEST).write_text(manifest.model_dump_json())
    trash.undo(deletion.id)
    assert (client.get(job).state, client.get(job).notices) == ("stopped", [])


def test_sets_go_and_come_back(own_cache: Path) -> None:
    (folders.make(own_cache / "sets" / "s") / sets.SET_FILE).write_text("{}")
    checkpoint = folders.make(sets.work_of("s")) / "crews.safetensors"
    checkpoint.write_bytes(b"half")
    deletion = trash.throw(library.items("set"))
    assert library.items("set") == [] and not checkpoint.exists()
    trash.undo(deletion.id)
    assert checkpoint.read_bytes() == b"half"
    assert [item.id for item in library.items("set")] == ["s"]


def test_what_is_under_way_or_ships_is_not_deleted(
    kept: Kept, shipped: Path, make_solution: Kept, own_cache: Path
) -> None:
    job = client.submit(DownloadSpec(model="some/model"))
    kept(1, run=job)
    save_solution(make_solution(), shipped / "x.safetensors")
    before = _files(own_cache)
    own, ships = library.items("solution")
    for items, sentence in (
        ([own], "is not over"),
        (library.items("job"), "is not over"),
        ([ships], "ships"),
        ([], "Select"),
        ([own, *library.items("job")], "Select"),
    ):
        with pytest.raises(BadInputError, match=sentence):
            trash.throw(items)
    assert _files(own_cache) == before and trash.deletions() == []


def test_a_solution_of_a_set_goes_only_with_its_set(
    make_set: Callable[..., str], kept: Kept, own_cache: Path
) -> None:
    name = make_set()
    (item,) = library.items("set")
    library.relabel(item, name="Herons", note="", tags=[])
    kept(7)
    before = _files(own_cache)
    member = next(
        item for item in library.items("solution") if item.path and "sets" in item.path.parts
    )
    with pytest.raises(BadInputError, match=r"belongs to the set “Herons”.*Delete the whole set"):
        trash.throw([member])
    with pytest.raises(BadInputError, match="belongs to the set"):
        trash.throw(library.items("solution"))  # also among others
    assert _files(own_cache) == before and trash.deletions() == []
    deletion = trash.throw(library.items("set"))
    assert len(library.items("solution")) == 1
    trash.undo(deletion.id)
    assert _files(own_cache) == before and len(sets.read(sets.find(name)).solutions) == 15


def test_a_file_in_a_sets_folder_that_is_not_its_member_can_go(
    make_set: Callable[..., str],
) -> None:
    folder = sets.find(make_set())
    (folder / "stray.safetensors").write_bytes(b"broken")
    (stray,) = [item for item in library.items("solution") if item.problem]
    trash.throw([stray])
    assert len(sets.read(folder).solutions) == 15


def test_a_set_is_not_deleted_while_a_job_makes_or_needs_it(
    make_set: Callable[..., str], own_cache: Path
) -> None:
    name, other = make_set(), make_set(seed=1)
    record = sets.load(sets.find(name))
    items = {item.id: item for item in library.items("set")}
    files = _files(own_cache)
    for spec, result, said in (
        (record.spec, {"set": name}, "makes this. Stop it on the page Sets"),
        (record.spec, {}, "makes this. Stop it on the page Sets"),  # it has not begun yet
        (MapSpec(sets=(name, other)), {}, "needs this. Stop it on the page Maps"),
        (DistancesSpec(set=name), {}, "needs this. Stop it on the page Distances"),
        (
            PathsSpec(pairs=((record.exact[0].solution, record.exact[1].solution),)),
            {},
            "needs this. Stop it on the page Paths",
        ),
        (RadiusSpec(solution=record.exact[0].solution), {}, "needs this"),
    ):
        job = client.submit(spec)
        with transaction() as session:
            row = session.get(JobRow, job)
            assert row is not None
            row.state, row.requested, row.result = "paused", "pause", json.dumps(result)
            session.merge(OwnerRow(id=job, person="ben1"))
        with pytest.raises(BadInputError, match=f"The job {job} is not over and {said}") as told:
            trash.throw([items[name]])
        assert str(told.value).endswith("Only Guest ben1 and the host can stop it.")
        assert _files(own_cache) == files
        with transaction() as session:
            row = session.get(JobRow, job)
            assert row is not None
            row.state = "stopped"
        deletion = trash.throw([items[name]])
        trash.undo(deletion.id)
        assert _files(own_cache) == files


def test_everything_that_a_job_makes_stays_while_it_is_open(own_cache: Path) -> None:
    """Runs, paths, landscapes and experiments: by their places, whatever lists them."""
    settings = experiment("throughput").make({"model": "some/model"})
    header = runs.Header(
        id=runs.run_id(settings, "f"),
        settings=settings,
        fingerprint="f",
        d_model=4,
        rotary=True,
        device="CPU",
        created="2026-01-02T03:04:05+00:00",
    )
    folder = runs.save_header(header)
    job = client.submit(ExperimentSpec(settings=settings))
    landscape = client.submit(LandscapeSpec(paths="anything"))
    for path, page in (
        (folder, "Throughput"),
        (folder / runs.CELLS_FILE, "Throughput"),
        (store.run_folder(job) / "x.safetensors", "Throughput"),
        (places.folder_of(landscape), "Landscape"),
        (places.folder_of(landscape) / "landscape.safetensors", "Landscape"),
    ):
        with pytest.raises(BadInputError, match=f"makes this. Stop it on the page {page}"):
            in_use.require_free([path])
    in_use.require_free([own_cache / "solutions" / "another", runs.folder_of("0" * 12)])
    for each in (job, landscape):
        client.ask(each, "stop")
    in_use.require_free([folder, places.folder_of(landscape)])


def test_emptying_forgets_files_and_labels(kept: Kept) -> None:
    for number in (1, 2):
        kept(number)
        (item, *_) = library.items("solution")
        library.relabel(item, name=f"name {number}", note="", tags=[])
    gone, stays = library.items("solution")
    deletion = trash.throw([gone])
    assert set(labels.labels("solution")) == {gone.id, stays.id}  # they wait with it
    trash.empty()
    assert set(labels.labels("solution")) == {stays.id}
    assert trash.deletions() == [] and trash.size() == 0
    with pytest.raises(BadInputError, match="not in the trash any more"):
        trash.undo(deletion.id)


def test_emptying_leaves_the_label_of_what_was_made_again(kept: Kept) -> None:
    kept(1)
    kept(2)
    for item in library.items("solution"):
        library.relabel(item, name=f"old {item.id}", note="", tags=[])
    trash.throw(library.items("solution"))
    kept(1, run="elsewhere")
    (item,) = library.items("solution")
    library.relabel(item, name="for the thesis", note="", tags=[])
    trash.empty()
    assert {n: label.name for n, label in labels.labels("solution").items()} == {
        item.id: "for the thesis"
    }


def test_a_place_that_is_taken_again_is_said(kept: Kept) -> None:
    kept(1)
    deletion = trash.throw(library.items("solution"))
    kept(1, title="made again")
    with pytest.raises(BadInputError, match="is in the library again"):
        trash.undo(deletion.id)
    assert [item.record.title for item in library.items("solution") if item.record] == [
        "made again"
    ]
    assert trash.deletions() == [deletion]


def test_a_deletion_cut_short_can_be_undone(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        kept(number)
    listed, moved = library.items("solution"), []
    plain = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.suffix == ".safetensors":
            moved.append(self)
            if len(moved) == 3:
                raise KeyboardInterrupt
        return plain(self, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", rename)
        trash.throw(listed)
    assert len(library.items("solution")) == 2
    (deletion,) = trash.deletions()
    trash.undo(deletion.id)
    assert library.items("solution") == listed


@pytest.mark.parametrize("place", ["../../outside", "/etc/passwd"])
def test_a_manifest_that_names_places_elsewhere_is_not_followed(
    kept: Kept, own_cache: Path, place: str
) -> None:
    kept(1)
    deletion = trash.throw(library.items("solution"))
    evil = deletion.model_copy(update={"places": [place]})
    (deletion.folder / trash.MANIFEST).write_text(evil.model_dump_json())
    assert trash.deletions() == []
