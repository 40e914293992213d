"""What trained vectors are worth: C_tokens, per-position correctness, H_LM (Q1, Q2).

A pair of proto-tokens in one forward pass; memory vectors by the text that is generated from them
greedily (Kuratov et al., E4).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel
from explorer.model.head import TokenStatistics
from explorer.runtime.interruption import check
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementKey, holds_m, read_from, stands


@dataclass(frozen=True)
class Score:
    """One forward pass from one pair of proto-tokens, position by position.

    Attributes:
        predicted: int64 (N,), argmax at each position.
        p: float32 (N,), probability of the target token.
        rank: int64 (N,), 1 + number of tokens with a larger logit.
        correct: bool (N,).
        loss: mean cross-entropy, nats.
        margin: least lead of a target logit over the best other logit.
    """

    predicted: NDArray[np.int64]
    p: NDArray[np.float32]
    rank: NDArray[np.int64]
    correct: NDArray[np.bool_]
    loss: float
    margin: float

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which tokens count as right, bool (N,)."""
        return self.correct

    @property
    def c_tokens(self) -> int:
        """Number of right tokens (equation 1)."""
        return int(self.counted.sum())

    @property
    def accuracy(self) -> float:
        """Share of right tokens."""
        return float(self.counted.mean())

    @property
    def exact(self) -> bool:
        """Whether every token is right."""
        return bool(self.counted.all())

    @classmethod
    def blank(cls, length: int) -> Self:
        """Return the score of N tokens that were not measured yet."""
        nothing = np.zeros(length, dtype=np.int64)
        p, correct = nothing.astype(np.float32), nothing.astype(bool)
        return cls(nothing, p, nothing + 1, correct, float("nan"), float("-inf"))


@dataclass(frozen=True)
class MemoryScore(Score):
    """How well K memory vectors make a model say a text token by token.

    Position by position it is that of the true tokens before, as in training; what counts is the
    text that is generated.

    Attributes:
        said: int64 (N,), what the model generates greedily from the vectors alone.
        right: bool (N,), where that is the target.
    """

    said: NDArray[np.int64]
    right: NDArray[np.bool_]

    @property
    @override
    def counted(self) -> NDArray[np.bool_]:
        return self.right


def input_sequence(
    model: FrozenModel,
    e: Float[Tensor, "rows d"],
    m: Float[Tensor, "rows d"],
    key: ArrangementKey,
    length: int,
    sink: int | None = None,
) -> Float[Tensor, "rows L d"]:
    """Lay proto-tokens out as input embeddings for a target of `length` tokens.

    Args:
        model: whose embedding of the sink stands before e, where the arrangement has one.
        e: one vector for each row.
        m: the same.
        key: the arrangement.
        length: N.
        sink: id of that token; None: the model's own.

    Raises:
        BadInputError: if the model has no such token.
    """
    at_m = torch.as_tensor(holds_m(key, length), device=e.device)[None, :, None]
    laid = torch.where(at_m, m[:, None, :], e[:, None, :])
    if ARRANGEMENTS[key].has_sink:
        at_sink = torch.as_tensor(np.equal(stands(key, length), "s"), device=e.device)
        token = model.sink if sink is None else sink
        if token >= model.vocabulary:
            raise BadInputError(
                tr(
                    "Token {token} stands before e, but {name} has {vocabulary} tokens. The "
                    "file was changed: fetch it again.",
                    token=token,
                    name=model.name,
                    vocabulary=model.vocabulary,
                )
            )
        before = model.embed(torch.tensor([token]))
        laid = torch.where(at_sink[None, :, None], before.to(laid.dtype), laid)
    return laid


def by_proto_token(
    by_input: Float[Tensor, "rows L d"], key: ArrangementKey, length: int
) -> Float[Tensor, "rows 2 d"]:
    """Return the gradient by e and m from that by what `input_sequence` gives."""
    at = stands(key, length)  # indices, not masks: a GPU that had to count them would be waited for
    places = [torch.as_tensor(np.flatnonzero(at == v), device=by_input.device) for v in "em"]
    return torch.stack([by_input[:, place].sum(1) for place in places], 1)


@torch.no_grad()
def score(
    model: FrozenModel,
    e: NDArray[np.float32],
    m: NDArray[np.float32],
    target_ids: Sequence[int],
    key: ArrangementKey,
    sink: int | None = None,
) -> Score:
    """Run the model once on one pair, alone in its batch, and compare with the target.

    The number format is the model's. In float32 this is what anybody gets who loads the file with
    plain transformers, up to the rounding of sums taken in another order. The sink is
    `input_sequence`'s.
    """
    laid = input_sequence(model, _row(e, model), _row(m, model), key, len(target_ids), sink)
    targets = torch.as_tensor(np.asarray(target_ids), device=model.device)[None]
    return scores(model.measure(laid, targets, read_from(key), detail=True))[0]


def scores(measured: TokenStatistics) -> list[Score]:
    """Split a detailed measurement of several rows into one score for each."""
    assert measured.predicted is not None and measured.p is not None and measured.rank is not None
    predicted, p, rank = (t.cpu().numpy() for t in (measured.predicted, measured.p, measured.rank))
    correct = measured.correct.cpu().numpy()
    losses, margins = measured.loss.mean(1).tolist(), measured.margin.amin(1).tolist()
    return [
        Score(predicted[k], p[k], rank[k], correct[k], losses[k], margins[k])
        for k in range(len(losses))
    ]


