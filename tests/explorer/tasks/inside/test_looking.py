"""A look inside, every number against plain transformers; what cannot be looked at is said."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base import language
from explorer.base.errors import BadInputError, ModelError
from explorer.inside import others, reading
from explorer.inside.result import FILE, LOOKS, Inside
from explorer.runtime.interruption import Interrupted
from explorer.specs.jobs import InsideSpec, RadiusSpec
from explorer.tasks.inside import looking, writing
from explorer.tasks.inside.looking import InsideTask
from explorer.tasks.landscape.radius import RadiusTask
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution
    from tests.explorer.tasks.inside.conftest import Look


@pytest.fixture
def network(tiny_llama_folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        tiny_llama_folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def _outputs(network: Any, e: np.ndarray, m: np.ndarray, length: int) -> Any:
    """Run plain transformers on [e][m]×N."""
    fed = torch.from_numpy(np.stack([e, *[m] * length]).astype(np.float32))[None]
    with torch.no_grad():
        return network(inputs_embeds=fed, output_hidden_states=True, output_attentions=True)


def test_every_number_of_the_pass_is_that_of_transformers(
    look: "Look", network: Any, exact_solutions: "list[Solution]"
) -> None:
    found, s = look().found, exact_solutions[0]
    assert found is not None
    own = _outputs(network, s.e, s.m, s.length)
    norm, head = network.model.norm, network.lm_head
    states = [*own.hidden_states[:-1]]  # its last one is after the final norm
    for number, state in enumerate(states):
        with torch.no_grad():
            logits = head(norm(state))[0, 1:]
        p = logits.softmax(-1)
        at = (range(s.length), s.target_ids)
        assert np.array_equal(found.predicted[number], logits.argmax(-1))
        np.testing.assert_allclose(found.p[number], p[at], rtol=2e-3, atol=1e-4)
        assert np.array_equal(found.top_ids[number], p.topk(5, -1).indices)
        unit = torch.nn.functional.normalize(state[0, 1:], dim=-1)
        cosines = (unit @ unit.T)[torch.triu(torch.ones(3, 3), 1) == 1]
        three = (cosines.mean(), cosines.min(), cosines.max())
        np.testing.assert_allclose(found.similarity[number], three, atol=1e-4)
    assert np.array_equal(found.predicted[-1], own.logits[0, 1:].argmax(-1))
    for layer, weights in enumerate(own.attentions):
        np.testing.assert_allclose(found.attention[layer], weights[0], atol=1e-3)
    ids = torch.tensor([[network.config.bos_token_id, *s.target_ids.tolist()]])
    with torch.no_grad():
        plain = network(input_ids=ids, output_attentions=True).attentions
    for layer, weights in enumerate(plain):
        np.testing.assert_allclose(found.plain[layer], weights[0, :, 1:, 0].mean(-1), atol=1e-4)


def test_every_trial_is_what_transformers_says_of_those_vectors(
    look: "Look", network: Any, exact_solutions: "list[Solution]"
) -> None:
    s, twin, other = (exact_solutions[k] for k in (0, 1, 3))
    found = look(swap_with=(other, twin), draws=2, seed=3).found
    assert found is not None
    one, both = (np.random.default_rng(3).standard_normal((2, d)) for d in (32, 64))
    seen = set()
    for k, trial in enumerate(found.header.trials):
        e, m = s.e, s.m
        if trial.part == "cut":
            continue
        if trial.part == "scale":
            e, m = (e * trial.at, m) if trial.what == "e" else (e, m * trial.at)
        elif trial.part == "swap":
            partner = (other, twin)[int(trial.at)]
            e, m = (e, partner.m) if trial.what == "e" else (partner.e, m)
        else:
            start = {"e": e, "m": m, "both": np.concatenate([e, m])}[trial.what]
            direction = (both if trial.what == "both" else one)[trial.draw]
            moved = start + trial.at * np.linalg.norm(start) * direction / np.linalg.norm(direction)
            e = moved[:32] if trial.what != "m" else e
            m = moved[-32:] if trial.what != "e" else m
        seen.add((trial.part, trial.what))
        logits = _outputs(network, e, m, s.length).logits[0, 1:]
        assert np.array_equal(found.trial_predicted[k], logits.argmax(-1)), trial
        p = logits.softmax(-1)[range(s.length), s.target_ids]
        np.testing.assert_allclose(found.trial_p[k], p, rtol=5e-3, atol=1e-3)
        rank = (logits > logits[range(s.length), s.target_ids][:, None]).sum(-1) + 1
        assert np.array_equal(found.trial_rank[k], rank)
    parts = {"scale": "e m", "swap": "e m", "noise": "e m both"}
    assert seen == {(part, what) for part, whats in parts.items() for what in whats.split()}
    assert [o.same_text for o in found.header.others] == [False, True]


def test_cuts_are_what_transformers_says_with_masks(
    look: "Look", network: Any, exact_solutions: "list[Solution]"
) -> None:
    found, s = look().found, exact_solutions[0]
    assert found is not None
    layers = found.header.layers
    fed = torch.from_numpy(np.stack([s.e, *[s.m] * s.length]))[None]

    def cut(_: Any, given: Any, named: dict[str, Any]) -> Any:
        barred = torch.zeros_like(named["attention_mask"], dtype=torch.bool)
        barred[:, :, 1:, 0] = True
        return given, named | {
            "attention_mask": named["attention_mask"].masked_fill(barred, -torch.inf)
        }

    spans = {
        "one": lambda a: {a},
        "until": lambda a: set(range(1, a + 1)),
        "from": lambda a: set(range(a, layers + 1)),
    }
    tried = found.trials("cut")
    assert len(tried) == 3 * layers
    for k in tried:
        trial = found.header.trials[k]
        at = spans[trial.what](int(trial.at))
        hooks = [
            layer.self_attn.register_forward_pre_hook(cut, with_kwargs=True)
            for number, layer in enumerate(network.model.layers, 1)
            if number in at
        ]
        with torch.no_grad():
            logits = network(inputs_embeds=fed).logits[0, 1:]
        for hook in hooks:
            hook.remove()
        assert np.array_equal(found.trial_predicted[k], logits.argmax(-1)), trial
        p = logits.softmax(-1)[range(s.length), s.target_ids]
        np.testing.assert_allclose(found.trial_p[k], p, rtol=5e-3, atol=1e-3)


def test_the_radius_holds_the_one_that_radius_finds(
    look: "Look", pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path
) -> None:
    found = look(draws=4, seed=7).found
    assert found is not None
    spec = RadiusSpec(solution="made", directions=4, points=2, seed=7)
    task = RadiusTask(exact_solutions[0], spec, pool, tmp_path / "radius")
    exhaust(task.steps())
    assert task.found is not None
    exactly = task.found.radius / task.found.header.norm
    for (low, high), there in zip(reading.radius(found, "both"), exactly, strict=True):
        assert low * 0.99 <= there <= high * 1.01


def test_the_file_says_it_again_and_grows_part_by_part(
    pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path
) -> None:
    task = InsideTask(exact_solutions[0], InsideSpec(solution="made"), pool, tmp_path)
    counts = []
    for progress in task.steps():
        if (tmp_path / FILE).is_file():
            counts.append(len(Inside.load(tmp_path / FILE).header.trials))
        assert progress.sentence
    found = Inside.load(tmp_path / FILE)
    assert counts[0] == 0 and counts == sorted(counts) and len(found.header.trials) > counts[0]
    assert task.found is not None
    for name in ("predicted", "p", "attention", "trial_predicted", "plain"):
        assert np.array_equal(getattr(found, name), getattr(task.found, name))
    said = {*found.predicted.ravel().tolist(), *found.trial_predicted.ravel().tolist()}
    assert said <= set(found.header.pieces)
    assert set(found.header.seconds) == {"states", "lens", "attention cut", "e and m changed"}
    assert "correct after the last layer" in task.outcome


@pytest.mark.parametrize("arrangement", ["e", "halves", "alternating", "e+mN-1"])
def test_every_arrangement_can_be_looked_into(
    look: "Look", exact_solutions: "list[Solution]", arrangement: str
) -> None:
    s = exact_solutions[0]
    record = s.record.model_copy(update={"arrangement": arrangement})
    task = look(replace(s, record=record))
    found = task.found
    assert found is not None and found.header.first == 0 and len(found.header.roles) == 3
    assert np.allclose(reading.shares(found).sum(-1), 1)
    assert bool(found.trials("cut")) == (arrangement != "e")
    assert bool(task.notices) == (arrangement == "e")
    assert reading.sentence(found)


@pytest.mark.parametrize(
    ("arrangement", "length", "holds"),
    [("e+mN", 3, "e m m m"), ("alternating", 4, "e m e m"), ("sink+mixed", 3, "s e m e")],
)
def test_no_position_sees_another_with_e_where_that_is_cut(
    look: "Look",
    exact_solutions: "list[Solution]",
    arrangement: str,
    length: int,
    holds: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where e stands at several places, one that holds e is cut from the others as well."""
    seen: list[np.ndarray] = []
    real = looking.inside.states_with_attention_cut

    def states(model: Any, inputs: Any, cut: Any, spans: Any) -> Any:
        seen.append(cut.numpy())
        return real(model, inputs, cut, spans)

    monkeypatch.setattr(looking.inside, "states_with_attention_cut", states)
    s = exact_solutions[0]
    ids = np.resize(s.target_ids, length)
    fields = {"arrangement": arrangement, "target_ids": ids.tolist(), "sink": 5}
    look(replace(s, target_ids=ids, record=s.record.model_copy(update=fields)))
    e = np.array([letter == "e" for letter in holds.split()])
    (cut,) = seen
    assert np.array_equal(cut, e & ~np.eye(len(e), dtype=bool))


