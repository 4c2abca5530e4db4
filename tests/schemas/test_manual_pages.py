"""The manuals of passes and events are current, and say of every parameter what the schema knows of it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from olivine_schemas import runs
from olivine_schemas.language.document import events_page, main, passes_page
from olivine_schemas.language.passes import PARAMETERS


def test_pages_are_current() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_row_with_a_meaning(name: str) -> None:
    rows = [line for line in passes_page().splitlines() if line.startswith("| `")]
    for field in PARAMETERS[name].model_fields:
        assert any(row.startswith(f"| `{field}` |") and row.split("|")[-2].strip() for row in rows)


@pytest.mark.parametrize(
    "row",
    [
        "| `r` | integer above 0 | `64` | `lora_r` | ",
        "| `train_data_config` | name of an entry of `data_configs` |  |  | ",
        '| `device_map` | `"auto"`, `"current_device"` or `null` | `"auto"` |  | ',
        "| `warmup_steps` | number at least 0 | `0.03` | `warmup_ratio` | ",
    ],
)
def test_type_default_and_old_name_are_told(row: str) -> None:
    assert row in passes_page()


def test_every_event_has_a_section_with_its_fields() -> None:
    sections = events_page().split("\n## ")
    for name, event in runs.EVENTS.items():
        section = next(text for text in sections if text.startswith(f"`{name}`\n"))
        assert all(f"| `{field}` |" in section for field in own_fields(event))


def own_fields(event: type[runs.Event]) -> list[str]:
    return [field.name for field in fields(event) if field.name != "time"]
