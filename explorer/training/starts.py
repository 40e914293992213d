"""Where trained vectors start."""

from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from explorer.models import FrozenModel
from explorer.recipes import Recipe
from explorer.training.rows import Row

KNOWN_M = Path(__file__).parents[1] / "data" / "known_m"
"""m that were handed down from text to text (`tools/record_known_m.py`), a file for each model that
some ship for, named after its weights."""


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


def start_of(model: FrozenModel, recipe: Recipe, row: Row) -> Float[Tensor, "2 d"]:
    """Return e and m of a row as the recipe starts them: `start`, and what they may know."""
    pair = start(model, recipe, row.seed, 2)
    if recipe.target_in_e:
        ids = torch.tensor(row.target_ids, device=model.device)
        about = model.embed(ids).float().mean(0) - model.embedding_mean
        pair[0] += _as_long_as(recipe.target_in_e * model.embedding_std, about.cpu())
    if recipe.known_m is not None and (known := known_m(model.fingerprint)) is not None:
        pair[1] = as_known(model, known[row.seed % len(known)], recipe.known_m)
    return pair


def as_known(model: FrozenModel, m: Float[Tensor, "*S d"], length: float) -> Float[Tensor, "*S d"]:
    """Return known m as they are started from, `length` embedding std per dimension long."""
    return _as_long_as(length * model.embedding_std, m)


def _as_long_as(each: float, vectors: Float[Tensor, "*S d"]) -> Float[Tensor, "*S d"]:
    """Return vectors of the same direction with the root mean square `each` over dimensions."""
    return vectors * (each / vectors.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-12))


@cache
def known_m(fingerprint: str) -> Float[Tensor, "S d"] | None:
    """Return the m that ship for the model with these weights, or None if none do."""
    file = known_m_file(fingerprint)
    return load_file(file)["m"].float() if file.exists() else None


def known_m_file(fingerprint: str) -> Path:
    """Return where they lie, or would: float16 `m` (S, d_model)."""
    return KNOWN_M / f"{fingerprint[:16]}.safetensors"
