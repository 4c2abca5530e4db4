"""What lies outside a config text and matters to it: files, datasets, models, devices. Rules ask, doors answer.

Every answer may be None: unknown. A rule that gets None says nothing. `disk_facts` answers from this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What the first megabytes of data files say. Where `complete` is false, there is more than was read."""

    columns: tuple[str, ...] = ()
    """Column names in the order of their first appearance; empty when not even one row could be read."""
    rows: int = 0
    """Rows read."""
    text_bytes: dict[str, int] = field(default_factory=dict)
    """UTF-8 bytes of the text in each column, over the rows read; an upper bound of its tokens."""
    complete: bool = True
    """Whether every row was read."""
    unreadable: str = ""
    """Why the files cannot be read as what they claim to be; empty when they can."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the files of a model folder say, without loading it. None or empty: the files do not say."""

    model_type: str | None = None
    """Architecture, such as phi3."""
    layers: frozenset[str] = frozenset()
    """Dotted names of the modules whose weight is a matrix: those that an adapter can go to."""
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Outputs and inputs of those layers, as far as the files tell."""
    hidden_size: int | None = None
    """Width of the hidden state."""
    blocks: int | None = None
    """Number of transformer blocks."""
    vocabulary: int | None = None
    """Number of tokens."""
    max_positions: int | None = None
    """Longest sequence the model was made for, in tokens."""
    tokens: frozenset[str] = frozenset()
    """Special and added tokens of the tokenizer, as text."""
    parameters: int | None = None
    """Number of weights."""
    dtype: str | None = None
    """Number format of the weights, such as bfloat16."""
    tied_embeddings: bool | None = None
    """Whether input and output embeddings are one matrix."""
    has_config: bool = True
    """Whether config.json is there."""
    has_weights: bool = True
    """Whether there is a file of weights."""
    has_tokenizer: bool = True
    """Whether there is a file of a tokenizer."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What this machine computes on."""

    has_cuda: bool
    """Whether a CUDA device and its driver are there."""
    bf16: bool | None = None
    """Whether every CUDA device computes in bfloat16; None when unknown or without CUDA device."""
    providers: frozenset[str] | None = None
    """ONNX Runtime execution providers of the installed packages; None when there is no ONNX Runtime."""


class Facts(Protocol):
    """Answers about the outside. Paths are as written in the config; None means unknown."""

    def path_exists(self, path: str) -> bool | None:
        """Whether a file or folder is there."""

    def neighbours(self, path: str) -> tuple[str, ...] | None:
        """The paths that are in the folder of `path`, written the way `path` is."""

    def entries(self, folder: str) -> tuple[str, ...] | None:
        """The names in a folder, those of folders with a slash at the end; "" is the config's own."""

    def hub_models(self) -> tuple[str, ...] | None:
        """Names of the hub models in the local cache."""

    def text(self, path: str) -> str | None:
        """The text of a small file."""

    def dataset(self, files: tuple[str, ...], loader: str) -> DatasetFacts | None:
        """Columns and size of data files, read as `loader` (json, csv, parquet, text) reads them."""

    def model(self, path: str) -> ModelFacts | None:
        """What a model folder, or a hub model in the local cache, holds."""

    def devices(self) -> DeviceFacts | None:
        """What this machine computes on."""


class NoFacts:
    """Knows nothing: every data-aware rule stays silent."""

    def path_exists(self, path: str) -> bool | None:
        return None

    def neighbours(self, path: str) -> tuple[str, ...] | None:
        return None

    def entries(self, folder: str) -> tuple[str, ...] | None:
        return None

    def hub_models(self) -> tuple[str, ...] | None:
        return None

    def text(self, path: str) -> str | None:
        return None

    def dataset(self, files: tuple[str, ...], loader: str) -> DatasetFacts | None:
        return None

    def model(self, path: str) -> ModelFacts | None:
        return None

    def devices(self) -> DeviceFacts | None:
        return None


NO_FACTS: Facts = NoFacts()
"""For callers without a file system."""
