import json
from collections.abc import Callable

import numpy as np
import pytest

from explorer.figures.strip import preview_data, strip_data
from explorer.solutions.recording import Recording

Make = Callable[..., Recording]


def test_playing_sends_every_frame(recording: Recording) -> None:
    data = strip_data(recording, [0, 1, 2], play=True)
    assert set(data) == {
        "labels",
        "groups",
        "targets",
        "pieces",
        "steps",
        "whose",
        "predicted",
        "p",
        "rank",
    }
    frames = recording.frames
    assert data["labels"] == ["seed 10", "seed 11", "seed 12"]
    assert data["targets"] == [0, 1, 2, 3]
    assert data["predicted"] == frames["predicted"].tolist()
    assert data["rank"] == frames["rank"].tolist()
    assert data["steps"] == frames["steps"].max(1).tolist()
    assert np.shape(data["p"]) == (8, 3, 4)
    np.testing.assert_allclose(data["p"], 100 * frames["p"].astype(float), atol=0.51)


def test_live_sends_the_newest_frame_alone(recording: Recording) -> None:
    data = strip_data(recording, [0, 1, 2], play=False)
    whole = strip_data(recording, [0, 1, 2], play=True)
    for name in ("steps", "predicted", "p", "rank"):
        assert data[name] == whole[name][-1:]
    assert len(data["steps"]) == 1


@pytest.mark.parametrize("restarts", [[1], [2, 0], [0, 1, 2]], ids=str)
def test_restarts_come_in_the_order_that_was_asked_for(
    recording: Recording, restarts: list[int]
) -> None:
    data = strip_data(recording, restarts, play=True)
    assert data["labels"] == [f"seed {10 + k}" for k in restarts]
    steps = recording.frames["steps"][:, restarts]
    over = next(f for f in range(len(steps)) if (steps[f] == steps[-1]).all())
    for name in ("predicted", "rank"):
        shown = recording.frames[name][:, restarts].tolist()
        assert data[name] == [*shown[:over], shown[-1]]  # and the last is the final score
    assert data["steps"] == steps[: over + 1].max(1).tolist()


def test_percentages_are_whole_and_finite(recording: Recording) -> None:
    recording.frames["p"][-1, 0] = [0.0, 1.0, 0.004, np.nan]
    recording.frames["p"][-1, 1] = [0.5, 0.996, 0.126, 0.994]
    recording.frames["p"][-1, 2] = [np.inf, -np.inf, 7.0, -7.0]  # a file that someone made
    data = strip_data(recording, [0, 1, 2], play=False)
    assert data["p"] == [[[0, 100, 0, 0], [50, 100, 13, 99], [100, 0, 100, 0]]]


def test_groups_are_the_headers(recording: Recording) -> None:
    data = strip_data(recording, [0], play=False)
    assert data["groups"] == [[0, 1, " the"], [1, 3, "<script>alert(1)</script>\n"], [3, 4, "日"]]


def test_without_groups_every_token_is_its_own(recording: Recording) -> None:
    header = recording.header.model_copy(update={"groups": []})
    data = strip_data(Recording(header, recording.frames), [0], play=False)
    assert [group[:2] for group in data["groups"]] == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_every_id_that_can_show_has_a_piece_once(recording: Recording) -> None:
    data = strip_data(recording, [1], play=True)
    assert data["pieces"] == {str(i): recording.header.pieces[i] for i in (0, 1, 2, 3, 9)}
    shown = {i for frame in data["predicted"] for row in frame for i in row} | {*data["targets"]}
    assert {str(i) for i in shown} <= set(data["pieces"])


def test_targets_have_pieces_even_where_nothing_says_them(make: Make) -> None:
    data = strip_data(make(1), [0], play=False)
    assert data["predicted"] == [[[9, 9, 9, 9]]]
    assert set(data["pieces"]) == {"0", "1", "2", "3", "9"}


def test_it_is_plain_json_and_hostile_text_stays_data(recording: Recording) -> None:
    data = strip_data(recording, [0, 2], play=True)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["pieces"]["1"] == "<script>alert(1)</script>"


def test_before_the_first_frame_there_is_nothing_to_show(make: Make) -> None:
    for play in (False, True):
        data = strip_data(make(0), [0, 1], play=play)
        assert data["steps"] == data["predicted"] == data["p"] == data["rank"] == []
        assert data["labels"] == ["seed 10", "seed 11"] and set(data["pieces"]) == set("0123")


def test_a_preview_shows_the_target_and_what_is_left_out() -> None:
    data = preview_data([7, 8, 7], [(0, 1, "a"), (1, 3, "é")], ["a", "b", "a"], 2)
    assert data == {
        "groups": [[0, 1, "a"], [1, 3, "é"]],
        "targets": [7, 8, 7],
        "pieces": {"7": "a", "8": "b"},
        "length": 2,
        "altered": [],
    }
    assert json.loads(json.dumps(data)) == data
