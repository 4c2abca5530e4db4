"""`data_configs`: where text comes from and how it becomes token sequences."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Model, Open, StringList, old

Strategy = Literal["line-by-line", "line-by-line-random", "join", "join-random", "join-sliding-window"]


class AzureMLDatastoreFile(Model):
    """A file in an Azure ML datastore, by name and relative path or by URL."""

    type: Literal["azureml_datastore"]
    config: dict[str, Any]


class LoadDataset(Open):
    """What `datasets.load_dataset` gets; further keys go to it as they are."""

    data_name: str | None = None
    """Name of the loader or hub dataset: json, csv, parquet, text, or a hub id."""
    subset: str | None = None
    """Configuration of the dataset."""
    split: str = "validation"
    """Which split to take; slices such as train[:100] work."""
    data_dir: str | None = None
    """Folder of the data files."""
    data_files: str | list[str] | dict[str, Any] | AzureMLDatastoreFile | None = None
    """Files to read, relative to the config file."""
    col_filters: dict[str, Any] | None = None
    """Keep only rows whose columns have these values."""


class TextGeneration(Model):
    """How rows become token sequences for a causal language model."""

    dataset_type: Literal["corpus", "pair"] = "corpus"
    """corpus learns every token; pair learns the output given the input."""
    max_seq_len: Annotated[int, Field(gt=1, json_schema_extra=old("source_max_len"))] = 1024
    """Longest sequence in tokens; for pair, of the input."""
    strategy: Annotated[Strategy, Field(json_schema_extra=old("corpus_strategy"))] = "join"
    """One sequence a row, or rows joined and cut into sequences of `max_seq_len`."""
    text_template: str | None = None
    """Text of a row, with `{column}` placeholders."""
    text_cols: StringList = ["text"]
    """Columns of the text; without template or function they are joined by spaces."""
    text_formatting_func: str | None = None
    """Name of a function in `user_script` that turns a row into text."""
    chat_template: bool | str | None = None
    """true renders the message column with the tokenizer's chat template; a string is a Jinja template."""
    message_col: str = "messages"
    """Column with the chat messages."""
    add_special_tokens: bool = True
    """Put the tokenizer's begin and end tokens around each text."""
    joiner: str = "\n\n"
    """Text between joined rows."""
    stride: Annotated[int, Field(gt=0)] | None = None
    """Tokens from the start of one window of join-sliding-window to the start of the next."""
    pad_to_max_len: bool = True
    """Pad every sequence to `max_seq_len`."""
    padding_side: Literal["left", "right"] = "right"
    """Side that padding goes to."""
    drop_short_sequences: bool = False
    """Leave out sequences shorter than `max_seq_len`."""
    use_attention_mask: bool = True
    """Give the model the attention mask."""
    max_samples: Annotated[int, Field(gt=0)] | None = None
    """Take at most so many sequences."""
    processing_batch_size: Annotated[int, Field(gt=0)] = 1024
    """Rows tokenized at a time."""
    random_seed: int | None = None
    """Seed of the *-random strategies."""
    random_retries: Annotated[int, Field(gt=0)] = 10
    """Tries to find a long enough row."""
    pair_format: Literal["alpaca", "chip2", "self_instruct", "default", "custom"] = "default"
    """Known row layouts of pair data; custom takes the input_* and output_* settings."""
    input_col: str | None = None
    """Column of the input."""
    input_template: str | None = None
    """Text of the input, with `{column}` placeholders."""
    input_formatting_func: str | None = None
    """Function in `user_script` that makes the input text."""
    output_col: str | None = None
    """Column of the output."""
    output_template: str | None = None
    """Text of the output, with `{column}` placeholders."""
    output_formatting_func: str | None = None
    """Function in `user_script` that makes the output text."""
    target_max_len: Annotated[int, Field(gt=0)] | None = None
    """Longest output in tokens."""
    ignore_source_in_labels: bool = True
    """Learn the output only, not the input."""


class Component(Model):
    """One component of a data config."""

    type: str | None = None
    """Name of the component; the container's default for the task when null."""
    params: dict[str, Any] = {}
    """Parameters of the component."""


class DataConfig(Model):
    """One named source of data."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    """Name that passes and metrics refer to."""
    type: str = "HuggingfaceContainer"
    """Container type."""
    task: str | None = None
    """Task of the model this data is for; the input model's by default."""
    user_script: str | None = None
    """Python file with formatting functions or components."""
    script_dir: str | None = None
    """Folder put on the import path for `user_script`."""
    load_dataset_config: Component = Component()
    """Where the rows come from."""
    pre_process_data_config: Component = Component()
    """How rows become token sequences."""
    post_process_data_config: Component = Component()
    """How model output becomes predictions; used by evaluators."""
    dataloader_config: Component = Component()
    """How sequences are batched for evaluation."""
