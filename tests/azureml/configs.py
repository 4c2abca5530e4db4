"""Configs for Azure ML, with their files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from names import GROUP, NAME, SUBSCRIPTION, VAULT

CLIENT = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": NAME}
SYSTEM = {"type": "AzureML", "aml_compute": "cpu-cluster", "aml_docker_config": {"base_image": "ubuntu22.04"}}


def azure_config(config: dict[str, Any], **system: Any) -> dict[str, Any]:
    """The same config, with its passes on Azure ML."""
    client = {**CLIENT, "keyvault_name": VAULT, "operation_retry_interval": 1}
    return {**config, "azureml_client": client, "systems": {"cloud": {**SYSTEM, **system}}, "host": "cloud"}


def small_workspace(folder: Path, **system: Any) -> Path:
    """A folder with a config for Azure ML that needs no model here, and its data; returns it."""
    load = {"data_name": "json", "data_files": "data/train.json", "split": "train"}
    text = {"text_template": "{phrase}: {tone}", "text_cols": ["phrase", "tone"], "max_seq_len": 32}
    data = {"name": "phrases", "type": "HuggingfaceContainer", "load_dataset_config": load}
    config = {
        "input_model": {"type": "HfModel", "model_path": "microsoft/Phi-3-mini-4k-instruct"},
        "data_configs": [{**data, "pre_process_data_config": {**text, "strategy": "line-by-line"}}],
        "passes": {"tune": {"type": "LoRA", "train_data_config": "phrases", "training_args": {"max_steps": 6}}},
        "output_dir": "models",
    }
    (folder / "data").mkdir(parents=True)
    rows = [{"phrase": "We danced in the kitchen.", "tone": "joy"}, {"phrase": "It rained.", "tone": "sad"}]
    (folder / "data" / "train.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "olive-config.json").write_text(json.dumps(azure_config(config, **system), indent=2))
    return folder


def printed_without_azure(program: str) -> str:
    """What a program prints that has to end without Azure's packages, or torch, imported."""
    code = (
        f"import sys; from pathlib import Path; {program};"
        "assert not {'azure', 'torch', 'msrest'} & {name.partition('.')[0] for name in sys.modules}"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout
