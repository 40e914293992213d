"""The smallest useful configuration of any family of transformers, by its own attributes' names."""

from typing import Any

VOCABULARY = 300
LAYERS = 2
POSITIONS = 128

LAYER_COUNTS = [
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "encoder_layers",
    "decoder_layers",
    "num_encoder_layers",
    "num_decoder_layers",
    "num_blocks",
    "num_layers_per_stack",
]
LAYER_KINDS = ("layer_types", "layers_block_type", "block_types", "attn_layers")

_NAMES: dict[float, str] = {
    VOCABULARY: "vocab_size n_words vocab_size_per_layer_input pronunciation_vocab_size "
    "shape_vocab_size ngram_vocab_size_base image_vocab_size unpadded_vocab_size",
    POSITIONS: "max_position_embeddings n_positions n_ctx max_seq_len model_max_length "
    "context_length max_target_positions original_max_position_embeddings seq_length",
    32: "hidden_size n_embd d_model emb_dim embedding_dim embedding_size attention_hidden_size "
    "input_embedding_size output_embedding_size word_embed_proj_dim lru_width "
    "pronunciation_embed_dim shape_embed_dim router_hidden_size ple_embed_dim",
    64: "intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim n_inner ffn_hidden_size "
    "intermediate_size_mlp dff dim_ff d_inner moe_intermediate_size feed_forward_size "
    "shared_expert_intermediate_size shared_intermediate_size dense_intermediate_size "
    "moe_shared_expert_intermediate_size shared_experts_intermediate_size "
    "expert_ffn_hidden_size prompt_mid_dim mamba_d_ssm",
    4: "num_attention_heads n_head n_heads num_heads encoder_attention_heads "
    "decoder_attention_heads num_encoder_attention_heads num_decoder_attention_heads "
    "attention_heads swa_num_attention_heads num_local_experts num_experts n_routed_experts "
    "moe_num_experts linear_num_value_heads linear_num_heads index_n_heads num_query_groups "
    "zero_expert_num num_attention_heads_per_layer",
    2: "num_key_value_heads num_kv_heads swa_num_key_value_heads num_experts_per_tok "
    "num_experts_per_token moe_topk moe_k linear_num_key_heads hc_mult hc_count "
    "altup_num_inputs",
    8: "head_dim dim_head d_head qk_nope_head_dim qk_rope_head_dim v_head_dim kv_channels "
    "linear_key_head_dim linear_value_head_dim attention_head_size mamba_n_heads "
    "attention_head_dim index_head_dim linear_head_dim swa_head_dim mamba_d_state state_size "
    "ssm_state_size mamba_d_head mamba_head_dim mamba_headdim mamba_num_heads "
    "n_mamba_heads rotary_dim global_head_dim",
    16: "kv_lora_rank q_lora_rank o_lora_rank adapter_rank laurel_rank gated_norm_rank d_rel "
    "hidden_size_per_layer_input mamba_chunk_size chunk_size hc_lowrank index_topk "
    "time_step_rank mamba_dt_rank attention_chunk_size",
    1: "n_group topk_group num_expert_group topk_groups n_shared_experts num_shared_experts "
    "moe_num_shared_experts mamba_n_groups n_groups mamba_ngroups num_mem_blocks",
    0: "num_kv_shared_layers num_nextn_predict_layers",
    0.2: "initializer_range init_std embed_init_std embedding_initializer_range",
}
SMALL = {name: value for value, names in _NAMES.items() for name in names.split()}
"""What a size is called, and how small it can be."""

UNSET = ("head_dim", "num_key_value_heads", "moe_topk")
"""Sizes that are set even where the default says none."""

_INDEXER = {
    "indexer_budget": 16,
    "indexer_compress_ratio": 4,
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
}
_DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10_000.0}

EXCEPTIONS: dict[str, dict[str, Any]] = {
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": _DEFAULT_ROPE, "sliding_attention": _DEFAULT_ROPE}
    },
    "dbrx": {
        "attn_config": {"rope_theta": 10_000.0, "kv_n_heads": 2, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {"num_experts_per_tok": 2, "n_routed_experts": 4},
    "dots3_note_audio_encoder": {"adapter_input_size": 32, "adapter_out_dim": 32},
    "dots3_note_vision_encoder": {"adapter_in_dim": 32, "adapter_out_dim": 32},
    "dots1": {"num_experts_per_tok": 2, "n_routed_experts": 4, "n_shared_experts": 1},
    "gemma4_assistant": {
        "text_config": {
            "model_type": "gemma4_text",
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": 0,
        }
    },
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8},
    "openai-gpt": {"n_embd": 128, "n_head": 16, "n_layer": 4},
    "plbart": {"d_model": 64},
    "qwen4_exp": _INDEXER,
    "qwen4_exp_text": _INDEXER,
    "recurrent_gemma": {
        "hidden_size": 64,
        "lru_width": 64,
        "num_hidden_layers": 3,
        "w_init_variance_scale": 1.0,
    },
    "reformer": {"axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16]},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "num_hidden_layers": 4,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "zamba2": {"attention_hidden_size": 64, "attention_head_dim": 16},
    "zaya": {"num_experts_per_tok": 1},
}
"""Settings of families whose sizes depend on each other in a way of their own, and of those that
cannot be steered by two vectors when they are smaller still."""


def small_config(kind: str, **changes: Any) -> Any:
    """Return a configuration of a few thousand weights of a model type, with some changes.

    Per-layer lists are cut to one layer of each kind that the default has.
    """
    from transformers import CONFIG_MAPPING

    return _shrunk(CONFIG_MAPPING[kind], kind, **changes)


def _shrunk(config_class: Any, kind: str, **wanted: Any) -> Any:
    from transformers import PreTrainedConfig

    wanted = EXCEPTIONS.get(kind, {}) | wanted
    default = config_class(**{k: v for k, v in wanted.items() if isinstance(v, dict)})
    changes: dict[str, Any] = {}
    kinds: list[Any] = next((v for k, v in vars(default).items() if k in LAYER_KINDS and v), [])
    picked = _one_of_each(kinds)
    layers = max(LAYERS, len(picked))
    whole = next(
        (n for k in LAYER_COUNTS if isinstance(n := vars(default).get(k), int)), len(kinds) or None
    )
    for name, value in vars(default).items():
        if isinstance(value, PreTrainedConfig):
            part = wanted.pop(name, {})
            changes[name] = _shrunk(type(value), value.model_type, **part).to_dict()
        elif name in LAYER_COUNTS:
            changes[name] = layers
        elif isinstance(value, bool):
            changes |= {name: True} if name in ("is_decoder", "causal") else {}  # BERT, XLM
        elif name.endswith("_token_id"):
            changes[name] = 0 if isinstance(value, int) else None
        elif name in SMALL and (isinstance(value, int | float) or name in UNSET):
            changes[name] = SMALL[name]
        elif isinstance(value, list) and whole and len(value) == whole and layers < whole:
            changes[name] = [value[i] for i in (picked or range(layers))][:layers]
            changes[name] += changes[name][-1:] * (layers - len(changes[name]))
    if "kv_lora_rank" in changes:  # attention through latents has no groups of heads
        changes["num_key_value_heads"] = SMALL["num_attention_heads"]
    return config_class(**changes | wanted)


def _one_of_each(kinds: list[Any]) -> list[int]:
    """Return the index of the first layer of each kind."""
    return sorted({kind: i for i, kind in reversed(list(enumerate(kinds)))}.values())
