"""Sets that are killed at several points: the same set comes of it, and little is done twice."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.solutions import sets
from explorer.solutions.sets import SetRecord
from explorer.specs.jobs import GatheredText, SolveSetSpec
from explorer.tasks import sampling
from explorer.tasks.sets import building
from explorer.tasks.sets.building import SetBuilder
from explorer.training import Trainer
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool

KINDS: dict[str, dict[str, Any]] = {
    "free": {},
    "shared": {"regime": "shared"},
    "patience": {
        "regime": "shared",
        "restarts": 1,
        "texts": tuple(GatheredText(text=t) for t in ("zzqq", "xxvv", "kkjj", "abxy")),
    },
    "on a part": {"regime": "shared", "m_from": 2},
    "sampled": {"texts": (), "restarts": 1, "attempts": 1},
}


def plain(record: SetRecord) -> tuple[Any, ...]:
    members = [
        (m.slot, m.attempt, m.seed, m.solution, m.accuracy, m.steps, m.reason)
        for m in record.members
    ]
    joint = record.joint and record.joint.model_dump(exclude={"seconds"})
    return members, joint, record.texts, record.complete


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count steps of all engines, and texts that were sampled."""
    done = {"steps": 0, "texts": 0}
    step, sample = Trainer.apply, sampling.generate

    def stepped(*given: Any) -> Any:
        done["steps"] += 1
        return step(*given)

    def sampled(*given: Any, **named: Any) -> Any:
        done["texts"] += 1
        return sample(*given, **named)

    monkeypatch.setattr(Trainer, "apply", stepped)
    monkeypatch.setattr(sampling, "generate", sampled)
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_that_is_killed_at_several_points_is_as_one_that_was_not(
    kind: str,
    spec: Callable[..., SolveSetSpec],
    pool: "ModelPool",
    work: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = spec(**KINDS[kind])
    monkeypatch.setattr(building, "PATIENCE", 30)
    exhaust((whole := SetBuilder(asked, pool)).steps())
    if kind == "patience":  # the last text was given up a while after the others were exact
        assert whole.record.joint is not None and 40 < whole.record.joint.steps < 80
    once = dict(work)
    work.update(steps=0, texts=0)

    draw = random.Random(3)
    due = property(lambda _: draw.random() < 0.5)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", due)
    caches = (tmp_path / f"cache-{k}" for k in range(100))
    cache, cuts = next(caches), 0
    monkeypatch.setenv("EXPLORER_CACHE", str(cache))
    while not (task := SetBuilder(asked, pool)).record.complete:
        steps = task.steps()
        for _ in zip(range(draw.randint(3, max(4, once["steps"] // 4))), steps, strict=False):
            pass
        cuts += 1
        if cache.exists():  # a kill: it goes on elsewhere with what is on the disk
            cache = Path(shutil.copytree(cache, next(caches)))
            monkeypatch.setenv("EXPLORER_CACHE", str(cache))
        steps.close()
    assert cuts >= 3
    found = sets.load(sets.folder_of(whole.record.id))
    assert plain(found) == plain(whole.record)
    assert work["steps"] - once["steps"] <= 4 * cuts and work["texts"] == once["texts"]
    assert not list((cache / "jobs").glob("*"))
