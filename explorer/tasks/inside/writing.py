"""What a model goes on to write after e and m, after the text itself, and after nothing (E12)."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.base.language import later
from explorer.inside.header import Writing, roles_of
from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import Solution
from explorer.tasks.experiments.readout import similarities

WHOLE, ONCE = later("e and m, as in the pass"), "[e, m]"
TEXT, NOTHING = later("the text itself"), later("nothing")
QUESTIONS = (
    "\n\nQuestion: What is the text above about?\nAnswer:",
    "\n\nQuestion: Repeat the text above.\nAnswer:",
)

Asked = tuple[str, str, Float[Tensor, "L d"]]
"""The start in words, the question after it, and both as input embeddings."""


def asked(model: FrozenModel, solution: Solution, inputs: Float[Tensor, "L d"]) -> Iterator[Asked]:
    """Yield what the model is fed before it writes.

    A BOS token stands first wherever the tokenizer has one, but not before the whole input: that
    is fed as it was trained. Questions follow all but the short [e, m], which is left out where
    the whole input holds no m.

    Args:
        model: what writes.
        solution: whose e and m.
        inputs: of its pass.
    """

    def tokens(ids: Sequence[int]) -> Float[Tensor, "L d"]:
        return model.embed(torch.tensor([list(ids)], dtype=torch.long))[0].float()

    encode = model.tokenizer.encode
    bos = [] if model.tokenizer.bos_id is None else [model.tokenizer.bos_id]
    e_m = torch.stack([torch.from_numpy(v) for v in (solution.e, solution.m)]).to(model.device)
    starts = {
        WHOLE: inputs,
        ONCE: torch.cat([tokens(bos), e_m]),
        TEXT: tokens([*bos, *solution.target_ids.tolist()]),
        NOTHING: tokens(bos or encode("\n")[:1]),
    }
    if "m" not in roles_of(solution.record.arrangement, solution.length):
        del starts[ONCE]
    for start, fed in starts.items():
        yield start, "", fed
    for question in QUESTIONS:
        for start, fed in starts.items():
            if start != ONCE:
                yield start, question.strip(), torch.cat([fed, tokens(encode(question))])


def compared(text: str, written: Sequence[tuple[str, str, str]]) -> list[Writing]:
    """Return what was written with its likeness to the text, and to what follows the text.

    Args:
        text: the solution's.
        written: start, question and what was written.

    Raises:
        MissingAssetError: if the sentence model is not installed.
    """
    follows = next(t for start, question, t in written if (start, question) == (TEXT, ""))
    like = similarities([text, follows], [said for _, _, said in written])
    return [
        Writing(start=start, question=question, text=said, like_text=a, like_next=b)
        for (start, question, said), (a, b) in zip(written, like, strict=True)
    ]
