"""Inside one forward pass: hidden states, attention weights, a lens, passes with attention cut.

Of a network that is written out (`explorer.model.body`) all of it comes from the pass that trains.
Of others transformers gives hidden states, and attention weights where its eager attention has any.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from explorer.base.errors import ModelError
from explorer.base.language import tr
from explorer.model.attention import Kept, Masks, Positions
from explorer.model.body import Body
from explorer.model.frozen import FrozenModel
from explorer.model.head import CHUNK, PIECE, measure_logits
from explorer.runtime.interruption import Interrupted, check

Span = tuple[int, int]
"""Layers, from the first (0) to before the last."""


@dataclass(frozen=True)
class Trace:
    """What one row's forward pass leaves on its way; S = layers + 1.

    Attributes:
        states: float32 (S, L, d): the input embeddings, then the residual stream after each layer;
            the last one before the final norm.
        attention: float32 (layers, heads, L, L), the share of each earlier position (last axis) in
            what a position reads; None where the model gives no attention weights.
    """

    states: Float[Tensor, "S L d"]
    attention: Float[Tensor, "layers heads L L"] | None


@dataclass(frozen=True)
class LensRead:
    """What hidden states would say if each went straight to the final norm and the head.

    Attributes:
        p: float32 (S, N), probability of the target.
        rank: int64 (S, N), 1 + number of tokens with a larger logit.
        predicted: int64 (S, N), argmax.
        top_ids: int64 (S, N, K), the K likeliest tokens, likeliest first.
        top_p: float32 (S, N, K), their probabilities.
    """

    p: Float[Tensor, "S N"]
    rank: Int[Tensor, "S N"]
    predicted: Int[Tensor, "S N"]
    top_ids: Int[Tensor, "S N K"]
    top_p: Float[Tensor, "S N K"]


@torch.no_grad()
def trace(model: FrozenModel, inputs: Float[Tensor, "L d"]) -> Trace:
    """Run one row and return what it leaves on its way.

    Raises:
        ModelError: if the network gives no hidden states.
    """
    if model.body is None:
        return _trace_of_network(model, inputs)
    done = replace(model.body, fused=False).forward([inputs[None]], model.dtype)
    states = [layer.before_attention for layer in done.layers] + [done.before_norm]
    weights = [_whole(layer.attention[0], len(inputs)) for layer in done.layers]
    return Trace(torch.stack(states).float(), torch.stack(weights))


@torch.no_grad()
def hidden_states(
    model: FrozenModel, inputs: Float[Tensor, "rows L d"]
) -> Float[Tensor, "S rows L d"]:
    """Return what `trace` calls states, of several rows.

    Raises:
        ModelError: if the network gives no hidden states.
    """
    if model.body is None:
        return torch.stack([_trace_of_network(model, row).states for row in inputs], 1)
    done = model.body.forward([inputs], model.dtype)
    states = [layer.before_attention for layer in done.layers] + [done.before_norm]
    rows, L, d = inputs.shape
    return torch.stack(states).float().view(-1, rows, L, d)


@torch.no_grad()
def lens(
    model: FrozenModel, states: Float[Tensor, "S N d"], targets: Int[Tensor, " N"], top: int
) -> LensRead:
    """Read hidden states before the final norm through the final norm and the head (logit lens).

    Args:
        model: whose states they are.
        states: of the positions whose outputs are read.
        targets: the target at each.
        top: K, how many tokens to keep of each state.
    """
    S, N, _ = states.shape
    wanted = targets.to(states.device).repeat(S)
    parts = []
    for chunk, ids in zip(states.flatten(0, 1).split(CHUNK), wanted.split(CHUNK), strict=True):
        check()
        logits = _logits(model, chunk)
        for piece, of_piece in zip(logits.split(PIECE), ids.split(PIECE), strict=True):
            found, p = measure_logits(piece.float(), of_piece, detail=True)
            likeliest = p.topk(top, -1)
            parts.append(
                (found.p, found.rank, found.predicted, likeliest.indices, likeliest.values)
            )
    columns = (torch.cat(column).unflatten(0, (S, N)) for column in zip(*parts, strict=True))
    return LensRead(*columns)


@torch.no_grad()
def states_with_attention_cut(
    model: FrozenModel,
    inputs: Float[Tensor, "L d"],
    cut: Bool[Tensor, "L L"],
    spans: Sequence[Span],
) -> Float[Tensor, "spans L d"]:
    """Return the last hidden states, after the final norm, with attention cut at some layers.

    Where attention is cut its scores are -inf, so that what is left of a position's attention adds
    up to 1 again. Passes are one pass as long as they have been cut at the same layers.

    Args:
        model: one whose body is written out.
        inputs: of one row.
        cut: position (first axis) that may not look at another; each must be able to see itself.
        spans: for each pass the layers at which attention is cut.

    Raises:
        ModelError: if its body is not written out.
    """
    body = model.body
    if body is None:
        raise ModelError(
            tr(
                "Models of the type “{model_type}” run in the code of transformers, "
                "where attention cannot be cut layer by layer. Everything else is shown.",
                model_type=model.network.config.model_type,
            )
        )
    at = body._positions([inputs[None]], model.dtype, 0)
    lanes = {(0, 0): inputs.float()}
    for number, layer in enumerate(body.layers):
        check()
        came_from = {_so_far(span, number + 1): _so_far(span, number) for span in spans}
        x = torch.stack([lanes[before] for before in came_from.values()])
        cuts = [first <= number < stop for first, stop in came_from]
        told = _cut(at, torch.tensor(cuts, device=x.device), cut, body)
        after, _ = layer.forward(x.flatten(0, 1), told, None)
        lanes = dict(zip(came_from, after.view(x.shape), strict=True))
    x = torch.stack([lanes[_so_far(span, len(body.layers))] for span in spans])
    states: Tensor = body.norm.forward(x)[0].to(model.dtype)
    return states


def _so_far(span: Span, layers: int) -> Span:
    """Return at which of the first layers a pass is cut; (0, 0): at none."""
    first, stop = span[0], min(span[1], layers)
    return (first, stop) if first < stop else (0, 0)


def _cut(
    at: Positions, cuts: Bool[Tensor, " rows"], cut: Bool[Tensor, "L L"], body: Body
) -> Positions:
    """Return what a layer is told if some rows may not look everywhere."""
    rows, L = len(cuts), len(cut)
    heads = {a.group: a.kv_heads for a in (layer.attention for layer in body.layers)}
    ((group, kv_heads),) = heads.items()
    masks: dict[tuple[int | None, int], Masks] = {}
    for key, blocks in at.masks.items():
        masks[key], end = [], 0
        for mask in blocks:
            block, seen = mask.shape[1] // group, mask.shape[2]
            here = cut[end : end + block, :seen].repeat(group, 1)
            barred = (cuts[:, None, None] & here).repeat_interleave(kv_heads, 0)
            masks[key].append(mask.expand(len(barred), -1, -1).masked_fill(barred, -torch.inf))
            end += block
    return at._replace(shapes=[(rows, L)], masks=masks, fused=False)


def _whole(kept: Kept, L: int) -> Float[Tensor, "heads L L"]:
    """Put the attention weights of one row's blocks together; 0 where one must not look."""
    groups = kept.q.shape[1]
    parts = []
    for weights in kept.weights:  # (K, G*block, seen)
        by_head = weights.float().unflatten(1, (groups, -1)).flatten(0, 1)
        parts.append(nn.functional.pad(by_head, (0, L - by_head.shape[-1])))
    return torch.cat(parts, 1)


