"""What a look inside adds up to, on numbers small enough to count by hand."""

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explorer.base.errors import CorruptFileError
from explorer.figures import inside as charts
from explorer.figures import inside_strips as strips
from explorer.inside import reading, tables
from explorer.inside.header import InsideHeader, Other, Trial
from explorer.inside.result import FILE, TOP, Inside
from explorer.paths.header import TextInfo

TARGETS = [5, 6, 7]
SAID = np.array([[0, 6, 0], [5, 6, 0], [0, 6, 0], [5, 6, 0]])
"""By state: the first token comes, goes and comes again; the second is there; the third never."""


def made(**changed: Any) -> Inside:
    """Return a look of 3 layers and 2 heads into [e][m]×3."""
    text = TextInfo(text="a b c", target_ids=TARGETS)
    noise = [(0.1, [1, 1]), (0.2, [1, 0]), (0.4, [0, 0])]
    trials = [Trial(part="noise", what="e", at=at, draw=d) for at, held in noise for d in range(2)]
    held = [h for _, both in noise for h in both]
    trials += [Trial(part="swap", what="m", at=0), Trial(part="cut", what="one", at=2)]
    said = [TARGETS if h else [0, 6, 7] for h in held] + [[8, 9, 7], [5, 0, 0]]
    attention = np.zeros((3, 2, 4, 4))
    attention[:, 0] = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    attention[:, 1, :, 0] = 1
    header = InsideHeader(
        model="tiny", fingerprint="f", arrangement="e+mN", solution="s", seed=0, text=text,
        roles=["e", "m", "m", "m"], first=1, layers=3, heads=2, norm_e=1, norm_m=2, trials=trials,
        others=[Other(id="o", seed=1, text=TextInfo(text="d e c", target_ids=[8, 9, 7]),
                      same_text=False, same_m=True)],
        pieces={0: "<b>", 5: "a", 6: "\n", 7: "c", 8: "d", 9: "e"},
    )  # fmt: skip
    fields: dict[str, Any] = {
        "predicted": SAID, "p": np.full((4, 3), 0.5), "rank": np.ones((4, 3)),
        "top_ids": np.zeros((4, 3, TOP)), "top_p": np.zeros((4, 3, TOP)),
        "similarity": np.ones((4, 3)), "attention": attention, "plain": np.full((3, 2), 0.25),
        "trial_predicted": said, "trial_p": np.zeros((len(said), 3)),
        "trial_rank": np.ones((len(said), 3)),
    }  # fmt: skip
    return Inside(header, **fields | changed).in_format()


def test_where_tokens_appear_and_stay() -> None:
    first, stays = reading.appears(made())
    assert first.tolist() == [1, 0, 4] and stays.tolist() == [3, 0, 4]
    always = made(predicted=np.tile(TARGETS, (4, 1)))
    assert [column.tolist() for column in reading.appears(always)] == [[0, 0, 0], [0, 0, 0]]


def test_shares_of_attention_count_every_position_once() -> None:
    found = made()
    uniform = reading.shares(found, 0)  # positions 2, 3 and 4 of the input, evenly
    assert np.allclose(
        uniform[0],
        [[0, 1 / 2, 0, 1 / 2], [0, 1 / 3, 1 / 3, 1 / 3], [0, 1 / 4, 2 / 4, 1 / 4]],
        atol=1e-3,
    )
    assert np.allclose(reading.shares(found, 1)[0], [[0, 1, 0, 0]] * 3)
    both = (uniform + reading.shares(found, 1)) / 2
    assert np.allclose(reading.shares(found), both, atol=1e-3)
    header = found.header.model_copy(update={"roles": ["token", "m", "m", "m"]})
    before = reading.shares(Inside(**vars(found) | {"header": header}))
    assert np.allclose(before[..., 0], reading.shares(found)[..., 1])


def test_the_radius_lies_between_what_holds_and_what_does_not() -> None:
    exact = np.tile(TARGETS, (4, 1))
    found = made(predicted=exact)
    assert reading.radius(found, "e").tolist() == [[0.2, 0.4], [0.1, 0.2]]
    assert reading.radius_in_words(found, "e") == "15.0% to 30.0%"
    assert reading.radius_in_words(found, "m") == "–"
    said = np.tile(TARGETS, (8, 1))
    held = made(predicted=exact, trial_predicted=said)
    assert reading.radius(held, "e").tolist() == [[0.4, np.inf]] * 2
    assert reading.radius_in_words(held, "e") == "more than 40%"
    lost = made(predicted=exact, trial_predicted=0 * said)
    assert reading.radius_in_words(lost, "e") == "less than 10.0%"


def test_what_is_not_exact_to_begin_with_has_no_radius() -> None:
    found = made(trial_predicted=np.zeros((8, 3)))
    assert found.right[-1].mean() < 0.99 and found.trials("noise", "e")
    assert reading.radius(found, "e").shape == (0, 2)
    assert reading.radius_in_words(found, "e") == "–"