def test_a_token_before_e_is_fed_and_told_apart_from_e(
    look: "Look", network: Any, exact_solutions: "list[Solution]"
) -> None:
    s, token = exact_solutions[0], 5
    record = s.record.model_copy(update={"arrangement": "sink+e+mN", "sink": token})
    found = look(replace(s, record=record)).found
    assert found is not None
    assert found.header.roles == ["token", "e", "m", "m", "m"] and found.header.first == 2
    first = network.model.embed_tokens.weight[token]
    fed = torch.cat([first[None], torch.from_numpy(np.stack([s.e, s.m, s.m, s.m]))])[None]
    with torch.no_grad():
        own = network(inputs_embeds=fed, output_attentions=True)
    assert np.array_equal(found.predicted[-1], own.logits[0, 2:].argmax(-1))
    weights = own.attentions[1][0].mean(0)[2:]
    shares = reading.shares(found)[1]
    np.testing.assert_allclose(shares[:, 0], weights[:, 0], atol=1e-3)
    np.testing.assert_allclose(shares[:, 1], weights[:, 1], atol=1e-3)


def test_of_one_token_no_two_positions_are_compared(
    look: "Look", exact_solutions: "list[Solution]"
) -> None:
    """The token before e is another vector, and was compared with it."""
    s = exact_solutions[0]
    record = s.record.model_copy(update={"arrangement": "sink+e+mN", "sink": 5})
    found = look(replace(s, record=record, target_ids=s.target_ids[:1])).found
    assert found is not None and found.header.roles == ["token", "e", "m"]
    assert np.isnan(found.similarity).all()


