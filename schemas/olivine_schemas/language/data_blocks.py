"""The raw `data_configs` and `evaluators`: components by type, metrics by kind, and the forms of 2024 beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import catalogued, forms, raw
from .block_parts import GONE, Catalog, Definitions, notes, nullable, typed
from .data import DataConfig, LoadDataset, TextGeneration
from .evaluators import Evaluator, Metric, SubType
from .forms import Schema

COMPONENTS = ("load_dataset", "pre_process_data", "post_process_data", "dataloader")


def define_data(catalog: Catalog, definitions: Definitions) -> None:
    """Define `data_config`, its components and its old forms."""
    known = {"huggingface_dataset": raw.properties(LoadDataset, definitions)}
    loading = known["huggingface_dataset"]
    loading["data_files"] = loading["data_files"] | {"type": ["string", "array", "object", "null"]}
    loading["data_files"].pop("$ref")
    loading["data_dir"] = forms.nullable(catalogued.of_type("path")) | notes(loading["data_dir"])
    known["text_generation_huggingface_pre_process"] = (
        raw.properties(TextGeneration, definitions) | _generation_extras()
    )
    for kind in COMPONENTS:
        _component(kind, catalog["data_components"][kind], known, definitions)
    definitions["ComponentKwargs"] = forms.closed(
        {kind: forms.nullable(forms.block(f"{kind}.any.params")) for kind in COMPONENTS}
    )
    old_component = {"name": forms.nullable(forms.string()), "type": forms.nullable(forms.string())}
    for kind in COMPONENTS:
        fields = {**old_component, "params": forms.nullable(forms.block(f"{kind}.any.params"))}
        definitions[f"{kind}.old"] = forms.closed(fields)
    shared = {**known["huggingface_dataset"], **known["text_generation_huggingface_pre_process"]}
    shared = {key: value for key, value in shared.items() if "deprecated" not in value}
    shared |= {
        "component_kwargs": forms.nullable(forms.block("ComponentKwargs")),
        "batch_size": forms.nullable(forms.integer()),
    }
    definitions["ParamsConfig"] = forms.opened(
        shared, description="Settings that all components of the old form share."
    )
    fields = raw.properties(DataConfig, definitions)
    containers = list(catalog["data_containers"])
    fields["type"] |= {"examples": containers, "x-names": containers, "x-closed": True}
    fields |= {
        f"{kind}_config": forms.nullable(forms.block(kind)) | notes({**fields[f"{kind}_config"], "default": None})
        for kind in COMPONENTS
    }
    old = {"params_config": forms.nullable(forms.block("ParamsConfig")) | GONE}
    components = forms.closed({kind: forms.nullable(forms.block(f"{kind}.old")) for kind in COMPONENTS})
    old["components"] = forms.nullable({"type": "object", **components}) | GONE
    fields["name"] |= {"x-says": 'letters, digits, "_" and "-"'}
    entry = forms.closed({**fields, **old}, ["name"], description=DataConfig.__doc__)
    definitions["data_config"] = entry
    definitions["data_config_in_map"] = {key: value for key, value in entry.items() if key != "required"}


def _generation_extras() -> dict[str, Schema]:
    text = forms.nullable(forms.string())
    flag = forms.nullable(forms.boolean())
    return {"model_name": text, "trust_remote_code": flag, "user_script": text, "script_dir": text, "task": text}


def _component(kind: str, facts: Mapping[str, Any], known: Mapping[str, Any], definitions: Definitions) -> None:
    about = f"The {kind.replace('_', ' ')} component."
    own = {
        "type": forms.nullable(
            forms.string(description="Name of the component; the container's default when left out.")
        )
    }
    targets: dict[str, str] = {}
    everything: dict[str, Schema] = {}
    for name, fact in facts.items():
        catalogued_fields = nullable(catalogued.parameters(fact["parameters"]))
        fields = {**catalogued_fields, **known.get(name, {})}
        if "label_col" in fields:
            fields["label_cols"] = GONE | {"type": ["array", "string", "null"], "x-renamed-to": "label_col"}
        make = (
            forms.opened if fact["open"] and name not in ("text_generation_huggingface_pre_process",) else forms.closed
        )
        must = [key for key, one in fact["parameters"].items() if one.get("required") and key not in _FILLED_IN]
        must = must if kind == "load_dataset" else []
        targets[name] = typed(definitions, kind, name, own, make(fields), must, into="params")
        everything |= fields if name in _UNTYPED else {}
    typed(definitions, kind, "any", own, forms.opened(everything), into="params")
    free: Schema = {"properties": {**own, "params": forms.nullable(forms.mapping())}}
    definitions[f"{kind}.other"] = free
    definitions[kind] = forms.dispatch(targets, absent=f"{kind}.any", otherwise=f"{kind}.other", description=about)


_FILLED_IN = {"model_name", "task", "data_dir"}
"""Parameters that come from the input model, or that may be empty."""

_UNTYPED = {
    "huggingface_dataset",
    "huggingface_pre_process",
    "text_generation_huggingface_pre_process",
    "default_dataloader",
}
"""Components that a data config without component types most often means."""


def define_evaluators(catalog: Catalog, definitions: Definitions) -> None:
    """Define `evaluator` and `metric` with their branches."""
    for kind, names in catalog["metrics"].items():
        sub = raw.properties(SubType, definitions)
        more = {"examples": names, "x-names": names}  # other libraries have further names
        sub["name"] |= {"enum": names} if kind in ("latency", "throughput", "size_on_disk") else more if names else {}
        sub["goal"] = forms.nullable(forms.block("goal")) | notes(sub["goal"])
        definitions[f"sub_type.{kind}"] = forms.closed(sub, ["name"], description=SubType.__doc__)
    goals = ["threshold", "min-improvement", "percent-min-improvement", "max-degradation", "percent-max-degradation"]
    definitions["goal"] = forms.closed(
        {"type": forms.choice(goals), "value": forms.number()}, description="What the search must reach."
    )
    fields = raw.properties(Metric, definitions)
    fields.pop("user_config")
    fields["data_config"] |= {"type": ["string", "object", "null"], "$ref": "#/$defs/data_config_in_map"}
    settings = forms.opened(_metric_settings(), description="Further settings of a metric.")
    before = {"sub_type": forms.string(), "priority_rank": forms.integer(), "higher_is_better": forms.boolean()}
    before |= {"goal": forms.block("goal"), "metric_config": forms.mapping()}
    fields |= {key: forms.nullable(schema) | GONE for key, schema in before.items()}
    targets = {}
    for kind in catalog["metrics"]:
        own = {
            **fields,
            "sub_types": forms.nullable(forms.array(forms.block(f"sub_type.{kind}"))) | notes(fields["sub_types"]),
        }
        targets[kind] = typed(definitions, "metric", kind, own, settings, into="user_config")
        definitions[targets[kind]] |= {"required": ["type", "name"]}
    definitions["metric"] = forms.dispatch(targets, description=Metric.__doc__)
    own = raw.properties(Evaluator, definitions)
    own.pop("type_args")
    own["type"] |= {
        "examples": [
            "OnnxEvaluator",
            "PyTorchEvaluator",
            "OpenVINOEvaluator",
            "QNNEvaluator",
            "LMEvaluator",
            "MTEBEvaluator",
        ]
    }
    own["metrics"] = forms.nullable(forms.array(forms.block("metric"))) | notes(own["metrics"])
    text = forms.nullable(forms.string())
    own |= {"name": text, "user_script": text, "script_dir": text, "type_args": forms.nullable(forms.mapping())}
    definitions["evaluator.metrics"] = forms.opened(own, description=Evaluator.__doc__)
    tasks = forms.opened({**own, "tasks": forms.array()}, description=Evaluator.__doc__)
    definitions["evaluator.tasks"] = tasks | {
        "x-required": {"into": "type_args", "names": ["tasks"]},
        "allOf": [forms.in_either("tasks", "type_args")],
    }
    plain = dict.fromkeys(
        ["OnnxEvaluator", "PyTorchEvaluator", "OpenVINOEvaluator", "QNNEvaluator", "SNPEEvaluator"], "evaluator.metrics"
    )
    targets = plain | dict.fromkeys(["LMEvaluator", "MTEBEvaluator"], "evaluator.tasks")
    definitions["evaluator"] = forms.dispatch(targets, absent="evaluator.metrics", otherwise="evaluator.metrics")


def _metric_settings() -> dict[str, Schema]:
    text, free, flag = forms.string(), forms.mapping(), forms.boolean()
    names = {
        "user_script": text,
        "script_dir": text,
        "inference_settings": free,
        "shared_kv_buffer": flag,
        "io_bind": flag,
        "run_kwargs": free,
        "evaluate_func": text,
        "evaluate_func_kwargs": free,
        "metric_func": text,
        "metric_func_kwargs": free,
    }
    old = {
        "data_dir": {},
        "batch_size": forms.integer(),
        "dataloader_func": text,
        "post_processing_func": text,
        "func_kwargs": free,
    }
    return nullable({**names, **{name: schema | GONE for name, schema in old.items()}})
