"""Which passes of a config Olivine runs. What is refused here, no machine would run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from olivine_schemas.language.models import ModelConfig, ResourcePath
from olivine_schemas.language.passes import Pass

from .errors import RunError
from .passes.base import Kind, PassType, pass_types

if TYPE_CHECKING:
    from .plan import Config

_SEARCH = "Olivine runs the passes as written and does not search among alternatives."
_KINDS = {"transformers": "a full model", "adapter": "an adapter", "onnx": "an ONNX model"}


@dataclass(frozen=True)
class Runnable:
    """A pass of the config with its type and the parameters as they are written."""

    name: str
    entry: Pass
    type: PassType
    parameters: Any


def runnable(config: Config, up_to: str | None) -> Iterator[Runnable]:
    """The passes, the last of them `up_to`. `ConfigRefused` and `RunError`, for a pass once it is its turn."""
    for setting in ("search_strategy", "pass_flows"):
        if getattr(config.workflow.engine, setting):
            config.refuse("search-not-supported", _SEARCH, "engine", setting)
    if up_to is not None and up_to not in config.workflow.passes:
        names = ", ".join(config.workflow.passes) or "none"
        raise RunError("unknown-pass-name", f'There is no pass "{up_to}" in this config; its passes: {names}.')
    model, _ = input_model(config)
    return _passes(config, up_to, "transformers" if model.adapter_path is None else "adapter")


def input_model(config: Config) -> tuple[ModelConfig, str]:
    """What the config begins with, and where: a folder, a model of the hub, a place in Azure. `ConfigRefused`."""
    model = config.workflow.input_model
    if model.type != "HfModel":
        message = f"Olivine checks {model.type} but does not run it; it starts from an HfModel."
        config.refuse("model-not-run", message, "input_model", "type")
    try:
        typed = ModelConfig.model_validate(model.config)
    except ValidationError as error:
        config.refuse_invalid(error, "input_model", "config")
    location = typed.model_path
    if isinstance(location, ResourcePath) and location.type.startswith("azureml"):
        location = " ".join([location.type, *map(str, location.config.values())])
    elif isinstance(location, ResourcePath):
        location = location.config.get("path") or location.config.get("name")
    if not location:
        config.refuse("model-not-run", "The model has no path: name a local folder or a hub model.", "input_model")
    return typed, location


def _passes(config: Config, up_to: str | None, kind: Kind) -> Iterator[Runnable]:
    for name, entries in config.workflow.passes.items():
        if len(entries) > 1:
            message = f'The pass "{name}" has several alternatives. {_SEARCH}'
            config.refuse("search-not-supported", message, "passes", name, 1)
        entry, place = entries[0], ("passes", name, 0)
        pass_type = pass_types().get(entry.type)
        if pass_type is None:
            known = ", ".join(sorted(pass_types()))
            message = f"Olivine checks {entry.type} but does not run it. The passes it runs: {known}."
            config.refuse("pass-not-run", message, *place, "type")
        if kind not in pass_type.accepts:
            config.refuse("pass-order", _order_message(pass_type, kind), *place, "type")
        try:
            parameters = pass_type.parameters.model_validate(entry.config)
        except ValidationError as error:
            config.refuse_invalid(error, *place, "config")
        yield Runnable(name, entry, pass_type, parameters)
        if name == up_to:
            return
        kind = pass_type.yields


def _order_message(pass_type: PassType, kind: Kind) -> str:
    has = "a model with a separate adapter" if kind == "adapter" else _KINDS[kind]
    wants = " or ".join(_KINDS[wanted] for wanted in sorted(pass_type.accepts))
    merged = kind == "adapter" and "transformers" in pass_type.accepts
    advice = ": put a MergeAdapterWeights pass before it" if merged else ""
    return f"{pass_type.name} works on {wants}, and here it gets {has}{advice}."
