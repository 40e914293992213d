"""The class page's tiles: whose, how far, what the model says, and what the host takes off."""

import time

import pytest

from explorer.base.errors import BadInputError
from explorer.jobs import client
from explorer.people import owners, wall
from explorer.people.person import recognised, rename
from explorer.people.wall import Wall, strip_of
from explorer.solutions import store
from explorer.solutions.recording import Recording, RecordingHeader
from explorer.specs.jobs import DownloadSpec
from tests.explorer.jobs.frames import HEADER, begin, change, frame, log_of, say

ADA = recognised("ada")
HOST = recognised("host", is_host=True)
WRONG, RIGHT = [[1, 6, 1], [1, 1, 1]], [[5, 6, 7], [1, 1, 1]]


@pytest.fixture
def look() -> Wall:
    return Wall(lambda _: say)


def test_a_text_is_there_before_its_first_frame_and_fills_in(look: Wall) -> None:
    rename(ADA, "Ada")
    job = begin()
    owners.note(ADA, job)
    client.submit(DownloadSpec(model="smollm2-135m"))  # is no text
    (tile,) = look().values()
    assert tile["who"] == "Ada" and tile["by"] == ADA.id and tile["text"] == "a b c"
    assert not tile["over"] and "words" not in tile
    log = log_of(job)
    log.publish(frame(3, WRONG))
    change(job, state="running")
    tile = look()[job]
    assert tile["words"] == [["<5>", "<1>", False], ["<6>", "<6>", True], ["<7>", "<1>", False]]
    assert (tile["right"], tile["total"], tile["exact"], tile["steps"]) == (1, 3, False, 3)
    log.publish(frame(4, RIGHT))
    assert look()[job]["right"] == 3
    assert not look()[job]["exact"], "right in the search is not yet exact"


def test_the_last_frame_counts_also_if_nobody_has_looked_in_between(look: Wall) -> None:
    job = begin()
    log_of(job).publish(frame(3, WRONG))
    assert not look()[job]["exact"]
    last = frame(5, RIGHT)
    last["phase"] = wall.DONE
    folder = store.run_folder(job)
    folder.mkdir(parents=True)
    Recording(HEADER, last).save(folder / store.RECORDING)
    for name in ("frames.log", "live"):
        (client.folder_of(job) / name).unlink()
    change(job, state="done", finished=time.time())
    for _ in range(2):
        tile = look()[job]
        assert tile["exact"] and tile["over"] and tile["steps"] == 5
    assert Wall(lambda _: say)()[job]["exact"], "also for a server that has just started"


def test_what_came_to_nothing_is_not_there(look: Wall) -> None:
    job = begin()
    client.ask(job, "stop")
    assert look() == {}


def test_tokens_that_show_as_one_are_one_word() -> None:
    header = RecordingHeader(
        model="m",
        target_ids=[5, 6, 7],
        seeds=[3],
        d_model=2,
        arrangement="e+mN",
        groups=[(0, 2, "é"), (2, 3, "")],
        pieces={7: " x", 1: "?"},
    )
    strip = strip_of(Recording(header, frame(1, [[5, 1, 7]], header)), say)
    assert strip["words"] == [["é", "<5>?", False], [" x", " x", True]]
    strip = strip_of(Recording(header, frame(1, [[5, 6, 7]], header)), say)
    assert strip["words"][0] == ["é", "é", True] and strip["right"] == 3


def test_the_host_takes_texts_off_and_puts_them_back(look: Wall) -> None:
    job, other = begin(), begin()
    owners.note(ADA, job)
    with pytest.raises(BadInputError, match="host"):
        wall.hide(ADA, [job])
    with pytest.raises(BadInputError, match="not there"):
        wall.hide(HOST, ["nowhere"])
    wall.hide(HOST, [job])
    assert set(look()) == {other} and wall.hidden() == {job: "a b c"}
    assert owners.owners()[job] == ADA.id
    wall.hide(HOST, [job], hidden=False)
    assert set(look()) == {job, other}
    wall.clear(HOST)
    assert look() == {} and set(wall.hidden()) == {job, other}
    owners.note(ADA, other)
    assert owners.owners()[other] == ADA.id and other not in look()


def test_the_newest_texts_are_shown(look: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wall, "MOST_TILES", 2)
    jobs = [begin() for _ in range(3)]
    for age, job in enumerate(jobs):
        change(job, created=100.0 + age)
    assert set(look()) == set(jobs[1:])
    wall.clear(HOST)
    assert look() == {}, "none that was too old comes in their place"
