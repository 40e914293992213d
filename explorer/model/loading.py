"""From a model folder to a frozen model: the weights, and what makes them fast."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from explorer.assets import catalog, memory
from explorer.assets.fingerprint import fingerprint
from explorer.assets.model_files import stored_formats
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import ModelError
from explorer.base.language import later, tr
from explorer.model import attention, families, graphs, probes
from explorer.model.body import Body
from explorer.model.frozen import FrozenModel, best_device, is_out_of_memory
from explorer.model.head import Head
from explorer.runtime.interruption import check_between

FAR = 1000.0
"""A logit that no cap lets through; known caps lie between 5 and 50."""
SHAPED = {
    "final_logit_softcapping": None,
    "logits_soft_cap": None,
    "softcap": None,
    "logit_scale": 1.0,
    "logits_scaling": 1.0,
    "lm_head_multiplier": 1.0,
    "output_multiplier": 1.0,
}
"""What configurations call a cap or a factor of the logits, and its value that leaves them."""


def load(
    folder: Path,
    name: str | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> FrozenModel:
    """Load a model folder (safetensors only, no remote code), frozen, on one device.

    What cannot be trained is found here, by trying it, and not after an hour (`probes`).

    Args:
        folder: config.json, tokenizer.json and safetensors weights.
        name: as `--model` takes it; the folder's path when omitted.
        dtype: number format to run in; stored weights are cast once.
        device: where to run; the best one here when omitted.

    Raises:
        ModelError: if the folder is broken, the wrong kind of model, or too large for this machine.
    """
    memory.require_fits(catalog.check(folder), bytes_per_parameter=dtype.itemsize)
    tokenizer = Tokenizer.load(folder)
    device = device or best_device()
    if device.type == "cuda":  # the environment may have chosen TF32, 10 bits called float32
        torch.set_float32_matmul_precision("highest")
    network = _network(folder, dtype, device)
    std, mean = torch.std_mean(probes.embedding_table(network, folder), dim=0)
    head = _direct_head(network, device)
    body = _own_body(network, device) if head is not None else None
    positions, remembers = None, True
    if body is None:
        positions = probes.require_usable(network, folder)
        remembers = probes.remembers(network)
    return FrozenModel(
        name=name or str(folder),
        folder=folder,
        fingerprint=fingerprint(folder),
        tokenizer=tokenizer,
        network=network,
        device=device,
        dtype=dtype,
        head=head,
        body=body,
        embedding_mean=mean,
        embedding_std=float(std.mean()),
        stored_in_bfloat16=stored_formats(folder) == {"BF16"},
        table_positions=positions,
        remembers=remembers,
        graphs=graphs.Graphs() if graphs.switched_on(graphs.SWITCH, device) else None,
    )


def _network(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """Return the network of transformers in a folder, frozen.

    Raises:
        ModelError: if transformers cannot build it, or weights are missing.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    with probes.said(folder, later("cannot be loaded"), later("Fetch it again or choose another.")):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are said below
        )
        network, info = loaded
        _choose_attention(network, device)
        network.to(device).eval().requires_grad_(False)
        layers = (m for m in network.modules() if isinstance(m, nn.ModuleList))
        check_between(next(layers, ()))  # those of the body come before any inside them
    if wrong := sorted(info["mismatched_keys"]):
        name, stored, asked = wrong[0]
        raise ModelError(
            tr(
                "The weights in {folder} do not fit its config.json: {name} has the shape "
                "{stored}, and {asked} is asked for. Fetch the model again or choose another.",
                folder=folder,
                name=name,
                stored=tuple(stored),
                asked=tuple(asked),
            )
        )
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            tr(
                "The weights in {folder} lack {first} and {more} more. Fetch the model again or "
                "choose another.",
                folder=folder,
                first=missing[0],
                more=len(missing) - 1,
            )
            if len(missing) > 1
            else tr(
                "The weights in {folder} lack {first}. Fetch the model again or choose another.",
                folder=folder,
                first=missing[0],
            )
        )
    return network


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
def _direct_head(network: Any, device: torch.device) -> Head | None:
    """Return the output matrix if it gives the model's own logits, on a few tokens and far out.

    Models that scale, cap or shift their logits, by their configuration or as found here, take
    the plain path. A cap leaves small logits nearly as they are, so the hidden states are also
    made so long that the largest logit is `FAR`.
    """
    config = network.config.get_text_config(decoder=True)
    shaped = any(getattr(config, name, None) not in (None, as_is) for name, as_is in SHAPED.items())
    matrix = network.get_output_embeddings()
    if shaped or not isinstance(matrix, nn.Linear):
        return None
    head, factor = Head(matrix.weight, matrix.bias), 1.0
    given: list[Tensor] = []

    def lengthen(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given.append(args[0] * factor)
        return (given[-1],)

    ids = torch.arange(3, device=device)[None]
    asked: dict[str, Any] = {"input_ids": ids, "use_cache": False, "return_dict": True}
    try:
        with matrix.register_forward_pre_hook(lengthen):
            states = network.base_model(**asked).last_hidden_state
            for _ in range(2):
                given.clear()
                own = network(**asked).logits
                if len(given) != 1 or not torch.equal(given[0], states * factor):
                    return None
                ours = head.logits(given[0])
                if ours.shape != own.shape or not torch.allclose(ours, own, rtol=1e-4, atol=1e-5):
                    return None
                factor = FAR / max(float(ours.abs().max()), 1e-6)
    except Exception as error:  # another kind of output, or of input: probes say what is wrong
        if is_out_of_memory(error):
            raise
        return None
    return head


@torch.no_grad()
def _own_body(network: Any, device: torch.device) -> Body | None:
    """Return the body written out, if there is one and it gives the network's own hidden states.

    In bfloat16 the network itself is far off at single positions (ours keeps its residual stream
    in float32), so the positions' median is compared.
    """
    if not families.supports(network):
        return None
    for weight in network.parameters():  # out of the mapped file, whose pages stay otherwise:
        weight.data = weight.data.clone()  # also those of weights that are joined elsewhere
    table = network.get_input_embeddings()
    ids = torch.arange(8, device=device)[None] * (table.num_embeddings // 8)
    own = network.base_model(input_ids=ids, use_cache=False, return_dict=True).last_hidden_state
    fused = graphs.switched_on(attention.SWITCH, device)
    body = replace(families.body_of(network), fused=fused)
    ours = body.forward([table(ids)], network.dtype, keep=False).hidden[None]
    difference = (ours.float() - own.float()).norm(dim=-1) / own.float().norm(dim=-1)
    return body if bool(difference.median() < probes.tolerance(network)) else None
