"""Finds out what a model's first position can say, and whether a sink before e helps, by training.

Once for each model.

One memory vector is trained for each of a few words, N = 1, as the autoregressive baseline trains
them (`TeacherForced`): at the first position, and behind a token that can be the attention sink in
its place. Then pairs of e and m are trained on several words at once: in the paper's arrangement
that suits, mixed behind that token, and, where the first position says too little, with that token
before e. That the first position differs was measured on the embedded model, which in the paper's
arrangement gets every token right but the first.
"""

import contextlib
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import StorageError
from explorer.model.frozen import FrozenModel
from explorer.runtime.interruption import Interrupted, listening
from explorer.specs.arrangements import ARRANGEMENTS, AUTO, ArrangementChoice, ArrangementKey
from explorer.specs.recipes import INDEPENDENT
from explorer.training import Row, Trainer
from explorer.training.layouts import Layout, OnePass, TeacherForced

WORDS = (
    "ferry", "letter", "water", "because", "green", "seven", "quickly", "history", "music", "light",
    "of", "went",
)  # fmt: skip
"""Ordinary, and not among the likeliest beginnings of a text, which a sink can be made to say: of
The, It, She … the embedded model's first position learned 9 of 12 within 40 steps, of these 2 (and
behind BOS, within 15 steps, 12 and 9)."""
STEPS = 16
PAIR_STEPS = 24
PAIR_TOKENS, PAIRS = 6, 4
"""Words that a pair is to output at once, and how many pairs try."""
RECIPE = INDEPENDENT.model_copy(
    update={
        "name": "probe",
        "warmup_steps": 0,
        "schedule": "constant",
        "precision": "float32",
        "finish_margin": 0.0,
    }
)
STANDING_IN = ("\n", ".", " the")
"""Where there is no BOS token, the one of these behind which most is said is the sink."""


Steps = Generator[None, None, int]
"""Training that yields after each of its steps and returns how many tokens are right."""


class Probing:
    """A probe under way: whoever needs what it finds takes it on, step by step.

    Attributes:
        fraction: how much of it is done, 0 to 1.
        found: what it found, once it is over.
    """

    def __init__(self, model: FrozenModel) -> None:
        """Begin; the model is in float32 where that fits."""
        self.fraction = 0.0
        self.found: FirstPosition | None = None
        self._model, self._steps = model, _probe(model)

    def step(self) -> None:
        """Take the next step of training; after an error the probe begins anew."""
        try:
            self.fraction = next(self._steps)
        except StopIteration as end:
            self.found = end.value
        except Exception:
            self._steps = _probe(self._model)
            raise


def _probe(model: FrozenModel) -> Generator[float, None, FirstPosition]:
    """Train a vector for each word, at the first position and behind a sink, then e and m.

    These for several words: without a sink, mixed behind it, and where the first position cannot
    say any token, in the paper's order behind it. Yields how much is done.
    """
    tokenizer = model.tokenizer
    targets = _last_tokens(tokenizer, [f" {word}" for word in WORDS])
    bos = tokenizer.bos_id
    candidates = _last_tokens(tokenizer, STANDING_IN) if bos is None else [bos]
    taken, most = 0, (len(candidates) + 1) * STEPS + 3 * PAIR_STEPS

    def counted(training: Steps) -> Generator[float, None, int]:
        nonlocal taken
        while True:
            try:
                next(training)
            except StopIteration as end:
                return int(end.value)
            taken += 1
            yield min(1.0, taken / most)

    said = {}
    for sink in candidates:
        said[sink] = yield from counted(_said(model, targets, sink))
    alone = yield from counted(_said(model, targets, None))
    best = max(said, key=said.__getitem__)
    found = FirstPosition(
        fingerprint=model.fingerprint,
        words=len(targets),
        alone=alone,
        behind=said[best],
        sink=best,
        sink_text="BOS" if best == bos else f"token {best}",
        steps=STEPS,
        computed_in=model.number_format,
    )
    tried: dict[str, OnePass] = {"by_paper": OnePass(found.of_paper)}
    if not found.can_say:
        tried["by_sink"] = OnePass("sink+e+mN", best)
    tried["by_mixed"] = OnePass("sink+mixed", best)
    output: dict[str, int] = {"tokens": PAIRS * PAIR_TOKENS, "pair_steps": PAIR_STEPS}
    for name, layout in tried.items():
        output[name] = yield from counted(_by_pairs(model, targets, layout))
    return found.model_copy(update=output)


