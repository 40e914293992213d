"""The published numbers are the paper's, complete, and absent where the paper prints none."""

import json

import pytest

from explorer.experiments import paper
from explorer.specs.arrangements import ARRANGEMENTS
from explorer.specs.experiments import LADDER


@pytest.mark.parametrize(
    ("key", "n", "mean", "sd"),
    [
        ("e", 2, 0.45, 0.31),
        ("halves", 4, 0.12, 0.13),
        ("alternating", 256, 0.17, 0.34),
        ("e+mN", 256, 0.97, 0.15),
        ("e+mN-1", 256, 0.99, 0.10),
    ],
)
def test_table_1_is_told_apart_by_formula(key: str, n: int, mean: float, sd: float) -> None:
    table = paper.table1()
    row = table[(table["arrangement"] == key) & (table["n"] == n)].iloc[0]
    assert (row["mean"], row["sd"]) == (mean, sd)
    assert sorted(table["checklist_id"].unique()) == ["A1", "A2", "A3", "A4", "A5"]
    assert len(table) == 5 * 4 and not table.isna().any(axis=None)


def test_an_arrangement_of_ours_is_not_in_the_papers_table() -> None:
    assert set(ARRANGEMENTS) - set(paper.table1()["arrangement"]) == {"sink+e+mN", "sink+mixed"}
    assert set(paper.table1()["checklist_id"]) == {"A1", "A2", "A3", "A4", "A5"}


def test_table_2_has_both_vectors_both_aggregates_and_the_printed_sizes() -> None:
    table = paper.table2().set_index(["shared", "aggregate", "s_g"])
    assert len(table) == 2 * 2 * 3 and table.index.is_unique
    assert tuple(table.loc[("m", "avg", 16), ["mean", "sd"]]) == (0.86, 0.19)
    assert tuple(table.loc[("e", "max", 256), ["mean", "sd"]]) == (0.99, 0.02)
    assert (table.xs("max", level=1)["mean"] >= table.xs("avg", level=1)["mean"]).all()
    assert not table.isna().any(axis=None)


def test_table_3_is_complete_and_only_tokens_have_no_spread() -> None:
    table = paper.table3()
    keys = ["source", "m_shared", "model", "value"]
    assert len(table) == 4 * 2 * 6 * 2 and not table.duplicated(keys).any()
    assert set(table["model"]) == {model.key for model in paper.PAPER_MODELS}
    assert not table["mean"].isna().any()
    for value, sd in zip(table["value"], table["sd"], strict=True):
        assert (sd is None) == (value == "c_tokens")


@pytest.mark.parametrize(
    ("source", "shared", "model", "value", "mean", "sd"),
    [
        ("random", False, "pythia-410m", "c_tokens", 92, None),
        ("random", False, "llama-3.1-8b", "h_lm", 2974.4, 298.3),
        ("fanfics", True, "llama-3.2-3b", "c_tokens", 288, None),
        ("fanfics", True, "pythia-410m", "h_lm", 82.3, 28.1),
        ("pg19", False, "llama-3.1-8b", "c_tokens", 724, None),
        ("pg19", True, "pythia-1.4b", "h_lm", 156.0, 30.2),
        ("pg19-gen", True, "llama-3.2-3b", "c_tokens", 362, None),
        ("pg19-gen", False, "pythia-160m", "h_lm", 354.1, 72.0),
    ],
)
def test_table_3_spot_values(
    source: str, shared: bool, model: str, value: str, mean: float, sd: float | None
) -> None:
    table = paper.table3().set_index(["source", "m_shared", "model", "value"])
    row = table.loc[(source, shared, model, value)]
    assert (row["mean"], row["sd"]) == (mean, sd)


def test_the_values_off_the_ladder_are_those_of_i3() -> None:
    table = paper.table3()
    off = table[(table["value"] == "c_tokens") & ~table["mean"].isin(LADDER)]
    assert sorted(off["mean"]) == [92, 131, 167, 288]
    assert list(paper.best_capacity()["c_tokens"]) == [128, 181, 131, 362, 512, 724]


def test_every_statement_has_its_id_once() -> None:
    assert [s.id for s in paper.FINDINGS] == [f"F{k}" for k in range(1, 11)]
    assert [s.id for s in paper.LIMITS] == [f"L{k}" for k in range(1, 5)]
    assert [s.id for s in paper.INCONSISTENCIES] == [f"I{k}" for k in range(1, 9)]
    assert [m.id for m in paper.PAPER_MODELS] == [f"M{k}" for k in range(1, 7)]


def test_the_tables_are_plain_json() -> None:
    for table in (paper.table1(), paper.table2(), paper.table3()):
        json.dumps(table.to_dict("records"), allow_nan=False, default=float)
