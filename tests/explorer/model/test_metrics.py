from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import (
    Score,
    by_proto_token,
    generate,
    h_lm,
    input_sequence,
    race,
    score,
)
from explorer.specs.arrangements import KEYS, ArrangementKey

LoadModel = Callable[..., FrozenModel]

IDS = [17, 250, 250, 3, 99]
SEQUENCES = {"e": "eeeee", "halves": "eeemm", "alternating": "ememe", "e+mN": "emmmmm",
             "e+mN-1": "emmmm", "sink+e+mN": "semmmmm",
             "sink+mixed": "semeem"}  # fmt: skip


@pytest.fixture(params=["llama", "neox"])
def model(request: pytest.FixtureRequest) -> FrozenModel:
    found: FrozenModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def pair(model: FrozenModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    e, m = np.random.default_rng(3).normal(size=(2, model.d_model)).astype(np.float32)
    return e, m


def _without_bos(model: FrozenModel) -> FrozenModel:
    return replace(model, tokenizer=replace(model.tokenizer, bos_id=None))


@torch.no_grad()
def _logits(model: FrozenModel, e: Any, m: Any, key: ArrangementKey) -> torch.Tensor:
    """Run transformers by hand; float32 (5, vocab)."""
    sink = model.network.get_input_embeddings()(torch.tensor(model.tokenizer.bos_id))
    vectors = {"e": torch.from_numpy(e), "m": torch.from_numpy(m), "s": sink}
    inputs = torch.stack([vectors[which] for which in SEQUENCES[key]])[None]
    logits: torch.Tensor = model.network(inputs_embeds=inputs).logits[0]
    return logits[-5:]


@pytest.mark.parametrize("key", KEYS)
def test_vectors_are_laid_out_row_by_row(key: ArrangementKey, llama: FrozenModel) -> None:
    d = llama.d_model
    e, m = (torch.tensor([[sign], [2 * sign]]).repeat(1, d) for sign in (1.0, -1.0))
    laid_out = input_sequence(llama, e, m, key, 5, sink=9)
    for row in range(2):
        known = {"e": e[row], "m": m[row], "s": llama.embed(torch.tensor(9))}
        expected = torch.stack([known[which] for which in SEQUENCES[key]])
        torch.testing.assert_close(laid_out[row], expected)


@pytest.mark.parametrize("key", KEYS)
def test_a_gradient_goes_back_to_the_vectors_and_never_to_the_sink(
    key: ArrangementKey, llama: FrozenModel
) -> None:
    pair = torch.randn(3, 2, llama.d_model, requires_grad=True)
    laid_out = input_sequence(llama, pair[:, 0], pair[:, 1], key, 5)
    by_input = torch.randn(laid_out.shape)
    laid_out.backward(by_input)
    torch.testing.assert_close(by_proto_token(by_input, key, 5), pair.grad)


def test_a_sink_is_bos_or_what_a_probe_chose_and_nothing_else(
    llama: FrozenModel, pair: Any, own_cache: Path
) -> None:
    assert llama.sink == llama.tokenizer.bos_id
    bare = replace(_without_bos(llama), fingerprint="e" * 64)
    with pytest.raises(BadInputError, match="has no BOS token"):
        score(bare, *pair, IDS, "sink+e+mN")
    found = FirstPosition(
        fingerprint="e" * 64, words=1, alone=0, behind=1, sink=7, sink_text="token 7", steps=1,
        computed_in="float32",
    )  # fmt: skip
    first_position.keep(found)
    assert bare.sink == 7
    by_probe, by_name = (score(bare, *pair, IDS, "sink+e+mN", sink) for sink in (None, 7))
    np.testing.assert_array_equal(by_probe.p, by_name.p)
    assert not np.allclose(by_name.p, score(bare, *pair, IDS, "sink+e+mN", 8).p)


@pytest.mark.parametrize("key", KEYS)
def test_a_score_is_one_plain_forward_pass(
    model: FrozenModel, pair: Any, key: ArrangementKey
) -> None:
    logits = _logits(model, *pair, key)
    target = list(IDS)
    target[1] = int(logits[1].argmax())  # one token is right
    found = score(model, *pair, target, key)
    log_p = torch.log_softmax(logits, -1)
    wanted = torch.tensor(target)[:, None]
    np.testing.assert_array_equal(found.predicted, logits.argmax(-1))
    np.testing.assert_allclose(found.p, log_p.exp().gather(1, wanted)[:, 0], rtol=1e-4)
    np.testing.assert_array_equal(found.rank, (logits > logits.gather(1, wanted)).sum(1) + 1)
    np.testing.assert_array_equal(found.correct, found.predicted == np.array(target))
    assert found.loss == pytest.approx(float(-log_p.gather(1, wanted).mean()), rel=1e-5)
    others = logits.scatter(1, wanted, -torch.inf).amax(1)
    lead = float((logits.gather(1, wanted)[:, 0] - others).min())
    assert found.margin == pytest.approx(lead, rel=1e-4)
    assert found.c_tokens == int(found.correct.sum()) >= 1
    assert found.accuracy == pytest.approx(found.c_tokens / 5)
    assert found.exact == (found.c_tokens == 5)
    assert (found.p.dtype, found.predicted.dtype, found.rank.dtype) == (
        np.float32,
        np.int64,
        np.int64,
    )


def test_saying_what_the_model_says_is_exact(model: FrozenModel, pair: Any) -> None:
    target = _logits(model, *pair, "e+mN").argmax(-1).tolist()
    found = score(model, *pair, target, "e+mN")
    assert found.exact and found.accuracy == 1.0 and found.c_tokens == 5
    assert (found.rank == 1).all() and found.margin > 0


def test_one_repeated_vector_says_one_token_only(llama: FrozenModel, neox: FrozenModel) -> None:
    """With rotary positions equal inputs have equal outputs: why A1 must fail (I5)."""
    for model in (llama, neox):
        e, m = np.random.default_rng(0).normal(size=(2, model.d_model)).astype(np.float32)
        assert len(set(score(model, e, m, IDS, "e").predicted.tolist())) == 1


def test_vectors_that_are_no_numbers_are_never_right(model: FrozenModel) -> None:
    nothing = np.full(model.d_model, np.nan, dtype=np.float32)
    found = score(model, nothing, nothing, [0, 0, 0, 0, 0], "e+mN")
    assert not found.exact
    assert found.c_tokens == 0


def test_scoring_does_not_change_the_vectors(model: FrozenModel, pair: Any) -> None:
    before = [vector.copy() for vector in pair]
    for vector in pair:
        vector.flags.writeable = False
    score(model, *pair, IDS, "alternating")
    np.testing.assert_array_equal(pair, before)


def test_h_lm_is_the_teacher_forced_cross_entropy_after_bos(model: FrozenModel) -> None:
    ids = [0, *IDS]
    with torch.no_grad():
        log_p = torch.log_softmax(model.network(torch.tensor([ids])).logits[0], -1)
    expected = -sum(float(log_p[i, ids[i + 1]]) for i in range(len(IDS)))
    nats, terms = h_lm(model, IDS)
    assert nats == pytest.approx(expected, rel=1e-5)
    assert terms == 5


def test_without_bos_the_first_token_has_no_term(model: FrozenModel) -> None:
    with torch.no_grad():
        log_p = torch.log_softmax(model.network(torch.tensor([IDS])).logits[0], -1)
    expected = -sum(float(log_p[i, IDS[i + 1]]) for i in range(len(IDS) - 1))
    nats, terms = h_lm(_without_bos(model), IDS)
    assert nats == pytest.approx(expected, rel=1e-5)
    assert terms == 4


def test_h_lm_of_a_single_token(model: FrozenModel) -> None:
    nats, terms = h_lm(model, [42])
    assert nats > 0 and terms == 1
    assert h_lm(_without_bos(model), [42]) == (0.0, 0)


def test_h_lm_of_the_longest_target_fits(model: FrozenModel) -> None:
    nats, terms = h_lm(model, [1 + i % 200 for i in range(model.max_positions)])
    assert np.isfinite(nats) and terms == model.max_positions


def test_greedy_generation_is_transformers_own(model: FrozenModel) -> None:
    found = list(generate(model, IDS, 12))
    whole = model.network.generate(
        torch.tensor([IDS]),
        do_sample=False,
        max_new_tokens=12,
        pad_token_id=0,
        eos_token_id=[10_000],
    )
    assert found == whole[0, len(IDS) :].tolist()
    assert len(found) == 12


def test_sampling_is_reproducible_and_follows_its_seed(model: FrozenModel) -> None:
    first = list(generate(model, IDS, 12, seed=1))
    assert first == list(generate(model, IDS, 12, seed=1))
    assert first[:5] == list(generate(model, IDS, 5, seed=1))
    assert first != list(generate(model, IDS, 12, seed=2))
    assert all(0 <= token < 300 for token in first)


def test_sampling_does_not_touch_the_global_state(model: FrozenModel) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    list(generate(model, IDS, 3, seed=1))
    assert torch.equal(torch.rand(1), expected)


def test_sampling_follows_the_distribution(model: FrozenModel) -> None:
    with torch.no_grad():
        p = torch.softmax(model.network(torch.tensor([IDS])).logits[0, -1], -1)
    top = int(p.argmax())
    drawn = [next(generate(model, IDS, 1, seed=seed)) for seed in range(300)]
    spread = 4 * float(p[top] * (1 - p[top]) / 300) ** 0.5
    assert drawn.count(top) / 300 == pytest.approx(float(p[top]), abs=spread)


def test_an_empty_context_starts_at_bos(model: FrozenModel) -> None:
    assert list(generate(model, [], 4)) == list(generate(model, [0], 4))
    assert list(generate(_without_bos(model), [], 4)) == list(generate(model, [0], 4))


def test_nothing_is_generated_before_it_is_asked_for(
    model: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    go_on = FrozenModel.go_on
    monkeypatch.setattr(FrozenModel, "go_on", lambda *a: (calls.append(1), go_on(*a))[1])
    tokens = generate(model, IDS, 5)
    assert calls == []
    next(tokens)
    assert len(calls) == 1
    assert torch.is_grad_enabled()


def test_a_race_times_both_ways_and_gives_others_a_turn(model: FrozenModel, pair: Any) -> None:
    *turns, result = race(model, *pair, IDS, "e+mN")
    assert turns == [None] * (2 + len(IDS))
    assert result is not None
    one_forward_seconds, autoregressive_seconds, continued = result
    assert continued == list(generate(model, [], 5))
    assert one_forward_seconds > 0 and autoregressive_seconds > 0


def test_a_score_counts_its_right_tokens() -> None:
    blank = np.zeros(4)
    right = np.array([True, False, True, True])
    found = Score(blank.astype(np.int64), blank.astype(np.float32), blank.astype(np.int64), right,
                  loss=1.0, margin=-0.5)  # fmt: skip
    assert (found.c_tokens, found.accuracy, found.exact) == (3, 0.75, False)
