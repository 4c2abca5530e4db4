"""The raw document block by block: typed models where Olivine runs a thing, the catalog where it only checks it.

Names of `$defs`: model names for plain blocks, `model`, `system`, `pass` and so on for blocks that a `type` picks the
branch of, `pass.LoRA` for a branch, `pass.LoRA.config` for its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import catalogued, forms, passes, raw
from .block_parts import GONE, Catalog, Definitions, notes, nullable, typed
from .data_blocks import define_data, define_evaluators
from .engine import Engine
from .forms import Schema
from .models import ModelConfig
from .systems import SystemConfig
from .training import QLoRATrainingArguments, TrainingArguments
from .workflow import Workflow


def document(catalog: Catalog) -> tuple[Schema, Definitions]:
    """The root schema and its `$defs`."""
    definitions: Definitions = {"search_parameter": _search_parameter()}
    _resource_paths(definitions)
    _models(catalog, definitions)
    _systems(catalog, definitions)
    define_data(catalog, definitions)
    define_evaluators(catalog, definitions)
    _training(catalog, definitions)
    _passes(catalog, definitions)
    root = _root(definitions)
    return root, {name: definitions[name] for name in sorted(_reachable(root, definitions))}


def _reachable(root: Schema, definitions: Definitions) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            name = str(value.get("$ref", "")).removeprefix("#/$defs/").split("/")[0]
            if name and name not in found:
                found.add(name)
                waiting.append(definitions[name])
    return found


def _search_parameter() -> Schema:
    fields = {
        "olive_parameter_type": forms.string(enum=["SearchParameter"]),
        "type": forms.string(enum=["Categorical", "Conditional", "ConditionalDefault"]),
        "support": forms.union(forms.array(), forms.mapping()),
        "parents": forms.array(forms.string()),
        "default": {},
    }
    return forms.closed(fields, ["olive_parameter_type"], description="Values that a search tries for a parameter.")


def _resource_paths(definitions: Definitions) -> None:
    text, version = forms.string(), forms.union(forms.string(), forms.integer())
    client = forms.nullable(forms.block("AzureMLClient"))
    patience = nullable({"max_operation_retries": forms.integer(), "operation_retry_interval": forms.integer()})
    asset = {"azureml_client": client, "name": text, "version": version, **patience}
    fields: dict[str, dict[str, Schema]] = {
        "file": {"path": text},
        "folder": {"path": text},
        "local_file": {"path": text},
        "local_folder": {"path": text},
        "string_name": {"name": text},
        "azureml_model": asset,
        "azureml_registry_model": {**asset, "registry_name": text},
        "azureml_datastore": {
            "azureml_client": client,
            **nullable({"datastore_name": text, "relative_path": text, "datastore_url": text}),
        },
        "azureml_job_output": {"azureml_client": client, "job_name": text, "output_name": text, "relative_path": text},
    }
    must = {name: [key for key in keys if "null" not in forms.types(keys[key])] for name, keys in fields.items()}
    own = {"type": forms.string(description="Kind of the path.")}
    targets = {
        name: typed(definitions, "resource_path", name, own, forms.closed(keys), must[name])
        for name, keys in fields.items()
    }
    definitions["resource_path"] = forms.dispatch(targets, description="A path with its kind said.")


def _models(catalog: Catalog, definitions: Definitions) -> None:
    known = raw.properties(ModelConfig, definitions)
    for name in ("model_path", "adapter_path", "test_model_path"):
        notes = {key: known[name][key] for key in ("description", "default")}
        known[name] = forms.nullable(catalogued.of_type("path")) | notes
    known["task"] |= {"examples": ["text-generation", "text-generation-with-past", "text-classification"]}
    definitions["LoadKwargs"]["properties"] |= {"extra_args": forms.nullable(forms.mapping())}
    _old_models(definitions)
    own = {"type": forms.string(description="Kind of the model.")}
    targets = {}
    for name, facts in catalog["models"].items():
        fields = {
            key: known[key] if key in known and key != "io_config" else schema
            for key, schema in catalogued.parameters(facts).items()
        }
        extra = {"hf_config": forms.nullable(forms.block("HfConfig")) | GONE} if name == "PyTorchModel" else {}
        old = {
            "mlflow_transformer_model_cache_dir": forms.nullable(forms.string()) | GONE,
            "adapter_path": known["adapter_path"],
        }
        extra |= old if name == "PyTorchModel" else {}
        must = [key for key, fact in facts.items() if fact.get("required")]
        inner = forms.closed({**fields, **extra}, description=_MODEL_WORDS.get(name, ""))
        targets[name] = typed(definitions, "model", name, own, inner, must)
    for name in catalog["removed_models"]:
        definitions[f"model.{name}"] = {"properties": {**own, "config": forms.nullable(forms.mapping())}, **GONE}
        targets[name] = f"model.{name}"
    definitions["model"] = forms.dispatch(targets, description="A model: its type and where it is.")


_MODEL_WORDS = {
    "HfModel": "A Hugging Face model: a hub name or a folder. The one type that Olivine fine-tunes.",
    "PyTorchModel": "A PyTorch model that a script loads.",
    "ONNXModel": "An ONNX file or the folder of one.",
    "CompositeModel": "Several models that make one.",
    "DiffusersModel": "An image generation pipeline of the diffusers library.",
}


def _old_models(definitions: Definitions) -> None:
    text = forms.nullable(forms.string())
    component = {"name": forms.string(), "io_config": forms.nullable(forms.union(forms.mapping(), forms.string()))}
    component |= {"component_func": text, "dummy_inputs_func": text}
    definitions["HfComponent"] = forms.closed(component, ["name"])
    loading = forms.nullable(forms.block("LoadKwargs"))
    fields = {
        "model_name": text | {"description": "Hub name or folder of the model."},
        "task": text | {"description": "What the model is for."},
        "feature": text,
        "model_class": text,
        "components": forms.nullable(forms.array(forms.block("HfComponent"))),
        "from_pretrained_args": loading | {"x-old-names": ["model_loading_args"]},
        "config": forms.nullable(forms.mapping()),
        "dataset": forms.nullable(forms.mapping()),
    }
    about = "The Hugging Face model that a PyTorchModel meant before there was HfModel."
    definitions["HfConfig"] = forms.closed(fields, description=about)


def _systems(catalog: Catalog, definitions: Definitions) -> None:
    raw.properties(Workflow, definitions)
    known = raw.properties(SystemConfig, definitions)
    accelerator = definitions["Accelerator"]["properties"]
    devices = [device for device in accelerator["device"]["enum"] if device]
    accelerator["device"] = forms.nullable(forms.choice_in_any_case(devices)) | notes(accelerator["device"])
    accelerator["execution_providers"]["items"] |= {
        "examples": sorted({p for ps in catalog["execution_providers"].values() for p in ps})
    }
    listed = forms.union(forms.block("Accelerator"), forms.string())
    shared = {
        "accelerators": forms.nullable(forms.array(listed)) | notes(known["accelerators"]),
        "hf_token": known["hf_token"],
    }
    text, flag = forms.nullable(forms.string()) | GONE, forms.nullable(forms.boolean()) | GONE
    managed = {"olive_managed_env": flag, "requirements_file": text, "is_dev": flag}
    docker = {"image_name": text, "dockerfile": text, "build_context_path": text}
    docker |= {"build_args": forms.nullable(forms.mapping()), "run_params": forms.nullable(forms.mapping())}
    definitions["LocalDockerConfig"] = forms.closed(docker)
    own = {"type": forms.string(description="Kind of the system.")}
    targets = {}
    for name, facts in catalog["systems"].items():
        fields = {
            **shared,
            **{key: known[key] for key in facts["fields"]},
            **(managed if name != "LocalSystem" else {}),
        }
        if name == "Docker":
            fields["local_docker_config"] = forms.nullable(forms.block("LocalDockerConfig")) | GONE
        required = [] if name == "PythonEnvironment" else facts["required"]  # a managed environment has no path yet
        targets[name] = typed(definitions, "system", name, own, forms.closed(fields), required)
    for name in catalog["removed_systems"]:
        everything = forms.closed({**known, **shared, **managed})
        targets[name] = typed(definitions, "system", name, own, everything)
        definitions[targets[name]] |= GONE
    definitions["system"] = forms.dispatch(
        targets, description="A machine that runs passes, or that models are built for."
    )


def _training(catalog: Catalog, definitions: Definitions) -> None:
    fields = nullable(catalogued.parameters(catalog["training_arguments"]))
    for key, schema in raw.properties(TrainingArguments, definitions).items():
        values = {"enum": fields[key]["enum"]} if "enum" in fields.get(key, {}) and "enum" not in schema else {}
        fields[key] = schema | values
    fields = {**dict.fromkeys(catalog["removed_training_arguments"], GONE), **forms.with_old_names(fields)}
    shared = forms.closed(fields, description=TrainingArguments.__doc__)
    definitions["training_arguments"] = _with_extra_args(shared, "training_arguments")
    same: dict[str, Schema] = {
        key: {"$ref": f"#/$defs/training_arguments/properties/{key}"} for key in shared["properties"]
    }
    optim = shared["properties"]["optim"] | notes(raw.properties(QLoRATrainingArguments, definitions)["optim"])
    quantized = forms.closed({**same, "optim": optim}, description=QLoRATrainingArguments.__doc__)
    definitions["training_arguments.4bit"] = _with_extra_args(quantized, "training_arguments.4bit")


def _with_extra_args(schema: Schema, name: str) -> Schema:
    return {**schema, "properties": {**schema["properties"], "extra_args": forms.nullable(forms.block(name))}}


def _passes(catalog: Catalog, definitions: Definitions) -> None:
    targets = {}
    for name, facts in catalog["passes"].items():
        fields = catalogued.parameters(facts["parameters"])
        model = passes.PARAMETERS.get(name)
        inner = _run_here(name, model, fields, definitions) if model else _checked_only(catalog, name, fields)
        must = (
            raw.required(model) if model else [key for key, fact in facts["parameters"].items() if fact.get("required")]
        )
        targets[name] = typed(definitions, "pass", name, forms.pass_keys(), inner, must)
    for name in catalog["removed_passes"]:
        definitions[f"pass.{name}"] = {
            "properties": forms.pass_keys() | {"config": forms.nullable(forms.mapping())},
            **GONE,
        }
        targets[name] = f"pass.{name}"
    definitions["pass"] = forms.dispatch(targets, description=passes.Pass.__doc__)


def _run_here(
    name: str, model: type[passes.PassParameters], facts: Mapping[str, Schema], definitions: Definitions
) -> Schema:
    fields = raw.properties(model, definitions)
    fields = {key: _as_wide(schema, facts.get(key, {})) for key, schema in fields.items()}
    if "training_args" in fields:
        arguments = "training_arguments.4bit" if "QLoRA" in name else "training_arguments"
        fields["training_args"] = forms.nullable(forms.block(arguments)) | notes(
            {**fields["training_args"], "default": None}
        )
    return forms.closed(fields, description=model.__doc__)


def _as_wide(schema: Schema, fact: Schema) -> Schema:
    """A parameter that Olivine runs, with the values that only Microsoft Olive runs and its search values."""
    if set(schema.get("enum", [None])) == {False, None}:
        schema = {**forms.nullable(forms.boolean()), **notes(schema), "x-runs": [False]}
    return forms.searchable(schema, fact["x-search"]) if "x-search" in fact else schema


def _checked_only(catalog: Catalog, name: str, fields: dict[str, Schema]) -> Schema:
    old = catalog["removed_pass_parameters"].get(name, {})
    gone = {key: forms.renamed(fields[new], new) if new else GONE for key, new in old.items()}
    return forms.closed({**fields, **gone}) | {"x-checked-only": True}


def _root(definitions: Definitions) -> Schema:
    engine = raw.properties(Engine, definitions)
    named = {"host": "system", "target": "system", "evaluator": "evaluator"}
    for key, kind in named.items():
        either = forms.union(forms.string(**{"x-reference": f"{kind}s"}), forms.block(kind))
        engine[key] = forms.nullable(either) | notes(engine[key])
    engine["search_strategy"] = forms.nullable(forms.union(forms.boolean(), forms.block("search_strategy"))) | notes(
        engine["search_strategy"]
    )
    engine["packaging_config"] = forms.nullable(
        forms.union(forms.block("packaging"), forms.array(forms.block("packaging")))
    ) | notes(engine["packaging_config"])
    engine["cache_config"] = forms.nullable(forms.block("cache_config")) | notes(engine["cache_config"])
    _engine_blocks(engine, definitions)
    old: dict[str, Schema] = {
        "execution_providers": forms.nullable(forms.array(forms.string())) | GONE,
        "azureml_client_config": forms.nullable(forms.block("AzureMLClient")) | GONE,
    }
    about = Engine.__doc__
    definitions["engine"] = forms.closed({**engine, **old}, description=about) | {"x-unknown": "refused"}
    fields = raw.properties(Workflow, definitions)
    flat = {key: {"$ref": f"#/$defs/engine/properties/{key}"} for key in [*engine, *old]}
    tables = {
        "input_model": forms.block("model"),
        "systems": forms.mapping(forms.block("system")),
        "data_configs": forms.union(
            forms.array(forms.block("data_config")), forms.mapping(forms.block("data_config_in_map"))
        ),
        "evaluators": forms.mapping(forms.block("evaluator")),
        "passes": forms.mapping(forms.union(forms.block("pass"), forms.array(forms.block("pass")))),
        "engine": forms.block("engine"),
    }
    described = {key: schema | notes({**fields[key], "default": None}) for key, schema in tables.items()}
    for key in described:
        described[key].pop("default")
    optional = {key: forms.nullable(schema) for key, schema in described.items() if key != "input_model"}
    top = {"$schema": forms.string(description="Schema of this file, for editors."), **fields, **flat, **optional}
    top["input_model"] = described["input_model"]
    gone = {
        "pass_flows": forms.array(forms.array(forms.string())),
        "auto_optimizer_config": forms.mapping(),
        "data_root": forms.string(),
        "workflow_host": forms.union(forms.string(**{"x-reference": "systems"}), forms.mapping()),
        "evaluation_only": forms.boolean(),
        "verbose": forms.boolean(),
    }
    top |= {key: forms.nullable(schema) | GONE for key, schema in gone.items()}
    return forms.closed(top, ["input_model"], description=Workflow.__doc__) | {"x-unknown": "refused"}


def _engine_blocks(engine: Mapping[str, Schema], definitions: Definitions) -> None:
    text, flag = forms.string(), forms.boolean()
    account = {"account_name": text, "container_name": text, "update_shared_cache": flag}
    shared = {key: engine[key] for key in ("cache_dir", "clean_cache", "clean_evaluation_cache", "enable_shared_cache")}
    definitions["cache_config"] = forms.closed({**shared, **nullable(account)})
    order = nullable({"execution_order": forms.choice_in_any_case(["joint", "pass-by-pass"])})
    own = order | nullable(
        {
            "sampler": forms.choice_in_any_case(["sequential", "random", "tpe"]),
            "output_model_num": forms.integer(),
            "stop_when_goals_met": flag,
            "max_iter": forms.integer(),
            "max_time": forms.integer(),
            "include_pass_params": flag,
        }
    )
    sampler = nullable({"max_samples": forms.integer(), "seed": forms.integer(), "multivariate": flag, "group": flag})
    gone = {
        "search_algorithm": forms.choice_in_any_case(["exhaustive", "random", "tpe"]),
        "search_algorithm_config": forms.mapping(),
    }
    own |= {key: forms.nullable(schema) | GONE for key, schema in gone.items()}
    definitions["sampler_config"] = forms.closed(sampler)
    definitions["search_strategy"] = forms.collector(
        own, "sampler_config", "sampler_config", definitions["sampler_config"]
    )
    definitions["packaging.config"] = forms.opened(
        nullable(
            {
                "export_in_mlflow_format": flag,
                "base_image": text,
                "requirements_file": text,
                "include_runtime_packages": flag,
                "include_sample_code": flag,
            }
        )
    )
    own = {"type": text, "name": forms.nullable(text)}
    definitions["packaging.any"] = forms.collector(own, "packaging.config", "config", definitions["packaging.config"])
    old = dict.fromkeys(["AzureMLModels", "AzureMLData", "AzureMLDeployment"], "packaging.any")
    definitions["packaging"] = forms.dispatch({"Zipfile": "packaging.any", "Dockerfile": "packaging.any", **old})