def _logits(model: FrozenModel, states: Float[Tensor, "N d"]) -> Float[Tensor, "N vocab"]:
    """Return what states before the final norm say."""
    if model.body is not None:
        states = model.body.norm.forward(states)[0].to(model.dtype)
    elif (norm := _final_norm(model)) is not None:
        states = norm(states.to(model.dtype))
    if model.head is not None:
        return model.head.logits(states)

    def replaced(_: nn.Module, __: Any, output: Any) -> Any:
        output.last_hidden_state = states[None]
        return output

    with model.network.base_model.register_forward_hook(replaced):
        logits: Tensor = model.network(
            inputs_embeds=states.new_zeros(1, 1, model.d_model), use_cache=False, return_dict=True
        ).logits
    return logits[0]


def _trace_of_network(model: FrozenModel, inputs: Float[Tensor, "L d"]) -> Trace:
    """Return what transformers gives of one pass, with the last state from before the norm."""
    network, kind = model.network, model.network.config.model_type
    last: list[Tensor] = []
    hook: Any = nullcontext()
    try:
        if (norm := _final_norm(model)) is not None:
            hook = norm.register_forward_pre_hook(lambda _, given: last.append(given[0]))
        with hook, _eager(network) as has_weights:
            output = network.base_model(
                inputs_embeds=inputs[None].to(model.dtype, copy=True),
                use_cache=False,
                return_dict=True,
                output_hidden_states=True,
                output_attentions=has_weights,
            )
    except (Interrupted, MemoryError):
        raise
    except Exception as error:  # whatever the code of some two hundred families raises
        raise ModelError(
            tr(
                "Models of the type “{kind}” do not give their hidden states, so this "
                "page cannot show them. Choose a solution of another model.",
                kind=kind,
            )
        ) from error
    states = getattr(output, "hidden_states", None)
    if not states or any(state.shape != states[0].shape for state in states):
        raise ModelError(
            tr(
                "Models of the type “{kind}” give no hidden states of one size, so this "
                "page cannot show them. Choose a solution of another model.",
                kind=kind,
            )
        )
    whole = torch.stack([*(state[0] for state in states[:-1]), (last or states)[-1][0]]).float()
    weights = getattr(output, "attentions", None) or ()
    shapes = {None if w is None else w.shape for w in weights}  # heads may differ layer by layer
    if len(weights) != len(states) - 1 or [s and s[2:] for s in shapes] != [2 * (len(inputs),)]:
        return Trace(whole, None)
    return Trace(whole, torch.stack([w[0].float() for w in weights]))


def _final_norm(model: FrozenModel) -> nn.Module | None:
    """Return the module that makes the last hidden state of what the last layer gives, if any.

    It is none of a list of layers, has no parts of its own, and gives the last hidden state.
    """
    base = model.network.base_model
    found: list[tuple[nn.Module, Tensor]] = []

    def hear(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.append((module, output))

    with ExitStack() as hooks:
        for name, module in base.named_modules():
            listed = any(part.isdigit() for part in name.split("."))
            if not listed and not list(module.children()):
                hooks.enter_context(module.register_forward_hook(hear))
        zeros = torch.zeros(1, 2, model.d_model, device=model.device, dtype=model.dtype)
        output = base(inputs_embeds=zeros, use_cache=False, return_dict=True)
    place = output.last_hidden_state.data_ptr()  # some families return a view of it
    return next((m for m, made in found if made.data_ptr() == place), None)


@contextmanager
def _eager(network: Any) -> Iterator[bool]:
    """Let a network compute attention weights; False if it has no such attention."""
    before = network.config._attn_implementation
    try:
        network.set_attn_implementation("eager")
    except Exception:  # a family without attention, or with only one kind of it
        yield False
        return
    try:
        network.config._attn_implementation = "eager"  # Falcon reads it there, where it was not set
        yield True
    finally:
        network.set_attn_implementation(before)
        network.config._attn_implementation = before
