"""The conda files that Azure ML systems name."""

from __future__ import annotations

from olivine_schemas.tree import Object, Scalar, child

from .reading import strings
from .rule import Context
from .systems import azureml_systems


def conda_files(context: Context) -> list[tuple[Object, Scalar]]:
    """The nodes with the path of a conda file, each with its system."""
    return [
        (system, node)
        for system, _ in azureml_systems(context)
        for node in strings(child(system, "config", "aml_docker_config", "conda_file_path"))
    ]
