"""What the 2024 generation of the config language said differently: tables that `resolve` and `migrate` are driven by.

A document of either generation is legal. "Old" means Olive 0.4 to 0.6: its defaults differ from today's, so only whole
blocks decide. A single renamed key (`lora_r`, `corpus_strategy`) does not make a document old: renaming it must not
change what else the document means.
"""

from __future__ import annotations

from typing import Any, Literal

from .tree import Array, Node, Object, child, text_of

Generation = Literal["old", "new"]

RENAMED: dict[str, dict[str, str]] = {
    "engine": {"azureml_client_config": "azureml_client"},
    "model": {"from_pretrained_args": "load_kwargs", "model_loading_args": "load_kwargs"},
    "pre_process_data": {"source_max_len": "max_seq_len", "corpus_strategy": "strategy"},
    "fine_tuning": {"lora_r": "r", "lora_alpha": "alpha"},
    "training_args": {
        "evaluation_strategy": "eval_strategy",
        "group_by_length": "train_sampling_strategy",
        "warmup_ratio": "warmup_steps",
        "no_cuda": "use_cpu",
        "per_gpu_train_batch_size": "per_device_train_batch_size",
        "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    },
    "builder_options": {
        f"int4_{name}": name
        for name in (
            "block_size", "accuracy_level", "is_symmetric", "op_types_to_quantize", "nodes_to_exclude", "algo_config",
        )
    },
    "search_strategy": {"search_algorithm": "sampler", "search_algorithm_config": "sampler_config"},
    "sampler_config": {"num_samples": "max_samples"},
}  # fmt: skip
"""Keys by block: old name to today's, where the value stays what it is (or is in `RENAMED_VALUES`)."""

RENAMED_VALUES: dict[str, dict[Any, str]] = {
    "optim": {"adamw_hf": "adamw_torch"},
    "train_sampling_strategy": {True: "group_by_length", False: "random"},
    "sampler": {"exhaustive": "sequential"},
    "sub_type": {"auc": "auroc"},
}
"""Values by today's key: old value to today's."""

IGNORED: dict[str, dict[str, str]] = {
    "engine": {
        "auto_optimizer_config": "the passes that are written are the ones that run",
        "verbose": "log_severity_level says how much is logged",
        "evaluation_only": "leave the passes out to evaluate the input model alone",
        "data_root": "paths are relative to this file; write the folder into data_files or data_dir",
        "workflow_host": "host says where the passes run",
        "enable_shared_cache": "the cache is on this machine",
        "update_shared_cache": "the cache is on this machine",
        "account_name": "the cache is on this machine",
        "container_name": "the cache is on this machine",
    },
    "hf_config": {
        "model_class": "the class follows from the model and its task",
        "components": "the model is loaded as one piece",
        "dataset": "data stands in data_configs",
    },
    "hf_model": {
        "model_file_format": "the format is seen from the model's files",
        "mlflow_transformer_model_cache_dir": "the model's folder is read where it is",
        "model_script": "a Hugging Face model is loaded by transformers",
        "script_dir": "a Hugging Face model is loaded by transformers",
        "dummy_inputs_func": "inputs follow from the model and its task",
    },
    "system": {
        "is_dev": "it was for Olive's own development",
        "olive_managed_env": "the environment is the one that the system names",
        "requirements_file": "packages come from the system's environment",
    },
    "pass": {"output_name": "the result is named after the pass"},
    "lora": {
        "double_quant": "LoRA trains on the full-precision model; it is a setting of QLoRA",
        "quant_type": "LoRA trains on the full-precision model; it is a setting of QLoRA",
        "compute_dtype": "LoRA trains on the full-precision model; it is a setting of QLoRA",
    },
    "training_args": {
        "overwrite_output_dir": "every run has a folder of its own",
        "logging_dir": "every run has a folder of its own",
        "save_safetensors": "weights are always saved as safetensors",
    },
    "text_generation": {
        "model_name": "the tokenizer is the input model's",
        "task": "the task is the input model's",
        "trust_remote_code": "the input model's load_kwargs decide it",
    },
}
"""Keys by block that Olivine does not follow, with the reason a person is told. What asks for nothing goes quietly."""

FINE_TUNING = frozenset({"LoRA", "QLoRA", "LoftQ", "DoRA", "LoHa", "LoKr"})
"""Passes that train an adapter and so share `lora_r` and `training_args`."""

PASS_TYPES = {
    **{name.lower(): name for name in (*FINE_TUNING, "MergeAdapterWeights", "ModelBuilder")},
    "ortperftuning": "OrtSessionParamsTuning",
    "onnxmodeloptimizer": "OnnxPeepholeOptimizer",
    "quarkquantizationvitisai": "QuarkQuantization",
    "ryzengeneratemodelllm": "VitisGenerateModelLLM",
}
"""Pass types by lower-case name, old names included; other types are taken as written."""

MODEL_TYPES = {
    name.lower(): name
    for name in (
        "HfModel", "PyTorchModel", "ONNXModel", "CompositeModel", "DiffusersModel", "DistributedHfModel",
        "DistributedOnnxModel", "OpenVINOModel", "QNNModel", "QairtModel", "QairtPreparedModel", "TensorFlowModel",
    )
}  # fmt: skip
HF_CONFIG_TYPES = frozenset({"HfModel", "PyTorchModel", "OptimumModel"})
"""Model types that an `hf_config` turns into an HfModel."""

CONTAINERS = {
    name.lower(): name
    for name in (
        "DataContainer", "HuggingfaceContainer", "DummyDataContainer", "RawDataContainer", "ImageDataContainer",
        "TransformersDummyDataContainer", "TransformersPromptDummyDataContainer", "TransformersTokenDummyDataContainer",
    )
}  # fmt: skip

SYSTEM_TYPES = {name.lower(): name for name in ("LocalSystem", "PythonEnvironment", "Docker", "AzureML", "IsolatedORT")}
SYSTEM_ALIASES = {
    **{
        name.lower(): "AzureML"
        for name in (
            "AzureND12SSystem", "AzureND24RSSystem", "AzureND24SSystem", "AzureNDV2System", "AzureND6SSystem",
            "AzureND96A100System", "AzureND96ASystem",
        )
    },
    "surfaceprosystem1796": "LocalSystem",
    "surfaceprosystem1807": "LocalSystem",
}  # fmt: skip
"""Old names of machines: a system type that has a GPU."""

RESOURCE_TYPES = frozenset({
    "file", "folder", "string_name", "local_file", "local_folder",
    "azureml_model", "azureml_registry_model", "azureml_datastore", "azureml_job_output",
})  # fmt: skip

ENGINE_KEYS = frozenset({
    "host", "target", "evaluator", "evaluate_input_model", "search_strategy", "output_dir", "output_name",
    "packaging_config", "cache_dir", "clean_cache", "clean_evaluation_cache", "log_severity_level",
    "ort_log_severity_level", "ort_py_log_severity_level", "log_to_file", "plot_pareto_frontier", "no_artifacts",
    # no longer settings of their own: resolved into others, or ignored
    "execution_providers", "cache_config", "pass_flows", "azureml_client_config", *IGNORED["engine"],
})  # fmt: skip
"""Keys that stand in `engine` or at top level and mean the same."""

COMPONENTS = ("load_dataset", "pre_process_data", "post_process_data", "dataloader")
"""The parts of a data config; today's key is the name with `_config`."""

POOLED: dict[str, str] = {
    **dict.fromkeys(("data_name", "subset", "split", "data_dir", "data_files", "col_filters"), "load_dataset"),
    **dict.fromkeys(("input_names", "input_shapes", "input_types", "input_dirs", "input_suffix"), "load_dataset"),
    **dict.fromkeys(("input_order_file", "annotations_file"), "load_dataset"),
    **dict.fromkeys(("batch_size", "shuffle", "drop_last", "num_workers"), "dataloader"),
}
"""Which component a parameter of the old pool `params_config` is for; all others are for pre_process_data."""

TEXT_GENERATION_KEYS = frozenset({
    "dataset_type", "source_max_len", "max_seq_len", "corpus_strategy", "strategy", "text_template", "text_cols",
    "text_formatting_func", "chat_template", "pair_format", "input_template", "input_col", "output_template",
    "output_col",
})  # fmt: skip
"""Parameters that only the text-generation pre-processing has."""

OLD_TEXT_GENERATION = {"strategy": "line-by-line"}
OLD_FINE_TUNING = {"lora_dropout": 0.0}
OLD_TRAINING_ARGS = {
    # eval_strategy was "steps", which today's null means too wherever there is something to evaluate on.
    "data_seed": 42,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 16,
    "logging_steps": 10,
    "optim": "paged_adamw_32bit",
    "train_sampling_strategy": "group_by_length",
}
OLD_MAX_STEPS = 10000
"""The old default number of steps. It also overruled a num_train_epochs that was written, which nobody meant: so it
stands in only where the length of the training is not given at all."""


MEANT_AS_NULL = frozenset({"device_map", "optim"})
"""Keys whose null is a choice of its own and not the default."""


def generation(tree: Node | None) -> Generation:
    """Which generation of the language a document speaks: "old" if it holds a block that only Olive before 0.7 knew."""
    old = (
        child(tree, "input_model", "config", "hf_config") is not None
        or child(tree, "input_model", "hf_config") is not None
        or child(tree, "engine", "execution_providers") is not None
        or _old_data(child(tree, "data_configs"))
        or _old_systems(child(tree, "systems"))
    )
    return "old" if old else "new"


def _old_data(node: Node | None) -> bool:
    if isinstance(node, Object):
        return bool(node.members)
    items = node.items if isinstance(node, Array) else []
    return any(child(item, key) is not None for item in items for key in ("params_config", "components"))


def _old_systems(node: Node | None) -> bool:
    for member in node.members if isinstance(node, Object) else []:
        accelerators = child(member.value, "config", "accelerators") or child(member.value, "accelerators")
        if isinstance(accelerators, Array) and any(text_of(item) is not None for item in accelerators.items):
            return True
    return False
