"""What the typed models share."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

DType = Literal["float32", "float16", "bfloat16"]


class Model(BaseModel):
    """A block of the config, read after `check` has spoken; values are not changed once read.

    A key that no field has is left out: the schema refused it, or warned that Microsoft Olive ignores it and so do we.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: Any) -> Any:
        return _without_null(cls, data)


class Open(BaseModel):
    """A block whose further keys go to a library as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: Any) -> Any:
        return _without_null(cls, data)


def _without_null(model: type[BaseModel], data: Any) -> Any:
    """`data` without the nulls of fields that cannot hold null but have a default: there null means the default."""
    if not isinstance(data, dict):
        return data
    plain = {
        name
        for name, field in model.model_fields.items()
        if not field.is_required() and not _takes_null(field.annotation)
    }
    return {key: value for key, value in data.items() if value is not None or key not in plain}


def _takes_null(annotation: Any) -> bool:
    return annotation is Any or annotation is type(None) or any(_takes_null(part) for part in _union_parts(annotation))


def _union_parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()


def old(*names: str) -> dict[str, Any]:
    """Schema keyword of a field that earlier generations of the language called `names`."""
    return {"x-old-names": list(names)}


def reference(table: str) -> dict[str, Any]:
    """Schema keyword of a string that names an entry of `table`."""
    return {"x-reference": table}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


StringList = Annotated[list[str], BeforeValidator(_as_list), Field(json_schema_extra={"type": ["array", "string"]})]
"""A list of strings; a lone string stands for a list of one."""


def _as_integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


IntegerText = BeforeValidator(_as_integer)
"""Beside a choice of numbers: reads one that is written as text, as it is read everywhere else."""

DataConfigName = Annotated[str, Field(json_schema_extra=reference("data_configs"))]
SystemName = Annotated[str, Field(json_schema_extra=reference("systems"))]
EvaluatorName = Annotated[str, Field(json_schema_extra=reference("evaluators"))]
