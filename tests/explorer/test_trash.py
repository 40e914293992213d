from collections.abc import Callable
from pathlib import Path

import pytest

from explorer import folders, labels, library, store, trash
from explorer.errors import BadInputError
from explorer.jobs import client
from explorer.jobs.specs import BringSpec
from explorer.sets import records
from explorer.solutions import Solution, save_solution

Kept = Callable[..., Solution]


def _files(folder: Path) -> dict[str, bytes]:
    """Return what lies in the cache, but for the catalogue and the trash."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "explorer." not in file.name and "trash" not in file.parts
    }


def _over(count: int = 1) -> list[str]:
    ids = [client.submit(BringSpec(model="some/model")) for _ in range(count)]
    for job_id in ids:
        client.ask(job_id, "stop")
        (folders.make(client.folder_of(job_id)) / "frames.log").write_bytes(b"frames")
    return ids


def test_deleting_and_undoing_leaves_everything_as_it_was(kept: Kept, own_cache: Path) -> None:
    solutions = [kept(n, run="r" if n < 3 else None) for n in range(5)]
    item = library.find("solution", solutions[1].record.id)
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
    before = _files(own_cache)
    deletion = trash.throw(library.items("run"))
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
    (folders.make(own_cache / "sets" / "s") / library.SET).write_text("{}")
    checkpoint = folders.make(records.work_of("s")) / "crews.safetensors"
    checkpoint.write_bytes(b"half")
    deletion = trash.throw(library.items("set"))
    assert library.items("set") == [] and not checkpoint.exists()
    trash.undo(deletion.id)
    assert checkpoint.read_bytes() == b"half"
    assert [item.id for item in library.items("set")] == ["s"]


def test_what_is_under_way_or_ships_is_not_deleted(
    kept: Kept, shipped: Path, make_solution: Kept, own_cache: Path
) -> None:
    job = client.submit(BringSpec(model="some/model"))
    kept(1, run=job)
    save_solution(make_solution(), shipped / "x.safetensors")
    before = _files(own_cache)
    own, ships = library.items("solution")
    for items, sentence in (
        ([own], "is not over"), (library.items("job"), "is not over"), ([ships], "ships"),
        ([], "Select"), ([own, *library.items("job")], "Select"),
    ):  # fmt: skip
        with pytest.raises(BadInputError, match=sentence):
            trash.throw(items)
    assert _files(own_cache) == before and trash.deletions() == []


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
