"""Each family's body beside Llama's: `python -m benchmarks.bodies [--json] [--short]`.

Random models of the embedded model's shapes, one training step of 8 rows × N = 64. Prints how long
a family's step takes over Llama's, and over its own through transformers and autograd, the two
sides of each ratio in turn: up to nine times, and three at least, as many as fit in eight minutes
for all families. `--short` takes seconds and says nothing about speed.
"""

import argparse
import json
import math
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import tiny
from benchmarks.engine import machine
from benchmarks.speed import seconds, trainer
from explorer.model.families import FAMILIES
from explorer.model.frozen import FrozenModel, best_device, fast_dtype
from explorer.model.loading import load

SHAPES: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
"""SmolLM2-135M's, of which a family takes what it has."""
SHORT = {"vocab_size": tiny.VOCABULARY, "num_hidden_layers": 2}
ROWS, LENGTH = 8, 64
MOST, LEAST = 9, 3
"""Rounds of a ratio."""
SECONDS = 480.0
"""For all families' rounds together; a slow machine takes fewer of them."""
AGAINST_LLAMA = 0.6
"""The part of a family's time for that ratio; the other one's steps are slower."""


def random_model(family: str, folder: Path, shapes: dict[str, Any]) -> FrozenModel:
    """Save a random model of a family and load it as any other, in the format of the search."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    grouped = {} if family == "gpt_neox" else {"num_key_value_heads": 3, "head_dim": 64}
    config = AutoConfig.for_model(family, **shapes | grouped)
    device = best_device()
    dtype = fast_dtype(device)
    AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(folder)
    tiny.save_tokenizer(folder, bos="<|endoftext|>")
    model = load(folder, family, dtype=dtype, device=device)
    assert model.body is not None, family
    return model


def beside(
    one: FrozenModel, other: FrozenModel, most: int, within: float = math.inf
) -> tuple[float, float, int]:
    """Time steps of two models turn by turn, after a round that counts for nothing.

    Args:
        one: takes the first turn.
        other: takes the second; the ratio is over its time.
        most: rounds.
        within: seconds after which no further round begins, once there are `LEAST`.

    Returns:
        How long one takes over the other, the median of the rounds' ratios; how long one takes,
        the median; and the number of rounds.
    """
    engines = [trainer(model, ROWS, LENGTH) for model in (one, other)]
    times: list[list[float]] = []
    while len(times) <= most and (len(times) <= LEAST or sum(map(sum, times)) < within):
        times.append([seconds(engine.step, one.device) for engine in engines])
    return (
        statistics.median(mine / theirs for mine, theirs in times[1:]),
        statistics.median(mine for mine, _ in times[1:]),
        len(times) - 1,
    )


def measure(*, short: bool) -> dict[str, Any]:
    """Measure every family."""
    most, shapes = (1, SHAPES | SHORT) if short else (MOST, SHAPES)
    each = SECONDS / len(FAMILIES)
    with tempfile.TemporaryDirectory() as root:
        llama = random_model("llama", Path(root, "llama"), shapes)
        result: dict[str, Any] = {"machine": machine(llama), "short": short, "families": []}
        for family in FAMILIES:
            model = random_model(family, Path(root, family), shapes)
            over_llama, step, rounds = beside(model, llama, most, AGAINST_LLAMA * each)
            by_autograd = replace(model, body=None)
            over_autograd, *_ = beside(model, by_autograd, most, (1 - AGAINST_LLAMA) * each)
            weights = sum(weight.numel() for weight in model.network.parameters())
            result["families"].append(
                {"family": family, "over_llama": over_llama, "over_autograd": over_autograd,
                 "step_seconds": step, "weights": weights, "rounds": rounds}
            )  # fmt: skip
            del model
    return result


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    arguments = parser.parse_args()
    result = measure(short=arguments.short)
    if arguments.json:
        print(json.dumps(result))
        return
    print(result["machine"])
    for line in result["families"]:
        print(
            f"{line['family']:10} {line['over_llama']:.2f} of Llama's step, "
            f"{line['over_autograd']:.2f} of its own through autograd"
        )


if __name__ == "__main__":
    main()
