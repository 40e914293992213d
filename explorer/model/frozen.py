"""A frozen language model: loaded once, shared, never changed; logits from input embeddings."""

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from explorer.assets import first_position
from explorer.assets.model_config import MAX_POSITIONS
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model import passes
from explorer.model.body import Body
from explorer.model.graphs import Graphs
from explorer.model.head import Head, TokenStatistics
from explorer.model.passes import Batch
from explorer.runtime import limits

SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""What messages of failed allocations have in common (CUDA, Windows, Linux, cuBLAS)."""


@dataclass(frozen=True)
class FrozenModel:
    """A causal language model with weights that nothing here can change.

    Attributes:
        name: as `--model` takes it.
        folder: where the weights lie; plain transformers can load them from there.
        fingerprint: SHA-256 of the stored weights, whatever dtype they run in.
        tokenizer: text to token ids and back.
        network: the whole causal language model of transformers.
        head: the output matrix, where logits are exactly that times the hidden state, else None.
        body: everything before it written out, for models that have one, else None.
        embedding_mean: float32 (d_model,), mean over the vocabulary of the input embeddings.
        embedding_std: their mean standard deviation over the vocabulary, per dimension.
        stored_in_bfloat16: whether every weight in the folder is.
        table_positions: positions that its tables of positions have, None without such a table.
        remembers: whether it can go on from a cache of keys and values.
        graphs: passes captured on a GPU, where that is switched on; of this number format.
    """

    name: str
    folder: Path
    fingerprint: str
    tokenizer: Tokenizer
    network: Any
    device: torch.device
    dtype: torch.dtype
    head: Head | None = field(repr=False)
    body: Body | None = field(repr=False)
    embedding_mean: Float[Tensor, " d"] = field(repr=False)
    embedding_std: float
    stored_in_bfloat16: bool = False
    table_positions: int | None = None
    remembers: bool = True
    graphs: Graphs | None = field(default=None, repr=False)

    @property
    def d_model(self) -> int:
        """Dimension of an input embedding."""
        return len(self.embedding_mean)

    @property
    def max_positions(self) -> int:
        """Longest input sequence the model was made for, and has positions for."""
        config = self.network.config.get_text_config(decoder=True)
        named = (getattr(config, name, None) for name in MAX_POSITIONS)
        limits = [n for n in (*named, self.table_positions) if isinstance(n, int) and n > 0]
        return min(limits, default=1_000_000)

    @property
    def vocabulary(self) -> int:
        """How many tokens it can say."""
        return int(self.network.get_input_embeddings().weight.shape[0])

    @property
    def sink(self) -> int:
        """Id of the token that can stand before e as the attention sink: BOS, or a probe's.

        Raises:
            BadInputError: if there is no BOS token, and no probe has been made.
        """
        bos = self.tokenizer.bos_id
        if bos is not None:
            return bos
        found = first_position.find(self.fingerprint)
        if found is None:
            raise BadInputError(
                tr(
                    "{name} has no BOS token, and which other token can stand before e has "
                    "not been checked yet. Train with the arrangement “auto” once: that "
                    "checks it.",
                    name=self.name,
                )
            )
        return found.sink

    def in_float32(self) -> Self | None:
        """Return the same weights computing in float32, cast as they are used, or None.

        That holds no second copy of the weights. It needs a body of our own, and weights that are
        stored in bfloat16, so that nothing was lost when they were loaded.
        """
        if self.body is None or self.head is None or not self.stored_in_bfloat16:
            return None
        return replace(
            self,
            dtype=torch.float32,
            body=replace(self.body, fused=False),
            graphs=Graphs() if self.graphs else None,
        )

    @property
    def number_format(self) -> str:
        """What it computes in: float32 or bfloat16, and whether a fused kernel rounds attention."""
        by_whom = ", fused attention" if self.body is not None and self.body.fused else ""
        return str(self.dtype).removeprefix("torch.") + by_whom

    @property
    def threads(self) -> int | None:
        """Processor threads that share a sum, which decide its rounding; None: not on a CPU."""
        return torch.get_num_threads() if self.device.type == "cpu" else None

    def hidden(self, embeddings: Float[Tensor, "rows L d"]) -> Float[Tensor, "rows L d"]:
        """Return the last hidden states, after the final norm, with causal attention.

        All rows have the same length, so no mask is needed and rows cannot see each other.
        """
        if self.body is not None:
            done = self.body.forward([embeddings], self.dtype, keep=False)
            return done.at.by_batch(done.hidden)[0]
        output = self.network.base_model(
            inputs_embeds=self._own_copy(embeddings), use_cache=False, return_dict=True
        )
        states: Tensor = output.last_hidden_state
        return states

    def logits(self, embeddings: Float[Tensor, "rows L d"]) -> Float[Tensor, "rows L vocab"]:
        """Return the model's logits for input embeddings."""
        if self.body is not None and self.head is not None:
            return self.head.logits(self.hidden(embeddings))
        output = self.network(
            inputs_embeds=self._own_copy(embeddings), use_cache=False, return_dict=True
        )
        result: Tensor = output.logits
        return result

    def _own_copy(self, embeddings: Tensor) -> Tensor:
        """Return what a network of transformers may change in place, as CTRL's does."""
        return embeddings.to(self.dtype, copy=True)

    @torch.no_grad()
    def go_on(
        self, embeddings: Float[Tensor, "1 L d"], past: Any = None
    ) -> tuple[Float[Tensor, " vocab"], Any]:
        """Return the float32 logits after the last position, and what the next call goes on from.

        Computed in the model's number format, as everything here is: where that is not the one the
        weights are held in, our own body casts them in use, as it does for a whole sequence.

        Args:
            embeddings: input embeddings that follow those before.
            past: what the last call returned (a KV cache, or for a model without one the
                embeddings so far, which it then reads again); None at the first.
        """
        if self.body is not None and self.head is not None:
            done = self.body.forward([embeddings], self.dtype, keep=False, past=past or ())
            return self.head.logits(done.hidden[-1:])[0].float(), done.seen
        if not self.remembers:
            so_far = embeddings if past is None else torch.cat([past, embeddings], 1)
            return self.logits(so_far)[0, -1].float(), so_far
        output = self.network(
            inputs_embeds=self._own_copy(embeddings), past_key_values=past, use_cache=True
        )
        return output.logits[0, -1].float(), output.past_key_values

    def embed(self, ids: Int[Tensor, "rows L"]) -> Float[Tensor, "rows L d"]:
        """Return the input embeddings of token ids."""
        table: nn.Embedding = self.network.get_input_embeddings()
        embedded: Tensor = table(ids.to(self.device)).to(self.dtype)
        return embedded

    def measure(
        self,
        embeddings: Float[Tensor, "rows L d"],
        targets: Int[Tensor, "rows N"],
        first: int = 0,
        *,
        detail: bool = False,
    ) -> TokenStatistics:
        """Measure the outputs of one batch against its targets (see `passes.measure`)."""
        return passes.measure(self, [Batch(embeddings, targets, first)], detail=detail)[0]


