"""A frozen language model: loaded once, shared, never changed; logits from input embeddings."""

import logging
import time
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from explorer import catalog
from explorer.errors import BadInputError, ModelError
from explorer.fingerprint import fingerprint
from explorer.tokenizing import Tokenizer

CHUNK = 256
"""Positions whose logits over the vocabulary exist at one time."""


@dataclass(frozen=True)
class Measured:
    """What one pass says about N target positions of some rows.

    Attributes:
        loss: float32 (rows, N), cross-entropy in nats.
        correct: bool (rows, N), the target's logit is larger than every other.
        margin: float32 (rows, N), target logit minus the largest other logit.
        predicted: int64 (rows, N), argmax, or None when not asked for.
        p: float32 (rows, N), probability of the target, or None when not asked for.
        rank: int64 (rows, N), 1 + number of larger logits, or None when not asked for.
    """

    loss: Float[Tensor, "rows N"]
    correct: Bool[Tensor, "rows N"]
    margin: Float[Tensor, "rows N"]
    predicted: Int[Tensor, "rows N"] | None = None
    p: Float[Tensor, "rows N"] | None = None
    rank: Int[Tensor, "rows N"] | None = None


@dataclass(frozen=True)
class FrozenModel:
    """A causal language model with weights that nothing here can change.

    Attributes:
        name: as `--model` takes it.
        folder: where the weights lie; plain transformers can load them from there.
        fingerprint: SHA-256 of the stored weights, whatever dtype they run in.
        tokenizer: text to token ids and back.
        network: the whole causal language model of transformers.
        direct_head: whether logits are exactly the output matrix times the hidden state.
        embedding_mean: float32 (d_model,), mean over the vocabulary of the input embeddings.
        embedding_std: their mean standard deviation over the vocabulary, per dimension.
    """

    name: str
    folder: Path
    fingerprint: str
    tokenizer: Tokenizer
    network: Any
    device: torch.device
    dtype: torch.dtype
    direct_head: bool
    embedding_mean: Float[Tensor, " d"] = field(repr=False)
    embedding_std: float

    @property
    def d_model(self) -> int:
        """Dimension of an input embedding."""
        return len(self.embedding_mean)

    @property
    def max_positions(self) -> int:
        """Longest input sequence the model was made for."""
        return int(getattr(self.network.config, "max_position_embeddings", 0) or 1_000_000)

    def hidden(self, embeddings: Float[Tensor, "rows L d"]) -> Float[Tensor, "rows L d"]:
        """Return the last hidden states, after the final norm, with causal attention.

        All rows have the same length, so no mask is needed and rows cannot see each other.
        """
        output = self.network.base_model(
            inputs_embeds=embeddings.to(self.dtype), use_cache=False, return_dict=True
        )
        states: Tensor = output.last_hidden_state
        return states

    def logits(self, embeddings: Float[Tensor, "rows L d"]) -> Float[Tensor, "rows L vocab"]:
        """Return the model's own logits for input embeddings, as transformers computes them."""
        output = self.network(
            inputs_embeds=embeddings.to(self.dtype), use_cache=False, return_dict=True
        )
        result: Tensor = output.logits
        return result

    def embed(self, ids: Int[Tensor, "rows L"]) -> Float[Tensor, "rows L d"]:
        """Return the input embeddings of token ids."""
        table: nn.Embedding = self.network.get_input_embeddings()
        embedded: Tensor = table(ids.to(self.device))
        return embedded

    def loss_and_gradient(
        self,
        embeddings: Float[Tensor, "rows L d"],
        targets: Int[Tensor, "rows N"],
        first: int = 0,
        *,
        detail: bool = False,
    ) -> tuple[Measured, Float[Tensor, "rows L d"]]:
        """Measure the outputs against the targets and return the gradient by the inputs.

        The gradient is that of the loss averaged over positions and summed over rows, so a row's
        gradient does not depend on the rows beside it.

        Args:
            embeddings: input embeddings, float32; not changed.
            targets: target token ids.
            first: input position whose output is the first that is read.
            detail: also measure argmax, p(target) and rank.
        """
        inputs = embeddings.detach().to(self.dtype).requires_grad_()
        stop = first + targets.shape[1]
        with torch.enable_grad():
            if self.direct_head:
                outputs = self.hidden(inputs)[:, first:stop]
            else:
                outputs = self.logits(inputs)[:, first:stop]
        flat, wanted = outputs.detach().flatten(0, 1), targets.flatten()
        parts = [
            self._pass_chunk(h, t, detail=detail)
            for h, t in zip(flat.split(CHUNK), wanted.split(CHUNK), strict=True)
        ]
        by_output = torch.cat([gradient for _, gradient in parts]) / targets.shape[1]
        (by_input,) = torch.autograd.grad(
            outputs, inputs, by_output.view_as(outputs).to(outputs.dtype)
        )
        return _join([measured for measured, _ in parts], targets.shape), by_input.float()

    @torch.no_grad()
    def measure(
        self,
        embeddings: Float[Tensor, "rows L d"],
        targets: Int[Tensor, "rows N"],
        first: int = 0,
        *,
        detail: bool = False,
    ) -> Measured:
        """Measure the outputs against the targets, without a gradient.

        The same numbers as `loss_and_gradient`, at the cost of the forward pass.
        """
        stop = first + targets.shape[1]
        outputs = (self.hidden if self.direct_head else self.logits)(embeddings)[:, first:stop]
        head = self.network.get_output_embeddings()
        parts = []
        chunks = outputs.flatten(0, 1).split(CHUNK)
        for h, wanted in zip(chunks, targets.flatten().split(CHUNK), strict=True):
            logits = nn.functional.linear(h, head.weight, head.bias) if self.direct_head else h
            parts.append(measure_logits(logits.float(), wanted, detail=detail))
        return _join(parts, targets.shape)

    @torch.no_grad()
    def _pass_chunk(
        self, outputs: Float[Tensor, "T _"], targets: Int[Tensor, " T"], *, detail: bool
    ) -> tuple[Measured, Float[Tensor, "T _"]]:
        """Measure a chunk of positions and return the gradient of its summed loss by `outputs`.

        The gradient of the cross-entropy by the logits is softmax minus one-hot. With a direct
        head it goes back through the output matrix at once: logits of the whole batch never
        exist, and nothing is kept for a backward pass.
        """
        head = self.network.get_output_embeddings()
        logits = (
            nn.functional.linear(outputs, head.weight, head.bias) if self.direct_head else outputs
        )
        logits = logits.float() if logits.dtype != torch.float32 else logits.clone()
        measured = measure_logits(logits, targets, detail=detail)
        gradient = logits.sub_(torch.logsumexp(logits, -1, keepdim=True)).exp_()
        at = targets[:, None]
        gradient.scatter_add_(1, at, torch.full_like(at, -1, dtype=gradient.dtype))
        if self.direct_head:
            gradient = gradient.to(self.dtype) @ head.weight
        return measured, gradient.float()