def probed(
    model: FrozenModel, exact_model: Callable[[], FrozenModel] | None = None
) -> FirstPosition:
    """Return what the model's first position can say, probing it where that is not known yet.

    A probe is made to its end here, also if somebody stops or pauses meanwhile what it is made for.
    Jobs and commands take its steps one by one before (`explorer.tasks.probe`).

    Args:
        model: the model in any number format.
        exact_model: gives the same weights in float32, to be probed; None: `model` is.
    """
    found = known(model)
    if found is None:
        with listening(lambda: False):
            found = probe((exact_model or (lambda: model))())
        keep(found)
    return found


def keep(found: FirstPosition) -> None:
    """Keep what was found for the next process; where the disk refuses, it finds it again."""
    with contextlib.suppress(StorageError):
        first_position.keep(found)


def known(model: FrozenModel) -> FirstPosition | None:
    """Return what is known of the model's first position; None: it has to be probed, or again."""
    found = first_position.find(model.fingerprint)
    return found if found is not None and found.complete else None


def probe(model: FrozenModel) -> FirstPosition:
    """Probe a model to the end."""
    probing = Probing(model)
    while probing.found is None:
        probing.step()
    return probing.found


def is_needed(choices: Collection[str], model: FrozenModel) -> bool:
    """Return whether what was chosen of arrangements and layouts depends on the model's probe.

    What is left open does, and whatever begins with a sink where there is no BOS to be it.
    """
    no_bos = model.tokenizer.bos_id is None
    return any(
        choice in (AUTO, "bos+mem")
        or (no_bos and choice in ARRANGEMENTS and ARRANGEMENTS[choice].has_sink)
        for choice in choices
    )


def arrangement_for(
    choice: ArrangementChoice,
    model: FrozenModel,
    exact_model: Callable[[], FrozenModel] | None = None,
    *,
    quickest: bool = False,
) -> ArrangementKey:
    """Return the arrangement that was chosen, or where that is open the one that suits.

    One with a sink makes sure that the model's is known.

    Args:
        choice: an arrangement, or `auto`.
        model: the model in any number format.
        exact_model: gives the same weights in float32; None: `model` has them.
        quickest: whether `auto` is the quickest one instead of the nearest to the paper's.
    """
    if choice == "auto":
        found = probed(model, exact_model)
        return found.quickest if quickest else found.arrangement
    if is_needed([choice], model):
        probed(model, exact_model)
    return choice


def _last_tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Return the last token of each text; token 0 where the tokenizer knows none of them."""
    return [ids[-1] for text in texts if (ids := tokenizer.encode(text))] or [0]


def _said(model: FrozenModel, targets: list[int], sink: int | None) -> Steps:
    """Return how many of these tokens a vector of its own learns to say within `STEPS` steps."""
    return _right(model, [(target,) for target in targets], TeacherForced(1, sink), STEPS)


def _by_pairs(model: FrozenModel, targets: list[int], layout: OnePass) -> Steps:
    """Return how many tokens pairs of e and m output after `PAIR_STEPS` steps."""
    words = targets * PAIR_TOKENS
    step = max(1, len(targets) // PAIRS)
    texts = [tuple(words[step * k : step * k + PAIR_TOKENS]) for k in range(PAIRS)]
    return _right(model, texts, layout, PAIR_STEPS)


def _right(
    model: FrozenModel, texts: Sequence[tuple[int, ...]], layout: Layout[Any], steps: int
) -> Steps:
    """Train one row on each text for so many steps and return how many tokens are right."""
    rows = [Row(text, seed) for seed, text in enumerate(texts)]
    trainer = Trainer(model, rows, layout, RECIPE.model_copy(update={"max_steps": steps}))
    while not trainer.finished:
        with contextlib.suppress(Interrupted):  # whoever wants that is heard where it yields
            trainer.step()
        yield
    return round(float(trainer.report(detailed=False).accuracy.sum()) * len(texts[0]))
