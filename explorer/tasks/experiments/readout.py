"""Measures a cell of the read-out: one context, its proto-tokens, what is written after them."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.experiments.readout import CONTEXT, LIKE
from explorer.experiments.runs import Cell
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.specs.arrangements import ArrangementKey, holds_m, settled
from explorer.specs.experiments import ReadoutSettings
from explorer.tasks.experiments.bench import Bench, Measuring
from explorer.training import Outcome, Row
from explorer.training.layouts import OnePass


def measure(bench: Bench, settings: ReadoutSettings, cell: Cell) -> Measuring:
    """Train e and m on the first half of the context's continuation, then let the model write.

    Raises:
        BadInputError: if context and continuation are longer than the model's positions.
        MissingAssetError: if the sentence model is not installed.
    """
    from explorer.geometry import text_distances

    text_distances.sentence_model()  # if it is missing, that is said before the training
    k, n = int(cell.at["context"]), settings.length
    layout = OnePass.of(settled(settings.arrangement), bench.model)
    drawn = yield from bench.texts(
        settings.source, settings.contexts, settings.context_length, settings.seed
    )
    context = drawn[k]
    continuation = bench.continuation(context, 2 * n, settings.seed * 1000 + k)
    ids = continuation.ids[:n]
    rows = [
        Row(ids, settings.seed + restart * settings.contexts + k)
        for restart in range(settings.restarts)
    ]
    outcomes = yield from bench.train(rows, layout, settings.recipe, until="first")
    best = max(outcomes, key=lambda o: (o.score.exact, o.score.accuracy, -o.score.loss))
    kept = bench.keep(best, continuation, layout, settings.recipe)

    decode = bench.model.tokenizer.decode
    written: list[tuple[str, bool, str]] = []
    for start, bos, embeddings in starts(bench.exact, best, layout.arrangement):
        said = bench.work.once(f"{start} {bos}", partial(write, bench.exact, embeddings, n))
        written.append((start, bos, decode(said)))
        yield 1.0
    said = bench.work.once(CONTEXT, lambda: list(generate(bench.exact, context.ids, n)))
    written.append((CONTEXT, False, decode(said)))
    yield 1.0

    first, second = decode(list(ids)), decode(list(continuation.ids[n:]))
    like = similarities([context.text, first, second], [text for _, _, text in written])
    return [
        {
            "context": k,
            "start": start,
            "bos": bos,
            "text": text,
            "first_half": first,
            "second_half": second,
            "context_text": context.text,
            **dict(zip(LIKE, values, strict=True)),
            **kept,
        }
        for (start, bos, text), values in zip(written, like, strict=True)
    ]


def starts(
    model: FrozenModel, found: Outcome, key: ArrangementKey
) -> Iterator[tuple[str, bool, Float[Tensor, "L d"]]]:
    """Yield what the model is fed: name, whether BOS stands before it, input embeddings.

    Without a BOS token in the tokenizer only the starts without it; without m in the arrangement
    (A1, or a text of one token) only e, for m was then never trained.
    """
    e, m = (torch.from_numpy(np.array(v, np.float32)).to(model.device) for v in (found.e, found.m))
    trained = {"e": [e]}
    if holds_m(key, len(found.row.target_ids)).any():
        trained |= {"m": [m], "e, m": [e, m]}
    bos = model.tokenizer.bos_id
    for name, vectors in trained.items():
        fed = torch.stack(vectors)
        yield name, False, fed
        if bos is not None:
            yield name, True, torch.cat([model.embed(torch.tensor([[bos]]))[0].to(fed.dtype), fed])


@torch.no_grad()
def write(model: FrozenModel, embeddings: Float[Tensor, "L d"], count: int) -> list[int]:
    """Return the `count` likeliest next tokens, one after the other, with a KV cache.

    The end-of-text token does not end it. Computed in the model's number format.

    Args:
        model: any frozen model.
        embeddings: what it is fed first, as input embeddings.
        count: how many tokens, at least 1.
    """
    logits, past = model.go_on(embeddings[None])
    ids = [int(logits.argmax())]
    while len(ids) < count:
        logits, past = model.go_on(model.embed(torch.tensor([ids[-1:]])), past)
        ids.append(int(logits.argmax()))
    return ids


def similarities(known: Sequence[str], written: Sequence[str]) -> list[list[float]]:
    """Return the cosine of sentence embeddings of each written text with each known one.

    Shape (written, known).
    """
    from explorer.geometry import text_distances

    near = 1 - text_distances.semantic_distances([*known, *written])
    wanted: list[list[float]] = near[len(known) :, : len(known)].tolist()
    return wanted