def test_what_is_written_is_what_transformers_generates(
    look: "Look", network: Any, exact_solutions: "list[Solution]"
) -> None:
    task = look(write=True, tokens=4)
    found, s = task.found, exact_solutions[0]
    assert found is not None
    starts = {(w.start, w.question) for w in found.header.writings}
    assert len(starts) == len(found.header.writings) == 4 + 3 * len(writing.QUESTIONS)
    fed = torch.from_numpy(np.stack([s.e, *[s.m] * s.length]))[None]
    ids: list[int] = []
    for _ in range(4):
        with torch.no_grad():
            ids.append(int(network(inputs_embeds=fed).logits[0, -1].argmax()))
            fed = torch.cat([fed, network.model.embed_tokens(torch.tensor([ids[-1:]]))], 1)
    said = {(w.start, w.question): w for w in found.header.writings}
    assert said[writing.WHOLE, ""].text == task.model.tokenizer.decode(ids)
    itself = said[writing.TEXT, ""]
    assert itself.like_next == pytest.approx(1, abs=1e-5)


def test_a_solution_of_other_weights_and_one_that_is_too_long_are_refused(
    look: "Look", exact_solutions: "list[Solution]", monkeypatch: pytest.MonkeyPatch
) -> None:
    s = exact_solutions[0]
    foreign = replace(s, record=s.record.model_copy(update={"fingerprint": "0" * 64}))
    with pytest.raises(ModelError, match="trained on other weights"):
        look(foreign)
    long = replace(s, target_ids=np.resize(s.target_ids, 512))
    with pytest.raises(BadInputError, match=r"512 tokens.*16 times.*maps alone.*At most 128"):
        look(long)
    monkeypatch.setattr(language, "_current", lambda: "de")
    with pytest.raises(BadInputError, match=r"512 Tokens.*16-mal.*Höchstens 128"):
        look(long)


