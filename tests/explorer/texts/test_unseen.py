import pytest

from explorer.base.errors import BadInputError
from explorer.specs.texts import UnseenSpec
from explorer.texts import unseen
from explorer.texts.drawing import draw
from explorer.texts.passages import Passage


def _shipped() -> list[Passage]:
    """Return the passages in the order in which they ship."""
    return [draw(UnseenSpec(seed=None, index=index)) for index in range(len(unseen._shipped()))]


def test_unseen_passages_ship_in_many_registers() -> None:
    shipped = _shipped()
    assert len(shipped) >= 12
    assert len({passage.text for passage in shipped}) == len(shipped)
    assert all(passage.source == "unseen" and passage.title for passage in shipped)
    assert all(len(passage.text.split()) >= 250 for passage in shipped)
    assert [draw(passage.spec) for passage in shipped] == shipped


def test_a_seed_reorders_the__shipped() -> None:
    count = len(_shipped())
    drawn = [draw(UnseenSpec(seed=1, index=index)) for index in range(count)]
    shipped = _shipped()
    assert [p.text for p in drawn] != [p.text for p in shipped]
    assert {p.text for p in drawn} == {p.text for p in shipped}
    with pytest.raises(BadInputError, match=f"There are {count} unseen passages"):
        draw(UnseenSpec(seed=1, index=count))
