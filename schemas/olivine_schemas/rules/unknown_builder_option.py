"""`extra_options` has an option that ModelBuilder does not know.

The builder of onnxruntime-genai skips options that it does not know, so a slip of the hand goes unnoticed.

```json
"build": { "type": "ModelBuilder", "extra_options": { "blok_size": 64 } }
```

Microsoft Olive builds without the option and does not say so. Olivine refuses the run where a known option was
misspelt, and offers its name. An option that is like none of those it knows it passes on, and warns: the builder will
skip it, unless it is newer than Olivine. Names of the pass with `int4_` in front, such as `int4_block_size`, are taken
for the builder's without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.edits import rename_key
from olivine_schemas.nearest import slip
from olivine_schemas.problems import Fix, Problem, Severity
from olivine_schemas.tree import Member

from .reading import object_at, passes
from .repairs import meant
from .rule import Context, Rule

OPTIONS = frozenset(
    {
        "accuracy_level", "adapter_path", "algo_config", "aux_hidden_state_layers", "block_size", "config_only",
        "dflash2_fuse_gate_up", "dflash2_fuse_qkv", "dflash2_num_draft_tokens", "dflash2_path", "dflash2_precision",
        "disable_qkv_fusion", "dspark_num_draft_tokens", "dspark_path", "dspark_top_k", "enable_cuda_fpa_intb_gemm",
        "enable_cuda_graph", "enable_dml_graph", "enable_webgpu_graph", "exclude_embeds", "exclude_lm_head",
        "exclude_mtp", "filename", "fuse_mlp_gate_up", "fuse_qk_norm_gqa", "fuse_qkv", "gpu_utilization_factor",
        "hf_remote", "hf_token", "include_hidden_states", "is_symmetric", "kv_cache_quant_scheme",
        "kv_cache_rotation", "kv_cache_scale_file", "linear_attn_op", "matmul_mixed_precision",
        "matmulnbits_weights_prepacked", "max_batch_size", "max_draft_tokens", "max_scheduled_tokens",
        "moe_quant_type", "mtp_quant_config", "nodes_to_exclude", "num_blocks", "num_hidden_layers",
        "op_types_to_quantize", "paged_block_size", "paged_chunk_size", "prune_lm_head", "qmoe_block_size",
        "qmoe_weights_prepacked", "shared_embeddings", "state_update_capacity", "state_window", "use_8bits_moe",
        "use_cuda_bf16", "use_device_allocator_for_initializers", "use_paged_attention", "use_qdq", "use_webgpu_fp32",
        "windowed_kv_cache",
    }
)  # fmt: skip
"""Options of the builder in onnxruntime-genai 0.18."""


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        if entry.type == "ModelBuilder":
            for member in object_at(entry.config, "extra_options").members:
                if member.name not in OPTIONS:
                    yield _unknown(member)


def _unknown(member: Member) -> Problem:
    plain = member.name.removeprefix("int4_")  # as the pass calls its own
    name = meant(plain, sorted(OPTIONS))
    fix = Fix(f'Change to "{name}"', rename_key(member, name)) if name else None
    severity = Severity.ERROR if slip(plain, OPTIONS) else Severity.WARNING
    return RULE.at(member, f'ModelBuilder has no option "{member.name}".', fix, severity=severity)


RULE = Rule("unknown-builder-option", Severity.ERROR, _check)
