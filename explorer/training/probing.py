"""Finds out what a model's first position can say, by training: once for each model.

One memory vector is trained for each of a few words, N = 1, as the autoregressive baseline trains
them (`TeacherForced`): at the first position, and behind a token that can be the attention sink in
its place. That the first position differs was measured on the embedded model, which in the paper's
arrangement gets every token right but the first.
"""

import contextlib
from collections.abc import Callable, Sequence

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import StorageError
from explorer.model.frozen import FrozenModel
from explorer.specs.arrangements import ArrangementChoice, ArrangementKey
from explorer.specs.recipes import INDEPENDENT
from explorer.training import Row, Trainer
from explorer.training.layouts import TeacherForced

WORDS = (
    "ferry", "letter", "water", "because", "green", "seven", "quickly", "history", "music", "light",
    "of", "went",
)  # fmt: skip
"""Ordinary, and not among the likeliest beginnings of a text, which a sink can be made to say: of
The, It, She … the embedded model's first position learned 9 of 12 within 40 steps, of these 2 (and
behind BOS, within 15 steps, 12 and 9)."""
STEPS = 16
RECIPE = INDEPENDENT.model_copy(
    update={
        "name": "probe", "warmup_steps": 0, "schedule": "constant", "max_steps": STEPS,
        "precision": "float32", "finish_margin": 0.0,
    }
)  # fmt: skip
STANDING_IN = ("\n", ".", " the")
"""Where there is no BOS token, the one of these behind which most is said is the sink."""

_known: dict[str, FirstPosition] = {}


def probed(
    model: FrozenModel, exact_model: Callable[[], FrozenModel] | None = None
) -> FirstPosition:
    """Return what the model's first position can say, probing it where that is not known yet.

    Args:
        model: the model in any number format.
        exact_model: gives the same weights in float32, to be probed; None: `model` is.
    """
    found = first_position.find(model.fingerprint)
    if found is None:
        found = _known.get(model.fingerprint) or probe((exact_model or (lambda: model))())
        with contextlib.suppress(StorageError):  # else it is found again by the next process
            first_position.keep(found)
    _known[model.fingerprint] = found
    return found


def arrangement_for(
    choice: ArrangementChoice,
    model: FrozenModel,
    exact_model: Callable[[], FrozenModel] | None = None,
) -> ArrangementKey:
    """Return the arrangement that was chosen, or where that is open the one that suits."""
    return probed(model, exact_model).arrangement if choice == "auto" else choice


def probe(model: FrozenModel) -> FirstPosition:
    """Train a vector for each word, at the first position and behind a sink; count what is said."""
    tokenizer = model.tokenizer
    targets = _last_tokens(tokenizer, [f" {word}" for word in WORDS])
    bos = tokenizer.bos_id
    candidates = _last_tokens(tokenizer, STANDING_IN) if bos is None else [bos]
    said = {sink: _said(model, targets, sink) for sink in candidates}
    best = max(said, key=said.__getitem__)
    return FirstPosition(
        fingerprint=model.fingerprint,
        words=len(targets),
        alone=_said(model, targets, None),
        behind=said[best],
        sink=best,
        sink_text="BOS" if best == bos else f"token {best}",
        steps=STEPS,
        computed_in=str(model.dtype).removeprefix("torch."),
    )


def _last_tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Return the last token of each text; token 0 where the tokenizer knows none of them."""
    return [ids[-1] for text in texts if (ids := tokenizer.encode(text))] or [0]


def _said(model: FrozenModel, targets: list[int], sink: int | None) -> int:
    """Return how many of these tokens a vector of its own learns to say within `STEPS` steps."""
    rows = [Row((target,), seed) for seed, target in enumerate(targets)]
    trainer = Trainer(model, rows, TeacherForced(1, sink), RECIPE)
    while not trainer.finished:
        trainer.step()
    return int(trainer.report(detailed=False).accuracy.sum())
