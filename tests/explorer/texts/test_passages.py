from hypothesis import given
from hypothesis import strategies as st

from explorer.texts import passages


@given(st.integers(1, 200), st.integers(0, 2**63 - 1))
def test_an_order_holds_everything_once(count: int, seed: int) -> None:
    assert sorted(passages.shuffled(count, seed)) == list(range(count))


def test_an_order_never_changes() -> None:
    """Recorded draws must come out the same under every version of Python."""
    assert passages.shuffled(8, 0) == (3, 7, 5, 2, 4, 1, 6, 0)


prose = st.text(st.sampled_from("ab \n"), max_size=60)


@given(prose, st.integers(1, 60), st.integers(1, 60))
def test_a_longer_excerpt_begins_with_the_shorter_one(text: str, one: int, other: int) -> None:
    text = text.strip()
    shorter, longer = (passages.excerpt(text, 0, size) for size in sorted((one, other)))
    assert longer.startswith(shorter)
    assert len(longer) <= max(one, other)
    if len(longer.split()) > 1 and max(map(len, text.split())) <= passages.LONGEST_WORD:
        assert set(longer.split()) <= set(text.split())


def test_an_excerpt_of_a_script_without_spaces_is_not_cut_short() -> None:
    text = "題\n" + "海" * 5_000
    assert passages.excerpt(text, 0, 4_000) == text[:4_000]
