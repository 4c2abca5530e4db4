"""The settings that name columns of a dataset, and the columns that the files on disk have."""

from __future__ import annotations

from ..facts import DatasetFacts
from ..tree import Scalar, text_of
from .reading import DataConfig, data_files, is_given, strings
from .rule import Context


def dataset(context: Context, data: DataConfig) -> DatasetFacts | None:
    """What the files of a data config hold; None where the config does not tell which files, or they are not there."""
    files = tuple(str(node.value) for node in data_files(data))
    if not files or data.loader is None or is_given(data.load.get("data_dir")):
        return None
    return context.facts.dataset(files, data.loader)


def column_settings(data: DataConfig) -> list[Scalar]:
    """The nodes that name columns, as far as they are used."""
    text = data.text
    if any(text_of(text.get(key)) for key in ("text_formatting_func", "input_formatting_func")):
        return []
    if is_given(text.get("chat_template")):
        return strings(text.get("message_col"))
    if text_of(text.get("dataset_type")) == "pair":
        keys = [key for key in ("input", "output") if not text_of(text.get(f"{key}_template"))]
        return [node for key in keys for node in strings(text.get(f"{key}_col"))]
    return strings(text.get("text_cols"))
