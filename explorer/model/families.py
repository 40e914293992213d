"""Which parts a network of transformers is made of, family by family."""

from collections.abc import Callable, Sequence
from typing import Any

from explorer.model.attention import Attention, Turn, split_apart, split_by_head
from explorer.model.body import Body, Layer
from explorer.model.mlps import ACTIVATIONS, MLP, joined, linear
from explorer.model.norms import Norm


def body_of(network: Any) -> Body:
    """Return a network's body written out, for one that is supported.

    Weights that are multiplied together are joined; the network keeps views of them.
    """
    return FAMILIES[network.config.model_type](network)


def supports(network: Any) -> bool:
    """Whether a network's body can be written out, by its configuration."""
    config = network.config
    return config.model_type in FAMILIES and config.hidden_act in ACTIVATIONS


def llama(network: Any, windows: Sequence[int | None] | None = None) -> Body:
    """Put Llama together, and what differs from it in biases, norms of q and k, and windows.

    Args:
        network: of transformers; its layers say which of the first two they have.
        windows: how many positions each layer sees; all, if omitted.
    """
    model, act = network.base_model, ACTIVATIONS[network.config.hidden_act]
    layers = []
    for layer, window in zip(model.layers, windows or [None] * len(model.layers), strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        queries, keys = attention.q_proj, attention.k_proj
        layers.append(
            Layer(
                _rms(layer.input_layernorm),
                Attention(
                    qkv=joined([queries, keys, attention.v_proj]),
                    out=linear(attention.o_proj),
                    kv_heads=keys.out_features // attention.head_dim,
                    group=queries.out_features // keys.out_features,
                    split=split_apart,
                    turn_q=_turn(attention, "q_norm"),
                    turn_k=_turn(attention, "k_norm"),
                    window=window,
                ),
                _rms(layer.post_attention_layernorm),
                MLP(joined([mlp.gate_proj, mlp.up_proj]), linear(mlp.down_proj), act, gated=True),
            )
        )
    return Body(layers, _rms(model.norm), model.layers[0].self_attn.head_dim, model.rotary_emb)


def mistral(network: Any) -> Body:
    """Put Mistral together: Llama, all of whose layers may have one window."""
    return llama(network, [network.config.sliding_window] * network.config.num_hidden_layers)


def qwen(network: Any) -> Body:
    """Put Qwen 2 or 3 together: Llama, some of whose layers may have a window."""
    config = network.config
    sliding = [kind == "sliding_attention" for kind in config.layer_types]
    return llama(network, [config.sliding_window if slides else None for slides in sliding])


def gpt_neox(network: Any) -> Body:
    """Put GPT-NeoX (as Pythia) together."""
    config, model = network.config, network.base_model
    layers = [
        Layer(
            _layer_norm(layer.input_layernorm),
            Attention(
                qkv=linear(layer.attention.query_key_value),
                out=linear(layer.attention.dense),
                kv_heads=config.num_attention_heads,
                group=1,
                split=split_by_head,
                turn_q=Turn(),
                turn_k=Turn(),
            ),
            _layer_norm(layer.post_attention_layernorm),
            MLP(
                linear(layer.mlp.dense_h_to_4h),
                linear(layer.mlp.dense_4h_to_h),
                ACTIVATIONS[config.hidden_act],
            ),
            parallel=config.use_parallel_residual,
        )
        for layer in model.layers
    ]
    head_size = model.layers[0].attention.head_size
    return Body(layers, _layer_norm(model.final_layer_norm), head_size, model.rotary_emb)


FAMILIES: dict[str, Callable[[Any], Body]] = {
    "llama": llama,
    "mistral": mistral,
    "qwen2": qwen,
    "qwen3": qwen,
    "gpt_neox": gpt_neox,
}
"""By the type of model in config.json."""


def _rms(module: Any) -> Norm:
    return Norm(module.weight.float(), float(module.variance_epsilon))


def _layer_norm(module: Any) -> Norm:
    return Norm(module.weight.float(), float(module.eps), module.bias.float())


def _turn(attention: Any, norm: str) -> Turn:
    """Turn as positions say, after the norm of that name if the attention has it."""
    module = getattr(attention, norm, None)
    return Turn(None if module is None else _rms(module))
