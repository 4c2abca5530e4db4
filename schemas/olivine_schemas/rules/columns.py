"""The settings that name columns of a dataset, and the columns that the files on disk have."""

from __future__ import annotations

from olivine_schemas.facts import DatasetFacts
from olivine_schemas.tree import Scalar, text_of

from .reading import DataConfig, data_files, is_given, strings
from .rule import Context, once

PAIR_LAYOUTS = {
    "alpaca": ("instruction", "output"),
    "chip2": ("text",),
    "self_instruct": ("prompt", "completion"),
    "default": ("input", "output"),
}
"""Columns that each layout of pair data needs."""


UNDERSTOOD = frozenset({"data_name", "data_files", "split", "subset", "col_filters", "trust_remote_code"})
"""Parameters of loading that do not change how a file is read; others, such as `sep`, are left to the loader."""


@once
def dataset(context: Context, data: DataConfig) -> DatasetFacts | None:
    """What the files of a data config hold; None where the config does not tell which files, or they are not there."""
    files = tuple(str(node.value) for node in data_files(data))
    if not files or data.loader is None or any(member.name not in UNDERSTOOD for member in data.load.members):
        return None
    return _read(context, files, data.loader)


@once
def _read(context: Context, files: tuple[str, ...], loader: str) -> DatasetFacts | None:
    return context.facts.dataset(files, loader)


def column_settings(data: DataConfig) -> list[Scalar]:
    """The nodes that name columns and are not overruled by a function or template."""
    text = data.text
    if is_given(text.get("chat_template")):
        return strings(text.get("message_col"))
    if is_pair(data):
        return [
            node
            for side in ("input", "output")
            if text_of(text.get("pair_format")) == "custom" and not _made_otherwise(data, side)
            for node in strings(text.get(f"{side}_col"))
        ]
    return [] if _made_otherwise(data, "text") else strings(text.get("text_cols"))


def implied_columns(data: DataConfig) -> tuple[str, ...]:
    """The columns that are needed although no setting names them."""
    text = data.text
    if is_given(text.get("chat_template")):
        return () if is_given(text.get("message_col")) else ("messages",)
    if is_pair(data):
        layout = text.get("pair_format")
        return PAIR_LAYOUTS.get((text_of(layout) or "") if is_given(layout) else "default", ())
    return () if _made_otherwise(data, "text") or is_given(text.get("text_cols")) else ("text",)


def template_settings(data: DataConfig) -> list[Scalar]:
    """The nodes of the templates that make the text of a row."""
    if is_given(data.text.get("chat_template")):
        return []
    if not is_pair(data):
        sides = ["text"]
    elif text_of(data.text.get("pair_format")) == "custom":
        sides = ["input", "output"]
    else:
        sides = []
    nodes = [data.text.get(f"{s}_template") for s in sides if not is_given(data.text.get(f"{s}_formatting_func"))]
    return [node for node in nodes if isinstance(node, Scalar) and isinstance(node.value, str)]


def is_pair(data: DataConfig) -> bool:
    """Whether rows are inputs with outputs."""
    return text_of(data.text.get("dataset_type")) == "pair"


def _made_otherwise(data: DataConfig, side: str) -> bool:
    return is_given(data.text.get(f"{side}_formatting_func")) or is_given(data.text.get(f"{side}_template"))
