"""Passes that Olivine runs itself, in today's names. Passes it only checks come from `catalog.json`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .base import DataConfigName, DType, EvaluatorName, IntegerText, Model, StringList, SystemName, old
from .training import QLoRATrainingArguments, TrainingArguments


class PassParameters(Model):
    """Parameters of one pass type; a package that adds a pass derives its own from this."""


class LoRAParameters(PassParameters):
    """Fine-tune with low-rank adapters (PEFT) on the full-precision model."""

    r: Annotated[int, Field(gt=0, json_schema_extra=old("lora_r"))] = 64
    """Rank of the adapter matrices. Trainable parameters grow in proportion."""
    alpha: Annotated[float, Field(gt=0, json_schema_extra=old("lora_alpha"))] = 16
    """Scaling: the adapter's output is multiplied by alpha / r."""
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of adapter inputs zeroed while training."""
    target_modules: StringList | None = None
    """Names of the linear layers that get an adapter; null takes PEFT's choice for the model type."""
    modules_to_save: StringList | None = None
    """Modules trained in full beside the adapter and saved with it."""
    bias: Literal["none", "all", "lora_only"] = "none"
    """Which biases are trained."""
    torch_dtype: DType = "bfloat16"
    """Number format the base model is loaded and trained in."""
    device_map: Literal["auto", "current_device"] | None = "auto"
    """Where the weights go: spread over the devices there are, all on the current one, or null for Trainer's choice."""
    allow_tf32: bool = True
    """Allow TF32 matrix products on CUDA devices that have them."""
    ephemeral_gpu_offload: bool = False
    """Keep adapter initialisation on the CPU and borrow the GPU for it."""
    train_data_config: DataConfigName
    """Name of the data config to train on."""
    eval_data_config: DataConfigName | None = None
    """Name of the data config to evaluate on while training."""
    eval_dataset_size: Annotated[float, Field(gt=0)] | None = None
    """Held out of the training data for evaluation: a share below 1, or a count. Not used beside `eval_data_config`."""
    training_args: TrainingArguments = TrainingArguments()
    """Arguments of the transformers Trainer."""
    use_ort_trainer: Literal[False] = False
    """ORTTrainer is discontinued; only false is accepted."""
    ortmodule_onnx_opset_version: int | None = None
    """Had a meaning for ORTTrainer only; not used."""


class QLoRAParameters(LoRAParameters):
    """Fine-tune low-rank adapters on a base model quantized to 4 bits (bitsandbytes)."""

    quant_type: Literal["nf4", "fp4"] = "nf4"
    """4-bit data type of the base weights."""
    double_quant: bool = False
    """Quantize the quantization constants too; saves about 0.4 bits a parameter."""
    compute_dtype: DType | None = None
    """Number format of the matrix products; null takes `torch_dtype`."""
    save_quant_config: bool = True
    """Record in the adapter's folder that its base is meant to be loaded in 4 bits."""
    training_args: QLoRATrainingArguments = QLoRATrainingArguments()
    """Arguments of the transformers Trainer."""


class MergeAdapterWeightsParameters(PassParameters):
    """Fold the adapter into the base weights and save a full-precision model."""


class ModelBuilderParameters(PassParameters):
    """Build an ONNX model for onnxruntime-genai, quantized on the way."""

    precision: Literal["fp32", "fp16", "bf16", "int8", "int4"]
    """Number format of the weights."""
    metadata_only: Literal[False] = False
    """Writing only genai_config.json beside an existing ONNX model; only false is accepted."""
    search: dict[str, Any] | None = None
    """Entries for the `search` section of genai_config.json: defaults of generation."""
    int4_block_size: Annotated[Literal[16, 32, 64, 128, 256], IntegerText] | None = None
    """Weights that share one scale."""
    int4_accuracy_level: Annotated[Literal[1, 2, 3, 4], IntegerText] | None = None
    """Lowest number format of activations in 4-bit products: 1 fp32, 2 fp16, 3 bf16, 4 int8."""
    int4_is_symmetric: bool | None = None
    """Quantize around zero, without zero points."""
    int4_op_types_to_quantize: StringList | None = None
    """Operator types to quantize, such as MatMul and Gather."""
    int4_nodes_to_exclude: StringList | None = None
    """Names of nodes that stay in full precision."""
    int4_algo_config: (
        Literal["default", "rtn", "rtn_last", "k_quant", "k_quant_mixed", "k_quant_last", "k_quant_linear"] | None
    ) = None
    """Quantization algorithm; the mixed ones keep the layers that matter most in 8 bits."""
    use_qdq: bool | None = None
    """Write QuantizeLinear / DequantizeLinear pairs instead of MatMulNBits."""
    use_8bits_moe: bool | None = None
    """Keep expert layers in 8 bits."""
    use_webgpu_fp32: bool | None = None
    """fp32 inputs and outputs for WebGPU."""
    use_cuda_bf16: bool | None = None
    """bf16 inputs and outputs for CUDA."""
    include_hidden_states: bool | None = None
    """Add the last hidden states as an output."""
    exclude_embeds: bool | None = None
    """Take input embeddings instead of token ids."""
    exclude_lm_head: bool | None = None
    """Leave the language-model head out; the output is hidden states."""
    enable_cuda_graph: bool | None = None
    """Capture CUDA graphs while generating."""
    extra_options: dict[str, Any] | None = None
    """Further options of the builder, by its own names; misspelt ones are refused."""


PARAMETERS: dict[str, type[PassParameters]] = {
    "LoRA": LoRAParameters,
    "QLoRA": QLoRAParameters,
    "MergeAdapterWeights": MergeAdapterWeightsParameters,
    "ModelBuilder": ModelBuilderParameters,
}
"""Parameter models of the passes in this distribution, by type name."""


class Pass(Model):
    """One step of the workflow."""

    type: str
    """Which pass: LoRA, QLoRA, MergeAdapterWeights, ModelBuilder, …"""
    host: SystemName | None = None
    """System that runs this pass; the engine's host by default."""
    evaluator: EvaluatorName | None = None
    """Evaluator of this pass's output; the engine's by default."""
    config: dict[str, Any] = {}
    """Parameters of the pass type."""
    clean_run_cache: bool = False
    """Run even where a cached result exists."""

    RUNS: ClassVar[frozenset[str]] = frozenset(PARAMETERS)
