"""Where trained vectors start."""

import hashlib
import math
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.base.tensor_files import TensorFormat
from explorer.base.value import Value
from explorer.model.frozen import FrozenModel
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.recipes import Recipe
from explorer.training.rows import Row

WARM = Path(__file__).parents[1] / "data" / "warm_starts"
"""Pairs of e and m that were handed down from text to text (`tools/record_warm_starts.py`), a file
for each model that some ship for, named after its weights, and after an arrangement that has its
own."""


class WarmHeader(Value):
    """Nothing: a file's name says whose pairs they are."""


FORMAT: TensorFormat[WarmHeader] = TensorFormat(
    noun="a file of warm starts",
    key="warm_starts",
    header=WarmHeader,
    layout=lambda _: {"pairs": ("f2", ("pairs", 2, "d_model"))},
    advice="fetch it again",
)


def start(model: FrozenModel, recipe: Recipe, seed: int, count: int) -> Float[Tensor, "count d"]:
    """Return vectors as the recipe starts them (H1, or around the embeddings' mean).

    One vector is the first of two: one memory vector of a seed starts where that seed's e does
    under a recipe whose e knows nothing of the target.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(max(2, count), model.d_model, generator=generator)[:count]
    noise = noise * recipe.init_scale
    if recipe.init == "normal":
        return noise
    return model.embedding_mean.cpu() + model.embedding_std * noise


def start_of(
    model: FrozenModel,
    recipe: Recipe,
    row: Row,
    warm: Float[Tensor, "2 d"] | None = None,
    arrangement: ArrangementKey | None = None,
) -> Float[Tensor, "2 d"]:
    """Return e and m of a row as the recipe starts them: `start`, and what they may know.

    Args:
        model: what they are for.
        recipe: how they start.
        row: its seed decides, and its target if e may know it.
        warm: e and m of a solution of another text, for recipes that start near one; None: the
            pair of this seed among those that ship for the model, if any do.
        arrangement: what they are trained in; some has pairs of its own.
    """
    pair = start(model, recipe, row.seed, 2)
    if recipe.known_m is not None:
        if warm is None and (shipped := warm_pairs(model.fingerprint, arrangement)) is not None:
            warm = shipped[row.seed % len(shipped)]
        if warm is not None:
            pair[0] = _towards(model, recipe, pair[0], warm[0])
            pair[1] = _as_long_as(recipe.known_m * model.embedding_std, warm[1])
    if recipe.target_in_e:
        ids = torch.tensor(row.target_ids, device=model.device)
        about = model.embed(ids).float().mean(0) - model.embedding_mean
        pair[0] += _as_long_as(recipe.target_in_e * model.embedding_std, about.cpu())
    return pair


def _towards(
    model: FrozenModel, recipe: Recipe, e: Float[Tensor, " d"], warm: Float[Tensor, " d"]
) -> Float[Tensor, " d"]:
    """Return e's random start turned towards a warm e, both seen from the starts' middle."""
    plain = recipe.init == "normal"
    centre = torch.zeros_like(e) if plain else model.embedding_mean.cpu()
    spread = recipe.init_scale * (1.0 if plain else model.embedding_std)
    share = recipe.known_e
    random = math.sqrt(1 - share**2) * (e - centre)
    return centre + random + share * _as_long_as(spread, warm - centre)


def _as_long_as(each: float, vector: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """Return a vector of the same direction with the root mean square `each` over dimensions."""
    return vector * (each / vector.square().mean().sqrt().clamp_min(1e-12))


@cache
def warm_pairs(
    fingerprint: str, arrangement: ArrangementKey | None = None
) -> Float[Tensor, "S 2 d"] | None:
    """Return the e and m that ship for the model with these weights, or None if none do.

    Those that were handed down in this arrangement, where it has any of its own.
    """
    for key in (arrangement, None):
        if (file := warm_file(fingerprint, key)).exists():
            return torch.from_numpy(FORMAT.load(file)[1]["pairs"]).float()
    return None


def warm_digest(fingerprint: str, arrangement: ArrangementKey) -> str | None:
    """Return twelve hexadecimal digits of what `warm_pairs` gives; None: it gives nothing.

    The pairs decide where rows start, and may be handed further down: records name them.
    """
    pairs = warm_pairs(fingerprint, arrangement)
    return None if pairs is None else hashlib.sha256(pairs.numpy().tobytes()).hexdigest()[:12]


def warm_file(fingerprint: str, arrangement: ArrangementKey | None = None) -> Path:
    """Return where they lie, or would: float16 `pairs` (S, 2, d_model)."""
    own = "" if arrangement is None else f"-{arrangement}"
    return WARM / f"{fingerprint[:16]}{own}.safetensors"