def test_only_a_solution_that_fits_can_be_swapped_with(
    look: "Look", exact_solutions: "list[Solution]"
) -> None:
    s = exact_solutions[3]
    short = replace(s, target_ids=s.target_ids[:2])
    for other in (short, exact_solutions[0]):
        with pytest.raises(BadInputError, match="cannot swap"):
            look(swap_with=(other,))


def test_others_are_found_among_the_stored(
    exact_solutions: "list[Solution]", solution_files: list[Path]
) -> None:
    found = others.find(exact_solutions[0])
    assert [f.record.text == exact_solutions[0].record.text for f in found] == [False, True]
    assert exact_solutions[0].record.id not in {f.record.id for f in found}
    (chosen,) = others.chosen(exact_solutions[0], str(solution_files[4]))
    assert chosen.record.id == exact_solutions[4].record.id


def test_a_model_that_is_not_written_out_is_looked_into_without_cuts(
    look: "Look", exact_solutions: "list[Solution]", monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = look().found
    unwritten = looking.ModelPool.of_solution

    def without_body(self: Any, solution: Any) -> Any:
        return replace(unwritten(self, solution), body=None)

    monkeypatch.setattr(looking.ModelPool, "of_solution", without_body)
    task = look()
    found = task.found
    assert whole is not None and found is not None
    assert not found.trials("cut") and found.trials("noise")
    assert any("cannot be cut" in notice for notice in task.notices)
    np.testing.assert_allclose(found.p.astype(float), whole.p.astype(float), atol=2e-3)
    np.testing.assert_allclose(
        found.attention.astype(float), whole.attention.astype(float), atol=2e-3
    )


def test_looks_are_found_by_their_job(look: "Look", own_cache: Path, tmp_path: Path) -> None:
    look()
    folder = LOOKS.folder_of("job")
    folder.mkdir(parents=True)
    (tmp_path / FILE).rename(folder / FILE)
    (stored,) = [each for each in LOOKS.all() if not each.ships]
    assert stored.said is not None and stored.said.seed == 0 and not stored.problem


def test_what_is_begun_again_is_said_to_be_missing_once(
    look: "Look", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pauses while the lens of a model without attention weights is at work."""
    trace, lens, left = looking.inside.trace, looking.inside.lens, list[int]()

    def interrupted(*given: Any) -> Any:
        left.append(1)
        if len(left) == 1:
            raise Interrupted
        return lens(*given)

    monkeypatch.setattr(
        looking.inside, "trace", lambda *given: replace(trace(*given), attention=None)
    )
    monkeypatch.setattr(looking.inside, "lens", interrupted)
    said = [notice for notice in look().notices if "give no attention weights" in notice]
    assert len(left) == 2 and len(said) == 1
