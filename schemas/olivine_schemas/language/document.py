"""Write docs/passes.md and docs/events.md, the manuals of passes and of run events, from the typed models.

python -m olivine_schemas.language.document [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from olivine_schemas import runs

from .generate import FOLDER, events_schema
from .passes import PARAMETERS
from .training import TrainingArguments

DOCS = FOLDER.parents[1] / "docs"

_PASSES = """\
# Passes

What each pass does and takes. Written by `python -m olivine_schemas.language.document` from the models that also make
the JSON schema.

Passes run in the order of the config; each takes the model that the one before left. In a config of 2024 the parameters
stand in a block `config` of the pass, today they stand beside `type`; both are read. An old name works and is reported
as a hint. A key that no pass has is refused, or warned about where Microsoft Olive ignores it silently; see
[diagnostics](diagnostics.md). An empty default means that the parameter is required, and `null` stands for what the
description says, or for the builder's own default.

The defaults are today's. A config in the form of 2024 keeps the defaults of 2024, which `olivine migrate` writes out.
"""

_REFUSED = {
    "LoRA": "`use_ort_trainer` true: ORTTrainer is discontinued.",
    "QLoRA": "`use_ort_trainer` true, as for LoRA.",
    "MergeAdapterWeights": "a model without adapter: it comes after LoRA or QLoRA, or the input model names an "
    "`adapter_path`.",
    "ModelBuilder": "a provider that the builder does not know, a precision that builds for the device and then does "
    "not run, `metadata_only` true, `exclude_embeds` and `exclude_lm_head` (what is left cannot be measured as a text "
    "model), and misspelt names in `extra_options`, which the builder would ignore.",
}
"""What a pass does not take although its names are in the language."""

_TRAINING = """\
Every name of `transformers.TrainingArguments` is passed through. One that it does not have is refused where it looks
like a misspelt name, and otherwise left out with a warning. These have defaults of their own here, or are additions;
for QLoRA `optim` is `"paged_adamw_32bit"` by default.
"""

_CHECKED = """\
## Passes that are checked only

Configs with these passes of Microsoft Olive {version} are checked, completed and migrated like the others, but not run:
`olivine run` refuses them before anything is loaded. What it runs are the passes above and those of
[installed packages](own-pass.md).
"""

_SEARCH = """\
A pass with several alternatives, `search_strategy` and `pass_flows` are refused too: Olivine runs the passes as written
and does not search.
"""

_EVENTS = """\
# Run events

`olivine run CONFIG --events FILE` appends one JSON object a line to FILE while it works; `--events -` writes them to
standard output and everything else to standard error. This page is written by `python -m
olivine_schemas.language.document`; the same as JSON schema is `run-events.schema.json` of the package.

Every event has `v`, the version of the format (now {version}), `type`, and `time` in seconds since 1970, UTC. A reader
skips events and fields that it does not know, and a last line that is torn. What looks like a secret is masked.
"""


def passes_page() -> str:
    """docs/passes.md: every parameter of every pass."""
    catalog = json.loads((FOLDER / "catalog.json").read_text(encoding="utf-8"))
    checked = ", ".join(f"`{name}`" for name in sorted(set(catalog["passes"]) - set(PARAMETERS)))
    parts = [_PASSES, *map(_pass_section, PARAMETERS), _training_section()]
    return "\n".join([*parts, _CHECKED.format(version=catalog["olive"]), f"{checked}.\n", _SEARCH])


def events_page() -> str:
    """docs/events.md: every event with its fields."""
    schemas = events_schema()["$defs"]
    parts = [_EVENTS.format(version=runs.VERSION)]
    for name, event in runs.EVENTS.items():
        schema = schemas[event.__name__]
        fields = {key: value for key, value in schema["properties"].items() if key not in ("v", "type", "time")}
        rows = [f"| `{key}` | {_type(field)} | {_default(key, field, schema)} |" for key, field in fields.items()]
        head = ["| field | type | default |", "| --- | --- | --- |"]
        parts.append(f"## `{name}`\n\n{schema['description']}\n\n" + "\n".join(head + rows) + "\n")
    parts.append("## Blocks in events\n\n" + "\n".join(_block_rows(runs.PassInfo, runs.Location)) + "\n")
    return "\n".join(parts)


def _block_rows(*blocks: type) -> list[str]:
    rows = [
        f"| {block.__name__} | {', '.join(f'`{name}`' for name in block.__annotations__)} | {block.__doc__} |"
        for block in blocks
    ]
    return ["| block | fields | |", "| --- | --- | --- |", *rows]


def _pass_section(name: str) -> str:
    model = PARAMETERS[name]
    inherited = next((other for other, base in PARAMETERS.items() if base in model.__mro__[1:]), None)
    parts = [f"## `{name}`", model.__doc__ or ""]
    if inherited:
        parts.append(f"It has every parameter of {inherited}, and:")
    table = _table(model, leave_out=PARAMETERS[inherited].model_fields if inherited else ())
    return "\n\n".join([*parts, table or "It has no parameters.", f"Refused: {_REFUSED[name]}"]) + "\n"


def _training_section() -> str:
    return f"## `training_args` of LoRA and QLoRA\n\n{_TRAINING}\n{_table(TrainingArguments)}\n"


def _table(model: type[BaseModel], leave_out: Container[str] = ()) -> str:
    schema = model.model_json_schema()
    rows = [
        f"| `{name}` | {_type(field)} | {_default(name, field, schema)} | {_old_names(field)} "
        f"| {_cell(field.get('description', ''))} |"
        for name, field in schema.get("properties", {}).items()
        if name not in leave_out
    ]
    head = ["| parameter | type | default | old name | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(head + rows) if rows else ""


def _old_names(field: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in field.get("x-old-names", ()))


def _default(name: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The default as JSON; empty where the field is required, a word where it is a whole block."""
    if name in schema.get("required", ()):
        return ""
    default = field.get("default", {} if field.get("type") == "object" else None)
    return "[below](#training_args-of-lora-and-qlora)" if "$ref" in field else f"`{json.dumps(default)}`"


def _type(field: Mapping[str, Any]) -> str:
    """What may stand there, in words: choices, or a type with its limits."""
    if "anyOf" in field:
        null_is_default = field.get("default", "") is None
        parts = (_type(part) for part in field["anyOf"])
        return " or ".join(
            f"`{part}`" if part == "null" else part for part in parts if part != "null" or not null_is_default
        )
    if "$ref" in field:
        return str(field["$ref"].rsplit("/", 1)[1])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field.get("enum", [field.get("const")]))
    if "x-reference" in field:
        return f"name of an entry of `{field['x-reference']}`"
    kind = field.get("type")
    if kind == ["array", "string"]:
        return "string, or list of strings"
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"object of {_type(values)}" if isinstance(values, dict) else "object"
    return " ".join(filter(None, [str(kind or "anything"), _limits(field)]))


def _limits(field: Mapping[str, Any]) -> str:
    words = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}
    return ", ".join(f"{word} {field[key]:g}" for key, word in words.items() if key in field)


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def outputs() -> dict[Path, str]:
    """Every page with its text."""
    return {DOCS / "passes.md": passes_page(), DOCS / "events.md": events_page()}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check name those that are stale."""
    stale = [path for path, text in outputs().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"docs/{path.name} is stale: run python -m olivine_schemas.language.document")
        return 1 if stale else 0
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
