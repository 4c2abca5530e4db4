"""Write `olive-config.schema.json`, `run-events.schema.json` and `run.schema.json` from the typed models.

    python -m olivine_schemas.language.generate [--check]

With `--check` nothing is written; the exit status says whether the files are current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from olivine_schemas import runs

from . import blocks
from .forms import Schema

FOLDER = Path(__file__).resolve().parent.parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> Schema:
    """The schema of olive-config.json as written, in either generation."""
    catalog = json.loads((FOLDER / "catalog.json").read_text(encoding="utf-8"))
    root, definitions = blocks.document(catalog)
    head: Schema = {
        "$schema": DIALECT,
        "$id": "https://olivine.dev/schemas/olive-config.schema.json",
        "title": "Olive config",
        "type": "object",
    }
    return {**head, **root, "$defs": definitions}


def events_schema() -> Schema:
    """The schema of one line of events.jsonl."""
    branches: dict[str, Any] = {}
    for name, event in runs.EVENTS.items():
        branches[name] = TypeAdapter(event).json_schema(ref_template=f"#/$defs/{event.__name__}/$defs/{{model}}")
        stated = {"v": {"const": runs.VERSION}, "type": {"const": name}}
        branches[name]["properties"] = {**stated, **branches[name]["properties"]}
        branches[name]["required"] = [*stated, *branches[name]["required"]]
    return {
        "$schema": DIALECT,
        "$id": "https://olivine.dev/schemas/run-events.schema.json",
        "title": "Run event",
        "description": "One line of a run's events.jsonl. Readers skip event types and fields that they do not know.",
        "oneOf": [{"$ref": f"#/$defs/{event.__name__}"} for event in runs.EVENTS.values()],
        "$defs": {event.__name__: branches[name] for name, event in runs.EVENTS.items()},
    }


def record_schema() -> Schema:
    """The schema of run.json."""
    schema = TypeAdapter(runs.RunRecord).json_schema()
    schema["properties"] = {"v": {"const": runs.VERSION}, **schema["properties"]}
    schema["required"] = ["v", *schema["required"]]
    head = {"$schema": DIALECT, "$id": "https://olivine.dev/schemas/run.schema.json", "title": "Run"}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def outputs() -> dict[Path, str]:
    """Every generated file with its text."""
    schemas = {
        "olive-config.schema.json": config_schema(),
        "run-events.schema.json": events_schema(),
        "run.schema.json": record_schema(),
    }
    return {FOLDER / name: laid_out(schema) + "\n" for name, schema in schemas.items()}


def laid_out(value: Any, indent: int = 0) -> str:
    """JSON with what fits on a line of 120 characters on a line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or (indent and len(flat) + indent < 120):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key)}: {laid_out(item, indent + 1)}" for key, item in value.items()]
    else:
        lines = [pad + laid_out(item, indent + 1) for item in value]
    return "\n".join([flat[0], ",\n".join(lines), " " * indent + flat[-1]])


def stale() -> list[Path]:
    """Generated files that are missing or not current."""
    return [path for path, text in outputs().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write the files, or with --check name those that are stale."""
    if "--check" in arguments:
        for path in stale():
            print(f"{path.name} is stale: run python -m olivine_schemas.language.generate")
        return 1 if stale() else 0
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
