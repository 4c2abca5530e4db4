"""What a config says of Azure ML, and what becomes of it when a person chooses another workspace or compute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from olivine_schemas.tree import Node, Object, child, text_of
from olivine_server.workspace import Document

NAMES = ("subscription_id", "resource_group", "workspace_name")
CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"

Item = Mapping[str, Any]
"""Something to choose, as the pipeline lists it."""


def workspace_of(document: Document) -> dict[str, str] | None:
    """The names of the workspace that a config is for; None where one is missing."""
    client = child(document.workflow, "azureml_client")
    found = {key: text_of(child(client, key)) or "" for key in NAMES}
    file = text_of(child(client, "aml_config_path"))
    if file and not all(found.values()) and document.path:
        try:
            given = json.loads((document.path.parent / file).read_text(encoding="utf-8"))
            found = {key: str(given[key]) for key in NAMES}
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return found if all(found.values()) else None


def cloud_of(document: Document) -> str | None:
    """The cloud that a config names."""
    return text_of(child(document.workflow, "azureml_client", "cloud"))


def choosing_workspace(document: Document, item: Item) -> dict[str, Any]:
    """The values that let a config be for a workspace, by dotted path as it writes the names."""
    values = dict(zip(NAMES, (item["subscription_id"], item["resource_group"], item["name"]), strict=True))
    if isinstance(child(document.tree, "azureml_client"), Object):
        return {f"azureml_client.{key}": value for key, value in values.items()}
    return {"azureml_client": values}


def choosing_compute(document: Document, item: Item) -> dict[str, Any]:
    """The values that let a config run on a compute. One without a system for that gets one, as its host."""
    name = _system(document)
    if name is None:
        return _new_system(document, item)
    nested = isinstance(child(document.tree, "systems", name, "config"), Object)
    return {f"systems.{name}.{'config.' if nested else ''}aml_compute": item["name"]}


def _system(document: Document) -> str | None:
    """The system of Azure ML that is the host, else the first there is."""
    systems = child(document.workflow, "systems")
    names = [m.name for m in systems.members if _is_azureml(m.value)] if isinstance(systems, Object) else []
    host = text_of(child(document.workflow, "engine", "host"))
    return host if host in names else next(iter(names), None)


def _is_azureml(node: Node | None) -> bool:
    return text_of(child(node, "type")) == "AzureML"


def _new_system(document: Document, item: Item) -> dict[str, Any]:
    gpu = bool(item.get("gpu"))
    system: dict[str, Any] = {"type": "AzureML", "aml_compute": item["name"]}
    system["accelerators"] = [{"device": "gpu" if gpu else "cpu"}]
    system["aml_docker_config"] = {"base_image": GPU_IMAGE if gpu else CPU_IMAGE}
    has_systems = isinstance(child(document.tree, "systems"), Object)
    old = child(document.tree, "host") is None and isinstance(child(document.tree, "engine"), Object)
    added = {"systems.azureml": system} if has_systems else {"systems": {"azureml": system}}
    return {**added, "engine.host" if old else "host": "azureml"}
