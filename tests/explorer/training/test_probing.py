"""The probe of the first position: what it finds, that it is kept, and what follows from it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.assets import catalog, first_position
from explorer.assets.first_position import FirstPosition
from explorer.base.errors import BadInputError
from explorer.experiments import runs
from explorer.experiments.capacity import EXPERIMENT
from explorer.experiments.definition import MINUTES
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import score_memory
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import listening
from explorer.specs.jobs import ReconstructSpec, SolveSetSpec
from explorer.specs.recipes import FAST, INDEPENDENT, PAPER
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.reconstruct import Reconstruction
from explorer.tasks.sets.building import SetBuilder
from explorer.training import Row, Trainer, probing
from explorer.training.layouts import TeacherForced
from tests.explorer.solutions.memories import load_memory
from tests.steps import exhaust

Load = Callable[..., FrozenModel]
QUICK = INDEPENDENT.model_copy(update={"precision": "float32", "max_steps": 3})


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_position, "_known", {})


def a_sink(fingerprint: str, **fields: Any) -> FirstPosition:
    """What the probe says of a model whose first position is an attention sink."""
    said: dict[str, Any] = {
        "fingerprint": fingerprint, "words": 12, "alone": 1, "behind": 9, "sink": 7,
        "sink_text": "BOS", "steps": 16, "computed_in": "float32",
        "tokens": 24, "by_paper": 10, "by_sink": 12, "by_mixed": 14, "pair_steps": 24,
    }  # fmt: skip
    return FirstPosition.model_validate(said | fields)


@pytest.mark.parametrize("name", ["llama", "neox"])
def test_random_models_say_any_token_at_their_first_position(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Shown by training; the counts are of vectors that are scored one by one."""
    model = request.getfixturevalue(name)
    found = probing.probe(model)
    assert found.alone >= 10 and found.can_say and found.words == len(probing.WORDS)
    assert (found.arrangement, found.layout) == ("e+mN-1", "mem")
    assert (found.sink, found.sink_text) == (model.tokenizer.bos_id, "BOS")
    assert found == probing.probe(model)  # seeded: the same again


@pytest.mark.parametrize(
    ("alone", "behind", "can"),
    [(12, 12, True), (9, 12, True), (8, 12, False), (1, 9, False), (3, 4, True), (0, 0, True)],
)
def test_the_first_position_is_held_against_what_is_said_behind_a_sink(
    alone: int, behind: int, can: bool
) -> None:
    found = a_sink("f" * 64, alone=alone, behind=behind)
    assert found.can_say is can
    assert ("can output any token" in found.sentence) is (alone >= 9)  # of 12: 0 of them is not any
    assert ("cannot output every token" in found.sentence) is not can
    assert (found.arrangement, found.layout) == (("e+mN-1", "mem") if can else ("e+mN", "bos+mem"))


@pytest.mark.parametrize(
    ("by_paper", "by_sink", "offered"),
    [(10, 12, "e+mN"), (10, 13, "sink+e+mN"), (0, 0, "e+mN"), (0, 1, "sink+e+mN")],
)
def test_a_sink_is_offered_first_where_it_helps_clearly_and_the_page_says_why(
    by_paper: int, by_sink: int, offered: str
) -> None:
    found = a_sink("f" * 64, by_paper=by_paper, by_sink=by_sink)
    assert found.arrangement == offered
    helps = "BOS before e helps" if offered == "sink+e+mN" else "BOS before e does not help"
    assert f"{helps}: after 24 steps e and m output {by_sink} of 24 tokens" in found.sentence
    assert f"with it and {by_paper} without." in found.sentence


@pytest.mark.parametrize(
    ("by_paper", "by_sink", "by_mixed", "quickest"),
    [
        (10, 12, 14, "e+mN"),
        (10, 12, 15, "sink+mixed"),
        (10, 14, 17, "sink+e+mN"),
        (10, 14, 18, "sink+mixed"),
        (10, None, 13, "sink+mixed"),
        (0, 0, 0, "e+mN"),
        (10, 12, None, "e+mN"),
    ],
)
def test_mixed_is_quickest_where_it_beats_both_clearly(
    by_paper: int, by_sink: int | None, by_mixed: int | None, quickest: str
) -> None:
    found = a_sink("f" * 64, by_paper=by_paper, by_sink=by_sink, by_mixed=by_mixed)
    assert found.quickest == quickest and found.arrangement != "sink+mixed"
    said = f"With e and m mixed after BOS they output {by_mixed} of 24"
    assert (said in found.mixing) == bool(found.mixing) == (by_mixed is not None)
    assert "mixed" not in found.sentence  # what it leads to in sets and experiments is another


