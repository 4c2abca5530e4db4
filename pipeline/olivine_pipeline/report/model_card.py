"""The model card: README.md beside the weights, for whoever gets the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from olivine_schemas.files import write_whole

from ..wording import duration
from .columns import COLUMNS, stage_title
from .findings import findings
from .record import RunReport, base_model, short_name, to_data

HERE = Path(__file__).parent
LIBRARIES = {"onnx": "onnxruntime-genai", "adapter": "peft", "weights": "transformers"}
"""The library that loads each kind of folder."""


def write_model_card(folder: Path, report: RunReport, config_folder: Path) -> Path:
    """Write README.md into `folder`, which holds an ONNX model, an adapter or plain weights; returns its path.

    The card carries no secret and no path of this machine.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    data = to_data(report, config_folder)
    kind = _kind(folder)
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    text = environment.get_template("model_card.md.j2").render(
        front_matter=yaml.safe_dump(
            _front_matter(kind, report.config, config_folder), sort_keys=False, allow_unicode=True
        ),
        kind=kind,
        name=short_name(data["config"]),
        base=base_model(data["config"]),
        report=report,
        findings=findings(report),
        columns=COLUMNS,
        stage_title=stage_title,
        duration=duration,
        config=json.dumps(data["config"], indent=2, ensure_ascii=False),
        prompt=json.dumps(report.samples[0].prompt if report.samples else "Hello", ensure_ascii=False),
    )
    card = folder / "README.md"
    write_whole(card, text)
    return card


def _kind(folder: Path) -> str:
    if (folder / "genai_config.json").exists():
        return "onnx"
    return "adapter" if (folder / "adapter_config.json").exists() else "weights"


def _front_matter(kind: str, config: dict[str, Any], config_folder: Path) -> dict[str, Any]:
    types = {entry.get("type") for entries in config.get("passes", {}).values() for entry in _as_list(entries)}
    tuned = [name for name in ("LoRA", "QLoRA") if name in types]
    tags = ["olivine", *(name.lower() for name in tuned), *(["onnx"] if kind == "onnx" else [])]
    front: dict[str, Any] = {"library_name": LIBRARIES[kind], "pipeline_tag": "text-generation", "tags": tags}
    base = base_model(config)
    # a hub name is owner/name; a folder that looks alike must not link to a stranger's model
    if base.count("/") == 1 and base[0] not in "./~" and not (config_folder / base).exists():
        front = {"base_model": base, **front}
    return front


def _as_list(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]
