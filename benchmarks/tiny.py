"""A random model of a few kilobytes, and work for it that takes seconds: for trials only."""

from pathlib import Path

from explorer.experiments.catalogue import experiment
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import (
    ExperimentSpec,
    GatheredText,
    JobSpec,
    PathsSpec,
    ReconstructSpec,
    SolveSetSpec,
)
from explorer.specs.recipes import INDEPENDENT

TRAINING_TEXT = (
    "The heron waits by the reservoir while the evening tram goes home.\n"
    "Two vectors say a whole text: the heron, the tram, the bell and the letter.\n"
    "It wasn't the 1st time in 1987, nor the 2nd; there were 12,500 herons that year.\n"
    "naïve café, Straße, Привет мир, 日本語, שלום, مرحبا, 👩‍🚀\n"
)
"""What the tokenizer's merges come from."""

VOCABULARY = 300

QUICK = INDEPENDENT.model_copy(
    update={
        "name": "quick",
        "max_steps": 600,
        "lr": 0.5,
        "warmup_steps": 5,
        "init_scale": 1.0,
        "ease_below": None,
        "flatten": 0.0,
        "precision": "float32",
    }
)
"""Exact after some twenty steps on the tiny model, for three or four tokens."""


def save_tokenizer(folder: Path, *, bos: str) -> None:
    """Save a byte-level BPE tokenizer with all 256 bytes and `bos`, 300 tokens in all."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[bos],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TRAINING_TEXT], trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token=bos
    ).save_pretrained(folder)


def save_llama(folder: Path) -> Path:
    """Save a random Llama: d_model 32, 2 layers, 128 positions, tied embeddings, float32.

    Its weights are drawn wider than usual, so that positions and inputs tell in the logits.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    save_tokenizer(folder, bos="<|begin_of_text|>")
    return folder


def short(model: Path, seed: int) -> ReconstructSpec:
    """Ask for a reconstruction of a second."""
    return ReconstructSpec(
        model=str(model),
        text="The heron waits by the reservoir",
        length=3,
        seed=seed,
        arrangement="e+mN-1",
        recipe=QUICK,
        restarts=2,
    )


def round_of(model: Path, seed: int) -> list[JobSpec]:
    """Ask for one job of each kind that takes long, of about ten seconds each."""
    hard = QUICK.model_copy(update={"name": "hard", "max_steps": 1_000, "lr": 0.05})
    several = {"arrangements": ("halves", "e+mN"), "lengths": (2, 4, 8), "source": "unseen"}
    words = ("zzqq", "xxvv", "kkjj", "qxzk", "vjqx", "zkxv", "jqzv", "xkqz")
    return [
        ReconstructSpec(
            model=str(model), text=TRAINING_TEXT, length=24, arrangement="e+mN", recipe=hard,
            restarts=3, seed=seed,
        ),
        SolveSetSpec(
            model=str(model), texts=tuple(GatheredText(text=word) for word in words), restarts=2,
            length=4, regime="shared" if seed % 2 else "free", arrangement="halves",
            recipe=QUICK, attempts=2, seed=seed,
        ),
        PathsSpec(
            train=short(model, seed).model_copy(update={"restarts": 4}),
            recipe=PathRecipe(
                max_steps=600, finish_steps=0, points=21, precision="float32", stop_early=False
            ),
        ),
        ExperimentSpec(
            settings=experiment("arrangements").make(
                {"model": str(model), "recipe": QUICK, "texts": 2, "seed": seed, **several}
            )
        ),
    ]  # fmt: skip
