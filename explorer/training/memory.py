"""How many rows are run at once: what fits into memory, and what a processor likes."""

from collections.abc import Sequence
from fractions import Fraction

import torch

from explorer.base.language import later
from explorer.model.frozen import FrozenModel, memory_free
from explorer.runtime.step_times import POSITIONS

ONE_ROW = later(
    "One row of this length does not fit into memory. Choose a shorter length or a smaller model."
)
"""What is said where nothing can be divided further."""


def rows_that_fit(model: FrozenModel, length: int) -> int:
    """Estimate how many rows of `length` input positions one pass there and back can hold.

    Allows half of what is free. The estimate may be wrong either way; running out of memory halves
    it.
    """
    each = length * bytes_of_a_position(model)
    return max(1, int(memory_free(model.device) // 2 // max(each, 1)))


def bytes_of_a_position(model: FrozenModel) -> int:
    """Estimate what a pass keeps of an input position for the way back, bytes.

    About 16 d_model and 4 MLP widths a layer, in the model's number format.
    """
    config = model.network.config.get_text_config(decoder=True)
    widths = getattr(config, "intermediate_size", None)  # of each layer, of all, or not said
    width = max(widths) if isinstance(widths, list) else widths or 4 * model.d_model
    layers = int(getattr(config, "num_hidden_layers", 1))
    return int(layers * (16 * model.d_model + 4 * width) * model.dtype.itemsize)


def rows_of_next_pass(device: torch.device, left: Sequence[tuple[int, int]]) -> int:
    """Return how many of the rows go into the next pass, so that passes are about equally large.

    Args:
        device: a CPU takes few long rows at a time.
        left: target tokens of each row that still has to be run, in their order, and how many
            rows like it memory allows; at least one.
    """
    most, tokens, memory = 0, 0, Fraction(0)
    for length, fit in left:
        tokens, memory = tokens + length, memory + Fraction(1, fit)
        if most and (memory > 1 or (device.type == "cpu" and tokens > POSITIONS)):
            break
        most += 1
    passes = -(-len(left) // most)
    return -(-len(left) // passes)
