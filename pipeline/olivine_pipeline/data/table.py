"""Token sequences as an Arrow table: 9 bytes a token, in memory while small, on disk when large."""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivine_pipeline.scratch import scratch_folder
from olivine_schemas.language.data import TextGeneration

if TYPE_CHECKING:
    from datasets import Dataset

IGNORED = -100
"""Label of a position that is not learnt, as torch's cross entropy takes it."""

IN_MEMORY_BYTES = 256 << 20
"""A table that grows larger goes to a temporary file and is mapped into memory."""

_ROWS = 1024


def to_dataset(sequences: Iterable[Any], settings: TextGeneration, pad_token: int, width: int) -> Dataset:
    """Dataset of input_ids (int32), labels (int32) and, if wanted, attention_mask (int8), one row a sequence.

    Sequences are padded to `width` tokens where the settings ask for it; joined ones never are, as in Olive.
    """
    from datasets import Dataset

    pads = settings.pad_to_max_len and (settings.dataset_type == "pair" or "join" not in settings.strategy)
    columns = ["input_ids", "labels", *(["attention_mask"] if settings.use_attention_mask else [])]
    iterator = iter(sequences)
    chunks = iter(lambda: list(islice(iterator, _ROWS)), [])
    padded_width = width if pads else 0
    batches = (_batch(chunk, pad_token, padded_width, settings.padding_side == "left", columns) for chunk in chunks)
    return Dataset(_table(batches, columns))


def _batch(chunk: list[Any], pad_token: int, width: int, left: bool, columns: list[str]) -> Any:
    """Record batch of some sequences."""
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

    lengths = [max(width, len(sequence.tokens)) for sequence in chunk]
    ends = np.cumsum(lengths)
    ids = np.full(ends[-1], pad_token, dtype=np.int32)
    labels = np.full(ends[-1], IGNORED, dtype=np.int32)
    mask = np.zeros(ends[-1], dtype=np.int8)
    for sequence, end, length in zip(chunk, ends, lengths, strict=True):
        start = end - len(sequence.tokens) if left else end - length
        stop = start + len(sequence.tokens)
        ids[start:stop] = sequence.tokens
        labels[start + sequence.context : stop] = ids[start + sequence.context : stop]
        mask[start:stop] = 1
    offsets = pa.array(np.concatenate(([0], ends)), type=pa.int32())
    values = {"input_ids": ids, "labels": labels, "attention_mask": mask}
    arrays = [pa.ListArray.from_arrays(offsets, pa.array(values[name])) for name in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=_schema(columns))


def _schema(columns: list[str]) -> Any:
    import pyarrow as pa

    return pa.schema([(name, pa.list_(pa.int8() if name == "attention_mask" else pa.int32())) for name in columns])


def _table(batches: Iterator[Any], columns: list[str]) -> Any:
    """Table of `datasets` in memory, or over a temporary file that lives as long as the process."""
    import pyarrow as pa
    from datasets.table import InMemoryTable, MemoryMappedTable

    held: list[Any] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > IN_MEMORY_BYTES:
            break
    else:
        return InMemoryTable(pa.Table.from_batches(held, schema=_schema(columns)))
    folder = scratch_folder()
    atexit.register(folder.cleanup)
    path = str(Path(folder.name) / "sequences.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, _schema(columns)) as writer:
        while held:
            writer.write_batch(held.pop(0))
        for batch in batches:
            writer.write_batch(batch)
    return MemoryMappedTable.from_file(path)