def test_curves_and_sentence() -> None:
    curve = reading.curve(made(), "noise", "e")
    assert curve.at.tolist() == [0.1, 0.2, 0.4]
    assert np.allclose(curve.accuracy, [[1, 1], [1, 2 / 3], [2 / 3, 2 / 3]])
    said = reading.sentence(made())
    assert "2 of 3 tokens are correct after the last layer (3), 1 after the one before" in said
    assert "first readable after layer 1" in said
    header = made().header
    text = header.text.model_copy(update={"target_ids": TARGETS[:1]})
    one = replace(made(), header=header.model_copy(update={"text": text}), predicted=SAID[:, :1])
    assert reading.sentence(one).startswith("1 of 1 token is correct after the last layer (3), 0")
    to_e = np.mean([1.5 / 2, (4 / 3) / 2, 1.25 / 2])
    assert f"gives {to_e:.0%} of its attention to e, most in layer 1 (68%)" in said


def test_a_swap_is_compared_with_both_texts() -> None:
    (swap,) = tables.swaps(made()).to_dict("records")
    assert swap["e of"] == "o" and swap["m of"] == "this" and swap["same m"]
    assert swap["share of this text"] == pytest.approx(1 / 3)
    assert swap["share of the other text"] == 1 and swap["says"] == "dec"
    row = made().trials("swap")[0]
    against_other = strips.swap(made(), row, other=True)
    assert against_other["targets"] == [8, 9, 7] and against_other["predicted"] == [[[8, 9, 7]]]
    assert against_other["p"] is against_other["rank"] is None  # of the other text
    assert strips.swap(made(), row, other=False)["targets"] == TARGETS


def test_the_strips_play_what_the_tensors_say() -> None:
    through = strips.through_layers(made())
    assert np.array_equal(np.array(through["predicted"])[:, 0], SAID)
    assert through["captions"][0].startswith("the input: 33%") and len(through["captions"]) == 4
    assert through["start"] == 3


def test_the_noise_strip_tells_how_much_is_right_of_what_it_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two directions, at 0.2 the first is whole and the other has lost a token."""
    monkeypatch.setitem(strips.LABELS, "noise", {"e": "e alone"})
    shown = strips.trials(made(), "noise")
    for caption, ((ids,),) in zip(shown["captions"], zip(shown["predicted"]), strict=True):
        assert caption.endswith(f" {np.equal(ids, TARGETS).mean():.0%}")
    assert shown["captions"] == [
        "noise of 10.0%: e alone 100%",
        "noise of 20.0%: e alone 100%",
        "noise of 40.0%: e alone 67%",
    ]


def test_charts_tell_nothing_by_colour_alone_and_read_no_markup() -> None:
    found = made()
    drawn = charts.lens(found)
    text = next(t for t in drawn.figure.data if getattr(t, "mode", "") == "text").text
    assert text[3] == "<b>a</b>"
    assert text[0] == "&lt;b&gt;" and text[1] == "<b>↵</b>"
    assert {t.name for t in drawn.figure.data if t.type == "scatter" and t.name} == {
        "correct for the first time",
        "correct from here on",
    }
    lines = (charts.by_layer, charts.cuts, charts.scales, charts.noise)
    for chart in (charts.attention_by_layer(found, None), *(draw(found) for draw in lines)):
        looks = [(t.line.dash, t.marker.symbol) for t in chart.figure.data if t.fill is None]
        assert len(set(looks)) == len(looks)
    assert charts.attention_map(found, 0, 1).table.shape == (4, 5)
    assert charts.heads(found).alt.endswith("100%.")


def test_charts_leave_out_what_one_position_does_not_tell() -> None:
    found = made(similarity=np.full((4, 3), np.nan))
    alike = {t.name for t in charts.by_layer(made()).figure.data} - {
        t.name for t in charts.by_layer(found).figure.data
    }
    assert alike == {"least to most similar pair", "similarity of two positions (cosine)"}
    assert "Mean cosine" in charts.by_layer(made()).alt
    assert "osine" not in charts.by_layer(found).alt and "nan" not in charts.by_layer(found).alt
    assert np.isfinite(charts.by_layer(found).figure.layout.yaxis.range).all()
    header = made().header
    text = header.text.model_copy(update={"target_ids": TARGETS[:1]})
    header = header.model_copy(update={"text": text, "roles": ["e"], "first": 0})
    one = Inside(**vars(made()) | {"header": header, "attention": np.ones((3, 2, 1, 1))})
    assert charts.attention_map(one, 0, None).alt.endswith("mean of all heads.")
    assert "first position gets" in charts.attention_map(made(), 0, None).alt


def test_every_table_is_in_the_zip(tmp_path: Path) -> None:
    file = made().save(tmp_path / FILE)
    with zipfile.ZipFile(BytesIO(tables.archive(Inside.load(file), file))) as zipped:
        assert set(zipped.namelist()) == {FILE, *(f"{n}.csv" for n in tables.all_of(made()))}
        lens = pd.read_csv(BytesIO(zipped.read("lens.csv")))
    assert len(lens) == SAID.size


def test_files_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    found = made()
    header = found.header.model_copy(update={"first": 2})
    with pytest.raises(CorruptFileError, match="more outputs than positions"):
        Inside.load(Inside(**vars(found) | {"header": header}).save(tmp_path / FILE))
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(CorruptFileError, match="damaged"):
        Inside.load(tmp_path / FILE)