def _join(parts: list[Measured], shape: torch.Size) -> Measured:
    def column(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else torch.cat(values).view(shape)

    return Measured(*(column(f.name) for f in fields(Measured)))


@torch.no_grad()
def measure_logits(
    logits: Float[Tensor, "T vocab"], targets: Int[Tensor, " T"], *, detail: bool
) -> Measured:
    """Measure float32 logits against targets; the results have shape (T,).

    Correct means that the target's logit is larger than every other (equation 1, with ties
    counted as wrong). `logits` are used as working space and come back unchanged.
    """
    at = targets[:, None]
    target_logit = logits.gather(1, at)
    loss = (torch.logsumexp(logits, -1, keepdim=True) - target_logit).squeeze(1)
    predicted = logits.argmax(-1) if detail else None
    rank = (logits > target_logit).sum(-1) + 1 if detail else None
    p = (-loss).exp() if detail else None
    logits.scatter_(1, at, -torch.inf)  # the best of the others, without a copy
    margin = (target_logit - logits.amax(-1, keepdim=True)).squeeze(1)
    logits.scatter_(1, at, target_logit)
    return Measured(loss, margin > 0, margin, predicted, p, rank)


def best_device() -> torch.device:
    """Return CUDA if there is one, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
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
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadInputError(
            f"There is no device “{name}” on this machine. Leave --device out to use "
            f"{best_device()}."
        ) from error
    return device


@cache
def bfloat16_pays(device: torch.device) -> bool:
    """Time one matrix product of a small model's shape: is bfloat16 clearly faster here?"""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return False
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        try:
            a = torch.ones(256, 1024, dtype=dtype, device=device)
            b = torch.ones(1024, 4096, dtype=dtype, device=device)
            times = []
            for _ in range(4):
                start = time.perf_counter()
                (a @ b).sum().item()
                times.append(time.perf_counter() - start)
            seconds[dtype] = min(times)
        except (RuntimeError, TypeError):
            return False
    return seconds[torch.bfloat16] < 0.8 * seconds[torch.float32]


def fast_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Return the number format of the search for a recipe's `precision`."""
    if precision == "auto":
        return torch.bfloat16 if bfloat16_pays(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def load(
    folder: Path,
    name: str | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> FrozenModel:
    """Load a model folder (safetensors only, no remote code), frozen, on one device.

    Args:
        folder: config.json, tokenizer.json and safetensors weights.
        name: as `--model` takes it; the folder's path when omitted.
        dtype: number format to run in; stored weights are cast once.
        device: where to run; the best one here when omitted.

    Raises:
        ModelError: if the folder is broken, the wrong kind of model, or too large for this machine.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    catalog.require_fits(catalog.check(folder), bytes_per_parameter=dtype.itemsize)
    device = device or best_device()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        network, info = loaded
        _choose_attention(network, device)
        network.to(device).eval().requires_grad_(False)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise ModelError(
            f"The model in {folder} cannot be loaded ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}). Fetch it again or choose another."
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"The weights in {folder} lack {missing[0]} and {len(missing) - 1} more. "
            "Fetch the model again or choose another."
        )
    embeddings: nn.Embedding = network.get_input_embeddings()
    with torch.no_grad():  # some models scale their table on the way in
        table = embeddings(torch.arange(embeddings.num_embeddings, device=device)).float()
    std, mean = torch.std_mean(table, dim=0)
    return FrozenModel(
        name=name or str(folder),
        folder=folder,
        fingerprint=fingerprint(folder),
        tokenizer=Tokenizer.load(folder),
        network=network,
        device=device,
        dtype=dtype,
        direct_head=_head_is_direct(network, device),
        embedding_mean=mean,
        embedding_std=float(std.mean()),
    )


def _choose_attention(network: Any, device: torch.device) -> None:
    """Let bfloat16 attention run in float32 on the CPU, where the model allows it.

    On the CPU the backward pass of bfloat16 attention is some ten times slower than the float32
    one (3.6 against 0.3 ms a layer for 4 rows of 25), so there attention alone runs in float32.
    """
    plain = network.config._attn_implementation == "sdpa"
    if device.type != "cpu" or network.dtype == torch.float32 or not plain:
        return
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def in_float32(module: Any, q: Tensor, k: Tensor, v: Tensor, *rest: Any, **options: Any) -> Any:
        out, weights = sdpa_attention_forward(
            module, q.float(), k.float(), v.float(), *rest, **options
        )
        return out.to(q.dtype), weights

    AttentionInterface.register("sdpa_float32", in_float32)
    AttentionMaskInterface.register("sdpa_float32", sdpa_mask)  # sliding windows
    network.set_attn_implementation("sdpa_float32")


@torch.no_grad()
def _head_is_direct(network: Any, device: torch.device) -> bool:
    """Compare output matrix times hidden state with the model's own logits on a few tokens.

    Models that scale, cap or shift their logits differ, and take the plain path.
    """
    head = network.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        return False
    ids = torch.arange(3, device=device)[None]
    states = network.base_model(input_ids=ids, use_cache=False, return_dict=True).last_hidden_state
    own = network(input_ids=ids, use_cache=False, return_dict=True).logits
    if states.shape[-1] != head.in_features:
        return False
    ours = nn.functional.linear(states, head.weight, head.bias)
    return ours.shape == own.shape and bool(torch.allclose(ours, own, rtol=1e-4, atol=1e-5))
