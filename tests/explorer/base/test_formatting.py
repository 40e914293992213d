import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.base.formatting import (
    counted,
    human_bytes,
    human_count,
    human_seconds,
    plus_minus,
    speed,
)


@pytest.mark.parametrize(
    ("number", "count", "size"),
    [
        (0, "0", "0 B"),
        (999, "999", "999 B"),
        (1_000, "1k", "1 kB"),
        (2_061_715, "2.06M", "2.06 MB"),
        (92_871_040, "92.9M", "92.9 MB"),
        (134_515_008, "135M", "135 MB"),
        (999_999_999, "1B", "1 GB"),
        (1_235_814_400, "1.24B", "1.24 GB"),
        (8_030_261_248, "8.03B", "8.03 GB"),
        (5 * 10**15, "5000T", "5000 TB"),
    ],
)
def test_numbers_as_a_person_reads_them(number: int, count: str, size: str) -> None:
    assert human_count(number) == count
    assert human_bytes(number) == size


@given(number=st.integers(1, 10**14))
def test_three_digits_are_right(number: int) -> None:
    text = human_count(number)
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)

    assert "e" not in text
    assert float(text.rstrip("kMBT")) * factor == pytest.approx(number, rel=0.0051)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.213, "213 ms"),
        (7.31, "7.3 s"),
        (0.9997, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00 min"),
        (75, "1:15 min"),
        (3599.7, "1:00 h"),
        (5400, "1:30 h"),
        (47.9 * 3600, "47:54 h"),
        (48 * 3600, "2 days"),
        (13.4 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (1479.6 * 3600, "2 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (13.2, "13 times as fast"), (1234.0, "1,234 times as fast"), (1.4, "1.4 times as fast"),
        (9.96, "10 times as fast"), (1.04, "about as fast"), (1.0, "about as fast"),
        (0.96, "about as fast"), (0.9, "1.1 times as slow"), (0.5, "2.0 times as slow"),
        (0.01, "100 times as slow"),
    ],
)  # fmt: skip
def test_a_speed_is_slower_where_it_is(ratio: float, said: str) -> None:
    assert speed(ratio) == said


def test_counts_agree_with_their_nouns() -> None:
    assert [counted(n, "pair") for n in (0, 1, 2, 1095)] == [
        "0 pairs",
        "1 pair",
        "2 pairs",
        "1,095 pairs",
    ]
    assert counted(2, "attempt not exact", "attempts not exact") == "2 attempts not exact"


def test_one_value_has_no_spread() -> None:
    assert plus_minus(0.5, 0.25) == "0.50 ± 0.25"
    assert plus_minus(1.0, float("nan")) == "1.00"