def memory_inputs(
    model: FrozenModel,
    mem: Float[Tensor, "rows K d"],
    ids: Int[Tensor, "rows N"],
    sink: int | None = None,
) -> tuple[Float[Tensor, "rows L d"], int]:
    """Return [mem_1 … mem_K, t_1 … t_(N-1)] as input embeddings, float32, and where t_1 is read.

    Args:
        model: gives the embeddings.
        mem: the vectors.
        ids: the text.
        sink: id of a token that stands before them, for models whose first position is an
            attention sink and cannot say an arbitrary token; None: the vectors come first.
    """
    parts = [mem.float(), model.embed(ids[:, :-1]).float()]
    if sink is not None:
        before = model.embed(torch.tensor([[sink]])).float()
        parts.insert(0, before.expand(len(mem), 1, -1))
    inputs = torch.cat(parts, 1)
    return inputs, inputs.shape[1] - ids.shape[1]


@torch.no_grad()
def score_memory(
    model: FrozenModel,
    mem: Float[NDArray[np.float32], "K d"],
    target_ids: Sequence[int],
    sink: int | None = None,
) -> MemoryScore:
    """Measure memory vectors, alone in a batch, in the model's number format.

    The generated text is exactly that of greedy decoding, found in fewer passes: the model reads a
    guess (first the target itself) and gives the likeliest token after each of its beginnings.
    Where guess and answer agree, both are what greedy decoding says, and so is the first token
    at which they differ; the answer is the next guess.

    Args:
        model: what reads and writes.
        mem: the vectors.
        target_ids: the text.
        sink: as for `memory_inputs`.
    """
    vectors = _row(mem, model)
    targets = torch.as_tensor(np.array(target_ids), device=model.device)[None]
    guess, forced, settled = targets, None, 0
    while settled < targets.shape[1]:
        inputs, first = memory_inputs(model, vectors, guess, sink)
        measured = model.measure(inputs, targets, first, detail=True)
        assert measured.predicted is not None
        forced = forced or scores(measured)[0]
        differs = (measured.predicted[0] != guess[0]).nonzero()
        settled = int(differs[0]) + 1 if len(differs) else targets.shape[1]
        guess = measured.predicted
    assert forced is not None
    said = guess[0].cpu().numpy()
    return MemoryScore(**vars(forced), said=said, right=said == np.array(target_ids))


@torch.no_grad()
def h_lm(model: FrozenModel, target_ids: Sequence[int]) -> tuple[float, int]:
    """Return H_LM in nats and the number of its terms (equation 2, Q2).

    With a BOS token it is prepended and the sum runs over i = 1 … N; without one the first token
    has no prediction and the sum runs over i = 2 … N.
    """
    bos = model.tokenizer.bos_id
    ids = ([] if bos is None else [bos]) + [int(i) for i in target_ids]
    if len(ids) < 2:
        return 0.0, 0
    tokens = torch.tensor([ids], device=model.device)
    logits = model.logits(model.embed(tokens[:, :-1]))[0].float()
    nats = torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="sum")
    return float(nats), len(ids) - 1


@torch.no_grad()
def generate(
    model: FrozenModel, context_ids: Sequence[int], count: int, *, seed: int | None = None
) -> Iterator[int]:
    """Yield `count` tokens the model continues a context with, one at a time, with a KV cache.

    Args:
        model: any frozen model.
        context_ids: token ids before; the BOS token, or token 0 without one, when empty.
        count: how many tokens.
        seed: None takes the likeliest token each time; a seed samples from the whole distribution
            (multinomial, temperature 1, checklist D4).
    """
    ids = list(context_ids) or [model.tokenizer.bos_id or 0]
    generator = torch.Generator().manual_seed(seed) if seed is not None else None
    past = None
    for _ in range(count):
        check()
        logits, past = model.go_on(model.embed(torch.tensor([ids])), past)
        if generator is None:
            token = int(logits.argmax())
        else:
            p = torch.softmax(logits, -1).cpu()
            token = int(torch.multinomial(p, 1, generator=generator))
        yield token
        ids = [token]


def race(
    model: FrozenModel,
    e: NDArray[np.float32],
    m: NDArray[np.float32],
    target_ids: Sequence[int],
    key: ArrangementKey,
) -> Iterator[tuple[float, float, list[int]] | None]:
    """Time both ways of getting N tokens; yield None between steps and the result at the end.

    The result: seconds of one forward pass, seconds of generation with a KV cache after the BOS
    token, and the token ids that were generated.
    """
    score(model, e, m, target_ids, key)  # warm
    yield None
    start = time.perf_counter()
    score(model, e, m, target_ids, key)
    one_forward = time.perf_counter() - start
    list(generate(model, [], 2))  # warm
    yield None
    tokens, seconds = [], 0.0
    steps = generate(model, [], len(target_ids))
    for _ in target_ids:
        start = time.perf_counter()
        tokens.append(next(steps))
        seconds += time.perf_counter() - start
        yield None
    yield one_forward, seconds, tokens


def _row(vectors: NDArray[np.float32], model: FrozenModel) -> Float[Tensor, "1 ..."]:
    return torch.from_numpy(np.array(vectors, dtype=np.float32)).to(model.device)[None]
