import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.base.errors import BadInputError
from explorer.specs import arrangements
from explorer.specs.arrangements import ArrangementKey, holds_m, input_length, read_from, stands

KEYS = st.sampled_from(arrangements.KEYS)
LENGTHS = st.integers(1, 300)


@pytest.mark.parametrize(
    ("key", "inputs"),
    [
        ("e", ["e", "ee", "eee", "eeee", "eeeee"]),
        ("halves", ["e", "em", "eem", "eemm", "eeemm"]),
        ("alternating", ["e", "em", "eme", "emem", "ememe"]),
        ("e+mN", ["em", "emm", "emmm", "emmmm", "emmmmm"]),
        ("e+mN-1", ["e", "em", "emm", "emmm", "emmmm"]),
        ("sink+e+mN", ["sem", "semm", "semmm", "semmmm", "semmmmm"]),
        ("sink+mixed", ["se", "sem", "seme", "semee", "semeem"]),
    ],
)
def test_the_input_sequences_of_the_papers_first_table_and_of_ours(
    key: ArrangementKey, inputs: list[str]
) -> None:
    assert ["".join(stands(key, length)) for length in range(1, 6)] == inputs


@given(key=KEYS, length=LENGTHS)
def test_every_target_token_has_one_input_whose_output_is_read(
    key: ArrangementKey, length: int
) -> None:
    at_m = holds_m(key, length)
    assert at_m.dtype == np.bool_
    assert len(at_m) == input_length(key, length) == read_from(key) + length


@given(key=KEYS, length=LENGTHS)
def test_m_comes_after_e_and_holds_what_neither_e_nor_the_sink_does(
    key: ArrangementKey, length: int
) -> None:
    at, found = stands(key, length), arrangements.ARRANGEMENTS[key]
    assert at[at != "s"][0] == "e" and found.has_sink == ("s" in at)
    assert holds_m(key, length).tolist() == (at == "m").tolist()
    assert "".join(at[: read_from(key)]) == found.opening


@given(length=LENGTHS)
def test_halves_differ_by_one_token_at_most(length: int) -> None:
    at_m = holds_m("halves", length)
    assert (~at_m).sum() - at_m.sum() == length % 2
    assert np.all(np.diff(at_m.astype(int)) >= 0)


@given(length=LENGTHS)
def test_alternating_vectors_have_no_equal_neighbours(length: int) -> None:
    at_m = holds_m("alternating", length)
    assert np.all(at_m[1:] != at_m[:-1])


def test_mixed_vectors_follow_rudin_and_shapiro_who_correlate_at_no_distance() -> None:
    begins = arrangements.rudin_shapiro(np.arange(16)).astype(int)
    assert begins.tolist() == [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1]  # OEIS A020987
    sign = np.where(holds_m("sink+mixed", 1025)[1:], -1, 1)
    alike = [float(np.mean(sign[k:] * sign[:-k])) for k in range(1, 40)]
    assert np.abs(alike).max() < 0.1  # [e, m]×N/2 has 1 at every even distance


def test_what_is_not_read_stands_first_and_each_other_output_is() -> None:
    assert {key: read_from(key) for key in arrangements.KEYS} == {
        "e": 0,
        "halves": 0,
        "alternating": 0,
        "e+mN": 1,
        "e+mN-1": 0,
        "sink+e+mN": 2,
        "sink+mixed": 1,
    }


@pytest.mark.parametrize("key", arrangements.KEYS)
@pytest.mark.parametrize("length", [0, -1])
def test_an_empty_target_is_refused(key: ArrangementKey, length: int) -> None:
    with pytest.raises(BadInputError, match="at least one token"):
        holds_m(key, length)
    with pytest.raises(BadInputError, match="at least one token"):
        input_length(key, length)


def test_descriptions_carry_the_checklists_ids_in_order() -> None:
    found = [arrangements.ARRANGEMENTS[key] for key in arrangements.KEYS]
    assert [a.key for a in found] == [*arrangements.PAPER_KEYS, "sink+e+mN", "sink+mixed"]
    assert arrangements.PAPER_KEYS == ("e", "halves", "alternating", "e+mN", "e+mN-1")
    assert [a.checklist_id for a in found] == ["A1", "A2", "A3", "A4", "A5", "Sink", "Mixed"]
    assert arrangements.ARRANGEMENTS[arrangements.PAPER_DEFAULT].checklist_id == "A5"
