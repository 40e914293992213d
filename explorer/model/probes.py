"""Trying a network out before anything is trained: whether it is causal, and takes vectors.

Families differ in what nobody writes into config.json. So a few positions are run, and what would
go wrong later, or give wrong numbers in silence, is said in a sentence now.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from explorer.base.errors import ModelError
from explorer.base.language import later, tr
from explorer.model.frozen import is_out_of_memory
from explorer.runtime.interruption import Interrupted

LENGTH = 6
"""Positions of a probe."""
LEAK = 1e-4
"""Largest gradient by later inputs, as a share of that by earlier ones, that is rounding."""

_OTHER = later("Choose another model.")

DECODES = ("is_decoder", "causal")
"""What makes a model causal that need not be, in its configuration."""


@contextmanager
def said(folder: Path, what: str, advice: str = _OTHER) -> Iterator[None]:
    """Turn whatever the code of some two hundred families raises into a sentence with advice."""
    try:
        yield
    except (Interrupted, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, ImportError):
            advice = later("It needs a package that is not installed here: choose another model.")
        elif is_out_of_memory(error):
            advice = later("There is too little memory: choose a smaller model.")
        short = f"{type(error).__name__}: {shorten(str(error), 200, placeholder=' …')}"
        raise ModelError(
            tr(
                "The model in {folder} {what} ({short}). {advice}",
                folder=folder,
                what=tr(what),
                short=short,
                advice=tr(advice),
            )
        ) from error


def tolerance(network: Any) -> float:
    """Return how far results that should be equal may differ, as a share of the largest."""
    return 1e-3 if network.dtype == torch.float32 else 0.1


@torch.no_grad()
def embedding_table(network: Any, folder: Path) -> Float[Tensor, "vocab d"]:
    """Return the input embeddings of all tokens as they go in: some models scale their table.

    Raises:
        ModelError: if the network does not look one vector up for each token.
    """
    with said(folder, later("has no table of input embeddings")):
        embeddings = network.get_input_embeddings()
        table: Tensor = embeddings(
            torch.arange(embeddings.num_embeddings, device=network.device)
        ).float()
        if table.ndim != 2:
            raise TypeError(f"the embeddings have the shape {tuple(table.shape)}")
    return table


def require_usable(network: Any, folder: Path) -> int | None:
    """Make sure that a network can be trained by its inputs, and return its positions' number.

    Returns:
        How many positions its tables of position embeddings have, None if it has none.

    Raises:
        ModelError: if vectors cannot be put in place of tokens, if a later input changes an
            earlier output, or if there is no gradient by the inputs.
    """
    ids = _some_ids(network)
    with torch.no_grad():
        inputs = network.get_input_embeddings()(ids)
        between = inputs + inputs.roll(1, 1) / 3  # no token's, as what is trained
    with said(folder, later("cannot be run on input embeddings alone")), torch.no_grad():
        by_vectors = _logits(network, inputs_embeds=inputs.clone())
    with said(folder, later("takes no input embeddings but those of its tokens")), torch.no_grad():
        _logits(network, inputs_embeds=between.clone())
    with said(folder, later("cannot be run")), torch.no_grad(), _PositionTables() as tables:
        by_tokens = _logits(network, input_ids=ids)
    if not by_tokens.isfinite().all():
        raise ModelError(
            tr(
                "The outputs of the model in {folder} are not finite numbers, even for plain "
                "tokens. Its weights are damaged, or do not fit this version of transformers: "
                "choose another.",
                folder=folder,
            )
        )
    if not _alike(by_vectors, by_tokens, tolerance(network)):
        raise ModelError(
            tr(
                "The model in {folder} looks up more for a token than one input embedding (another "
                "embedding in every layer, for one), so a vector cannot stand in a token's place. "
                "Choose another model.",
                folder=folder,
            )
        )
    _require_causal(network, between, folder)
    positions: int | None = tables.positions
    return positions


def _require_causal(network: Any, inputs: Float[Tensor, "1 L d"], folder: Path) -> None:
    """Make sure that a position's logits depend on it and those before, by their gradient.

    A masked position has no part in a result at all, whatever the number format, so a leak shows
    however small it is.
    """
    middle = inputs.shape[1] // 2
    given = inputs.detach().clone().requires_grad_()
    with said(folder, later("gives no gradient by its inputs")), torch.enable_grad():
        logits = _logits(network, inputs_embeds=given.clone())[0, middle]
        draw = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((logits * draw.to(logits.device)).sum(), given)
    by_position = gradient[0].float().abs().amax(-1)
    seen, after = by_position[: middle + 1].max(), by_position[middle + 1 :].max()
    if not (torch.isfinite(by_position).all() and seen > 0):
        raise ModelError(
            tr(
                "The model in {folder} gives no usable gradient by its inputs, so nothing can be "
                "trained with it. Choose another model.",
                folder=folder,
            )
        )
    if after > LEAK * seen:
        off = next((s for s in DECODES if getattr(network.config, s, None) is False), None)
        advice = (
            tr(
                "If it is meant to be a decoder, set {off} to true in config.json; otherwise "
                "choose another model.",
                off=off,
            )
            if off
            else tr(_OTHER)
        )
        raise ModelError(
            tr(
                "The model in {folder} is not causal: what it says at one position depends on "
                "positions that come later. {advice}",
                folder=folder,
                advice=advice,
            )
        )


@torch.no_grad()
def remembers(network: Any) -> bool:
    """Whether a network goes on from its cache of keys and values as if it read everything again.

    Others keep what they remember in another way, or not at all, and read from the beginning.
    """
    inputs = network.get_input_embeddings()(_some_ids(network))
    try:
        whole = _logits(network, inputs_embeds=inputs.clone())[0]
        past, answers = None, []
        for part in (inputs[:, :3], *inputs[:, 3:].split(1, 1)):
            output = network(inputs_embeds=part.clone(), past_key_values=past, use_cache=True)
            past = output.past_key_values
            answers.append(output.logits[0, -1].float())
    except Interrupted:
        raise
    except Exception:  # whatever the code of some two hundred families raises
        return False
    return past is not None and _alike(torch.stack(answers), whole[2:], tolerance(network))


def _some_ids(network: Any) -> Int[Tensor, "1 L"]:
    """Return ids from the middle of the vocabulary, downwards: special tokens stand at its ends.

    Upwards those of a few tokens would be taken for positions (`_PositionTables`).
    """
    count = int(network.get_input_embeddings().weight.shape[0])
    ids = torch.arange(LENGTH, device=network.device) * max(1, count // (2 * LENGTH)) + count // 4
    return ids.flip(0)[None] % count


def _logits(network: Any, **given: Any) -> Float[Tensor, "1 L vocab"]:
    logits: Tensor = network(**given, use_cache=False, return_dict=True).logits
    if logits.ndim != 3 or logits.shape[1] != LENGTH:
        raise ValueError(f"the logits of {LENGTH} positions have the shape {tuple(logits.shape)}")
    return logits.float()


def _alike(a: Tensor, b: Tensor, share: float) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= share * b.abs().max())


class _PositionTables(TorchDispatchMode):
    """Finds out how long an input may be, from the tables that positions are looked up in.

    `max_position_embeddings` promises too much where a family begins to count at another number
    than 0, as RoBERTa does.
    """

    positions: int | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.embedding.default:
            table, ids = args[0], args[1].flatten()
            steps = ids[:LENGTH].diff()
            if len(ids) >= LENGTH and bool((steps == 1).all()):
                room = len(table) - int(ids[0])
                self.positions = min(room, self.positions or room)
        return func(*args, **(kwargs or {}))