def best_device() -> torch.device:
    """Return CUDA if there is one that this torch has kernels for, else MPS, else the CPU."""
    if torch.cuda.is_available():
        with suppress(RuntimeError):
            return _computing(torch.device("cuda:0"))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_device(name: str) -> torch.device:
    """Return the device a person named: auto, cpu, mps, cuda or cuda:1.

    Raises:
        BadInputError: if it is not a device, or not on this machine.
    """
    if name == "auto":
        return best_device()
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(f"{device.type} is not supported")
        device = torch.device(name if device.type == "cuda" else device.type)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda:0")
        return _computing(device)
    except (RuntimeError, AssertionError) as error:
        raise BadInputError(
            tr(
                "There is no device “{name}” on this machine. Leave --device out to use {best}.",
                name=name,
                best=best_device(),
            )
        ) from error


def _computing(device: torch.device) -> torch.device:
    """Return a device that computes: one may be there, and of a kind that torch has no kernels for.

    Raises:
        RuntimeError: of torch, if it does not.
    """
    torch.ones(1, device=device).add_(1).item()
    return device


@cache
def bfloat16_pays(device: torch.device) -> bool:
    """Time one matrix product of a small model's shape: is bfloat16 clearly faster here?

    A CPU without instructions for it may take hundreds of times as long in bfloat16: 15 s for the
    whole product on a first EPYC. There two rows of it take longer than all do in float32.
    """
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return False
    try:
        plain = _product_seconds(torch.float32, 256, device)
        if device.type == "cpu" and _product_seconds(torch.bfloat16, 2, device) > plain:
            return False
        return _product_seconds(torch.bfloat16, 256, device) < 0.8 * plain
    except (RuntimeError, TypeError):
        return False


def _product_seconds(dtype: torch.dtype, rows: int, device: torch.device) -> float:
    """Return the least of four times that `rows` inputs of 1,024 take to become 4,096 outputs."""
    a = torch.ones(rows, 1024, dtype=dtype, device=device)
    b = torch.ones(1024, 4096, dtype=dtype, device=device)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        (a @ b).sum().item()
        times.append(time.perf_counter() - start)
    return min(times)


def fast_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Return the number format of the search for a recipe's `precision`."""
    if precision == "auto":
        return torch.bfloat16 if bfloat16_pays(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def memory_free(device: torch.device) -> int:
    """Return the bytes that are free where a model runs; of a GPU also what torch keeps unused."""
    if device.type != "cuda":
        return limits.memory_free()
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


def is_out_of_memory(error: BaseException | None) -> bool:
    """Tell an allocation that failed from every other error."""
    text = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in SIGNS)
