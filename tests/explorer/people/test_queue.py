from typing import Any

import pytest

from explorer.jobs import client
from explorer.people import queue
from explorer.runtime.step_times import StepTime
from explorer.specs.jobs import DownloadSpec, ReconstructSpec, SolveSetSpec
from explorer.specs.recipes import FAST
from tests.explorer.jobs.frames import change

TIMED = StepTime(model="tiny", precision="auto", token_seconds=0.01, pass_seconds=0.5)


def text(**fields: Any) -> ReconstructSpec:
    asked = {"model": "tiny", "text": "The heron", "length": 8, "recipe": FAST, "restarts": 2}
    return ReconstructSpec.model_validate(asked | {"until": "first"} | fields)


def seconds() -> float:
    found = queue.load(text(), TIMED).seconds
    assert found is not None
    return found


def test_alone_nothing_is_said() -> None:
    client.submit(DownloadSpec(model="smollm2-135m"))  # computes nothing
    assert queue.load(text(), TIMED) == queue.Load(0, 0, None)
    assert queue.Load(0, 0, None).sentence == ""


def test_texts_of_one_model_share_passes_and_others_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue.step_times, "find", lambda *_: TIMED)
    first = client.submit(text())
    shared = seconds()
    client.ask(first, "stop")
    client.submit(text(model="another"))
    assert seconds() > shared, "who does not share pays for passes of their own"


def test_each_text_that_is_ahead_adds_what_its_tokens_cost() -> None:
    found = []
    for _ in range(3):
        client.submit(text())
        found.append(seconds())
    assert found[1] - found[0] == pytest.approx(found[2] - found[1]) != 0
    assert found[2] < 3 * found[0], "sooner than one after another"
    assert queue.load(text(), TIMED).ahead == 3


def test_a_text_that_is_nearly_done_adds_less_and_a_paused_one_nothing() -> None:
    job = client.submit(text())
    before = seconds()
    change(job, fraction=20 / FAST.max_steps)
    assert seconds() < before
    client.ask(job, "pause")
    assert queue.load(text(), TIMED).ahead == 0


def test_a_longer_job_takes_its_part_of_the_time() -> None:
    client.submit(text())
    before = seconds()
    client.submit(
        SolveSetSpec(model="tiny", length=3, regime="free", arrangement="e+mN", recipe=FAST)
    )
    assert seconds() == pytest.approx(before / 0.8)
    assert queue.load(text(), TIMED).sentence.startswith(
        "Also under way: 1 other text and 1 longer job, so yours takes about "
    )


@pytest.mark.parametrize(
    ("ahead", "behind", "said"),
    [
        (1, 0, "Also under way: 1 other text, so yours takes about 1:20 min."),
        (29, 0, "Also under way: 29 other texts, so yours takes about 1:20 min."),
        (0, 1, "Also under way: 1 longer job, so yours takes about 1:20 min."),
    ],
)
def test_it_is_said_in_words(ahead: int, behind: int, said: str) -> None:
    assert queue.Load(ahead, behind, 80.0).sentence == said
    assert queue.Load(ahead, behind, 0.01).sentence == said.replace(
        ", so yours takes about 1:20 min", ""
    )
