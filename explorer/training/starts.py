"""Where trained vectors start."""

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.models import FrozenModel
from explorer.recipes import Recipe


def start(model: FrozenModel, recipe: Recipe, seed: int, count: int) -> Float[Tensor, "count d"]:
    """Return vectors as the recipe starts them (H1, or around the embeddings' mean).

    One vector is the first of two: one memory vector of a seed starts where that seed's e does.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(max(2, count), model.d_model, generator=generator)[:count]
    noise = noise * recipe.init_scale
    if recipe.init == "normal":
        return noise
    return model.embedding_mean.cpu() + model.embedding_std * noise
