"""What the typed models share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DType = Literal["float32", "float16", "bfloat16"]


class Model(BaseModel):
    """A block of the config. Unknown keys are refused; values are not changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class Open(BaseModel):
    """A block whose further keys go to a library as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)


def old(*names: str) -> dict[str, Any]:
    """Schema keyword of a field that earlier generations of the language called `names`."""
    return {"x-old-names": list(names)}


def reference(table: str) -> dict[str, Any]:
    """Schema keyword of a string that names an entry of `table`."""
    return {"x-reference": table}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


StringList = Annotated[list[str], BeforeValidator(_as_list)]
"""A list of strings; a lone string stands for a list of one."""

DataConfigName = Annotated[str, Field(json_schema_extra=reference("data_configs"))]
SystemName = Annotated[str, Field(json_schema_extra=reference("systems"))]
EvaluatorName = Annotated[str, Field(json_schema_extra=reference("evaluators"))]