@pytest.mark.parametrize("missing", [{"by_mixed": None}, {"by_mixed": None, "by_sink": None}])
def test_what_was_found_before_pairs_were_tried_is_read_and_found_again(
    missing: dict[str, Any], llama: FrozenModel, own_cache: Path
) -> None:
    old = a_sink(llama.fingerprint, **missing)
    first_position.keep(old)
    assert old.arrangement == "e+mN" and ("before e" in old.sentence) == (len(missing) == 1)
    untried = a_sink(llama.fingerprint, by_mixed=None, by_sink=0, by_paper=0, pair_steps=0)
    assert untried.quickest == "e+mN" and "before e" not in untried.sentence
    assert first_position.find(llama.fingerprint) == old
    assert probing.probed(llama) != old and first_position.find(llama.fingerprint) != old


def test_a_sink_is_tried_only_where_the_first_position_is_one(
    llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = probing.probe(llama)
    assert able.by_sink is None and able.by_mixed is not None
    said = iter((9, 1, 10, 13, 17))  # behind the sink, alone; pairs without it, with it, mixed
    tried: list[object] = []

    def right(_model: object, _texts: object, layout: object, _steps: object) -> probing.Steps:
        tried.append(layout)
        yield
        return next(said)

    monkeypatch.setattr(probing, "_right", right)
    found = probing.probe(llama)
    assert found.sink_helps and found.pair_steps == probing.PAIR_STEPS
    assert [getattr(layout, "arrangement", "mem") for layout in tried] == [
        "mem",
        "mem",
        "e+mN",
        "sink+e+mN",
        "sink+mixed",
    ]
    assert found.quickest == "sink+mixed"


def test_a_sink_that_is_named_is_looked_for_where_there_is_no_bos(
    llama: FrozenModel, own_cache: Path
) -> None:
    bare = dataclasses.replace(llama, tokenizer=dataclasses.replace(llama.tokenizer, bos_id=None))
    assert probing.arrangement_for("sink+e+mN", bare) == "sink+e+mN"
    assert bare.sink == probing.probed(bare).sink


def test_a_model_without_bos_has_another_token_for_a_sink(llama: FrozenModel) -> None:
    bare = dataclasses.replace(llama.tokenizer, bos_id=None)
    found = probing.probe(dataclasses.replace(llama, tokenizer=bare))
    candidates = [bare.encode(text)[-1] for text in probing.STANDING_IN]
    assert found.sink in candidates and found.sink_text == f"token {found.sink}"


def test_a_model_is_probed_once(
    llama: FrozenModel, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = probing.probe
    monkeypatch.setattr(probing, "probe", lambda model: (asked.append(1), real(model))[1])
    found = probing.probed(llama)
    assert first_position.find(llama.fingerprint) == found == probing.probed(llama)
    monkeypatch.setattr(first_position, "_known", {})  # another process
    assert probing.probed(llama) == found and len(asked) == 1
    (file,) = (own_cache / "first-position").iterdir()
    file.write_text("{")  # damaged: found again
    assert probing.probed(llama) == found
    assert json.loads(file.read_text())["alone"] == found.alone


def test_a_probe_is_not_left_in_the_middle(llama: FrozenModel, own_cache: Path) -> None:
    """Whoever stops or pauses a job whose model is being probed is heard after that."""
    with listening(lambda: True):
        found = probing.probed(llama)
    assert found == probing.probe(llama)


def test_what_is_kept_is_of_these_very_weights(own_cache: Path) -> None:
    first_position.keep(a_sink("a" * 16 + "b" * 48))
    assert first_position.find("a" * 16 + "c" * 48) is None
    assert first_position.find(None) is None


def test_an_open_arrangement_follows_the_probe(tiny_llama_folder: Path, tmp_path: Path) -> None:
    """Not the model's name: what is known of the weights decides, and the record names it."""
    pool, name = ModelPool(), str(tiny_llama_folder)
    asked = {"model": name, "length": 3, "restarts": 1, "recipe": QUICK}
    spec = ReconstructSpec(text="The heron waits", **asked)
    assert spec.arrangement == "auto" and catalog.find(name).default_arrangement == "auto"
    task = Reconstruction(spec, pool, tmp_path, None, tmp_path)
    assert task.header.arrangement == "e+mN-1" == catalog.find(name).default_arrangement
    first_position.keep(a_sink(task.model.fingerprint))
    assert catalog.find(name).default_arrangement == "e+mN"
    again = Reconstruction(spec, pool, tmp_path / "2", None, tmp_path / "2")
    exhaust(again.steps())
    assert again.header.arrangement == "e+mN"
    assert again._solution(again.outcomes()[0]).record.arrangement == "e+mN"
    own = {"contexts": 1, "continuations": 1, "texts": [{"text": "The heron waits"}]}
    builder = SetBuilder(SolveSetSpec.model_validate({**asked, **own, "regime": "free"}), pool)
    assert builder.record.spec.arrangement == "e+mN"


def test_a_text_that_is_trained_live_takes_the_quickest_and_a_set_the_nearest(
    tiny_llama_folder: Path, tmp_path: Path
) -> None:
    pool, name = ModelPool(), str(tiny_llama_folder)
    asked = {"model": name, "length": 3, "restarts": 1, "recipe": QUICK}
    spec = ReconstructSpec(text="The heron waits", **asked)
    model = Reconstruction(spec, pool, tmp_path, None, tmp_path).model
    first_position.keep(a_sink(model.fingerprint, by_mixed=20))
    card = catalog.find(name)
    quick = FAST.model_copy(update={"max_steps": 3})
    assert (card.live_arrangement(quick), card.default_arrangement) == ("sink+mixed", "e+mN")
    task = Reconstruction(
        spec.model_copy(update={"recipe": quick}), pool, tmp_path / "2", None, tmp_path / "2"
    )
    assert task.header.arrangement == "sink+mixed"
    for recipe in (QUICK, PAPER):  # which compare: the paper's order, or the nearest to it
        assert card.live_arrangement(recipe) == "e+mN"
        asked_so = spec.model_copy(update={"recipe": recipe})
        apart = Reconstruction(asked_so, pool, tmp_path / recipe.name, None, tmp_path)
        assert apart.header.arrangement == "e+mN"
    own = {"contexts": 1, "continuations": 1, "texts": [{"text": "The heron waits"}]}
    builder = SetBuilder(SolveSetSpec.model_validate({**asked, **own, "regime": "free"}), pool)
    assert builder.record.spec.arrangement == "e+mN"
    first_position.keep(a_sink(model.fingerprint, by_mixed=None))  # of before: probed once more
    assert catalog.find(name).live_arrangement(quick) == "auto"


def test_an_open_layout_is_settled_recorded_and_trained(
    tiny_llama_folder: Path, own_cache: Path
) -> None:
    pool, card = ModelPool(), catalog.find(str(tiny_llama_folder))
    usual = EXPERIMENT.preset(MINUTES, card).model_copy(
        update={"ladder": (2,), "texts": 1, "schemes": ("one mem",), "recipe": QUICK}
    )
    assert (usual.arrangement, usual.layout) == ("auto", "auto")  # type: ignore[union-attr]
    old = RunTask(usual, pool)
    assert (old.run.settings.arrangement, old.run.settings.layout) == ("e+mN-1", "mem")  # type: ignore[union-attr]
    first_position.keep(a_sink(old.bench.model.fingerprint))
    task = RunTask(usual, pool)
    settings = task.run.settings
    assert (settings.arrangement, settings.layout) == ("e+mN", "bos+mem")  # type: ignore[union-attr]
    assert task.run.header.id != old.run.header.id
    exhaust(task.steps())
    (row,) = task.run.table.to_dict("records")
    memory = load_memory(task.run.folder / runs.SOLUTIONS / row["solution"])
    assert (row["layout"], memory.record.layout, memory.record.sink) == ("bos+mem", "bos+mem", 7)
    assert (
        row["accuracy"] == score_memory(task.bench.exact, memory.mem, memory.target_ids, 7).accuracy
    )
    assert (
        "[BOS][mem]×1" in EXPERIMENT.tables(task.run)["Capacity by source and scheme"]["layout"][0]
    )
    assert "after [BOS]" in EXPERIMENT.sentence(task.run)


def test_an_arrangement_that_is_open_is_refused_where_a_sequence_is_built() -> None:
    from explorer.specs.arrangements import settled

    with pytest.raises(BadInputError, match="still open"):
        settled("auto")


@pytest.mark.embedded
def test_the_embedded_model_cannot_say_any_token_at_its_first_position(
    embedded_folder: Path,
) -> None:
    """What ships is what the probe finds, up to a word that is a close call on other machines."""
    card = catalog.known_models()[0]
    shipped = card.first_position
    assert shipped is not None and card.fingerprint == shipped.fingerprint
    model = ModelPool().get(embedded_folder, card.name, torch.float32)
    found = probing.probe(model)
    assert model.fingerprint == shipped.fingerprint and not found.can_say
    assert found.layout == shipped.layout == "bos+mem"
    assert found.arrangement == shipped.arrangement == "sink+e+mN"
    assert found.quickest == shipped.quickest == "sink+mixed"
    assert (
        np.abs(np.subtract((found.alone, found.behind), (shipped.alone, shipped.behind))).max() <= 1
    )
    assert found.sink == shipped.sink == model.tokenizer.bos_id


@pytest.mark.embedded
def test_one_memory_vector_behind_bos_holds_twelve_tokens(embedded_folder: Path) -> None:
    """At the first position it is stuck at 11 of 12 after 700 steps; behind BOS it is exact."""
    model = ModelPool().get(embedded_folder, "smollm2-135m", torch.float32)
    ids = tuple(model.tokenizer.encode("The ferry leaves at dawn, and nobody on the pier has ever"))
    recipe = INDEPENDENT.model_copy(update={"precision": "float32", "max_steps": 200})
    rows = [Row(ids[:12], seed) for seed in range(2)]
    layout = TeacherForced(1, model.tokenizer.bos_id)
    trainer = Trainer(model, rows, layout, recipe, until="first")
    while not trainer.finished:
        trainer.step()
    assert max(trainer.outcome(i).score.accuracy for i in range(2)) == 1.0
