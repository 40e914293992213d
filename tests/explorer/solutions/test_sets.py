from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from explorer.base import folders
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.estimates.set_time import estimate
from explorer.runtime.step_times import StepTime
from explorer.solutions import sets, store
from explorer.specs.jobs import SolveSetSpec
from explorer.specs.recipes import FAST

MakeSet = Callable[..., str]


def _spec(**fields: object) -> SolveSetSpec:
    asked = {"model": "tiny", "length": 16, "regime": "free", "arrangement": "e+mN", "recipe": FAST}
    return SolveSetSpec.model_validate(asked | fields)


def test_the_usual_set_has_104_solutions() -> None:
    assert _spec().rows == 8 * (5 + 8) == 104


def test_m_from_goes_with_a_shared_m() -> None:
    with pytest.raises(ValidationError, match="goes with the shared regime"):
        _spec(m_from=3)


def test_a_set_is_found_by_its_id_the_beginning_of_it_or_its_folder(make_set: MakeSet) -> None:
    name, other = make_set(), make_set(seed=1)
    folder = sets.folder_of(name)
    assert sets.find(name) == sets.find(name[:8]) == sets.find(str(folder)) == folder
    assert sets.set_folders()[0] in (folder, sets.folder_of(other))
    assert len(sets.set_folders()) >= 2


@pytest.mark.parametrize("name", ["", "nope", "../..", "\0", " "])
def test_an_unknown_set_is_a_sentence(name: str, make_set: MakeSet) -> None:
    make_set()
    with pytest.raises(BadInputError, match=r"no solution set|as a path"):
        sets.find(name)


def test_reading_gives_exact_solutions_in_order(make_set: MakeSet) -> None:
    found = sets.read(sets.find(make_set(inexact=2)))
    assert len(found.solutions) == 13
    assert [m.slot for m in found.members] == sorted(m.slot for m in found.members)
    assert all(s.record.exact for s in found.solutions)
    assert len(sets.read(found.folder, inexact=True).solutions) == 15
    assert found.record.unsolved == [(0, 0, 0), (0, 1, 0)]


def test_files_that_disagree_are_a_sentence(make_set: MakeSet) -> None:
    folder = sets.find(make_set())
    first, second = (folder / m.file for m in sets.load(folder).members[:2])
    second.write_bytes(first.read_bytes())
    with pytest.raises(CorruptFileError, match="is not the solution"):
        sets.read(folder)
    (folder / sets.SET_FILE).write_text("{")
    with pytest.raises(CorruptFileError, match="damaged"):
        sets.load(folder)


def test_a_set_that_has_lost_files_is_read_with_what_is_left(make_set: MakeSet) -> None:
    name = make_set()
    folder = sets.find(name)
    whole = sets.load(folder)
    assert whole.problem is None and whole.missing == ()
    gone, also = whole.members[4], whole.members[9]
    (folder / gone.file).unlink()
    found = sets.read(folder)
    assert len(found.solutions) == len(found.members) == 14
    assert found.record.missing == (gone.file,) and gone.slot in found.record.unsolved
    assert found.record.problem is not None and gone.file in found.record.problem
    assert "1 solution file of this set is gone" in found.record.problem
    (folder / also.file).unlink()
    said = sets.load(folder).problem or ""
    assert "2 solution files of this set are gone" in said and "start the set again" in said
    sets.save(found.record)
    assert "missing" not in (folder / sets.SET_FILE).read_text()  # old versions read it too


def test_solutions_of_sets_are_in_the_store(make_set: MakeSet) -> None:
    """Paths and the library find them by id."""
    found = sets.read(sets.find(make_set()))
    for solution in found.solutions:
        assert store.find(solution.record.id).parent == found.folder
    assert not any(entry.problem for entry in store.entries())


def test_sets_that_ship_are_found(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = make_set()
    shipped = tmp_path / "recorded"
    (shipped / "sets").mkdir(parents=True)
    sets.folder_of(name).rename(shipped / "sets" / name)
    monkeypatch.setattr(folders, "recorded", lambda: shipped)
    assert sets.find(name[:6]) == shipped / "sets" / name


def test_an_estimate_grows_with_the_work() -> None:
    small, large = estimate(_spec(contexts=2), 10**8), estimate(_spec(contexts=20), 10**8)
    assert 0 < small.low < small.high < large.high
    assert estimate(_spec(), 10**9).low > estimate(_spec(), 10**8).low
    fields: dict[str, object] = {"regime": "shared", "model": "smollm2-135m"}
    joint, part = _spec(**fields), _spec(**fields, m_from=4)
    assert estimate(part, 10**8).high < estimate(joint, 10**8).high
    slow, slower = (
        StepTime(model="tiny", precision="auto", token_seconds=k / 1000, pass_seconds=k / 20)
        for k in (1, 2)
    )
    timed = estimate(_spec(), None, slow)
    assert timed.measured and "timed on this machine" in timed.sentence
    assert estimate(_spec(), None, slower).low == pytest.approx(2 * timed.low)


def test_a_set_that_ships_is_still_what_its_spec_makes() -> None:
    shipped = sorted((folders.recorded() / "sets").iterdir())
    assert shipped
    for record in map(sets.load, shipped):
        assert sets.set_id(record.spec, record.fingerprint) == record.id
