"""The whole config as one typed value, in the canonical form that `resolve.py` makes of either generation."""

from __future__ import annotations

from pydantic import Field

from .base import Model
from .data import DataConfig
from .engine import Engine
from .evaluators import Evaluator
from .models import InputModel
from .passes import Pass
from .systems import AzureMLClient, System


class Workflow(Model):
    """What a config asks for."""

    workflow_id: str = "default_workflow"
    """Name of the workflow; its cache folder."""
    azureml_client: AzureMLClient | None = None
    """Azure Machine Learning workspace."""
    input_model: InputModel
    """The model to start from."""
    systems: dict[str, System] = {}
    """Machines that run passes or that models are built for."""
    data_configs: list[DataConfig] = []
    """Data to train, evaluate or calibrate with."""
    evaluators: dict[str, Evaluator] = {}
    """Ways to measure a model."""
    passes: dict[str, list[Pass]] = {}
    """Steps, run in the order written; several entries under one name are alternatives."""
    engine: Engine = Field(default_factory=Engine)
    """How and where the workflow runs."""

    def data_config(self, name: str) -> DataConfig:
        """The data config called `name`; KeyError if there is none."""
        return {config.name: config for config in self.data_configs}[name]

    def system(self, reference: str | System | None) -> System:
        """The system that a host or target setting means; null is this machine's CPU."""
        if isinstance(reference, str):
            return self.systems[reference]
        return reference or System(type="LocalSystem")
