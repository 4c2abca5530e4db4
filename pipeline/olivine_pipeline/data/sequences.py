"""From texts to token sequences, to a dataset, to batches.

The sequences are those of Microsoft Olive 0.13 with the same settings, one for one, so that losses compare, with these
exceptions, all on ground where Olive loses data or fails:

- texts too short in all for one joined sequence give that one short sequence, unless `drop_short_sequences`;
- windows of join-sliding-window run on across `processing_batch_size` rows;
- line-by-line-random with `drop_short_sequences` never falls back on a short row;
- in pairs the attention mask follows the padding, not the padding token, which is often the end token too.

Like Olive, join drops the rest that does not fill a sequence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from math import ceil
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from olivine_pipeline.errors import RunError
from olivine_schemas.language.data import DataConfig, TextGeneration

from .load import load_rows
from .table import IGNORED, to_dataset
from .text import Row, corpus_formatter, pair_formatter, text_settings

if TYPE_CHECKING:
    from datasets import Dataset


Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


class Sequence(NamedTuple):
    """Tokens without padding; labels of the first `context` tokens are ignored."""

    tokens: list[int]
    context: int = 0


def prepare(config: DataConfig, tokenizer: Any, base: Path, *, on_progress: Progress | None = None) -> Dataset:
    """Token sequences of a data config: columns input_ids, labels and, if wanted, attention_mask.

    `tokenizer` is a transformers tokenizer of the model. RunError where nothing comes out or a row cannot be rendered.
    """
    settings = text_settings(config)
    _refuse_contradictions(settings)
    rows = load_rows(config, base)
    counted = _counted(rows, settings.processing_batch_size, on_progress)
    if settings.dataset_type == "pair":
        render = pair_formatter(config, rows.column_names, tokenizer, base)
        sequences = _pairs(_rendered(counted, render), settings, tokenizer)
    else:
        text = corpus_formatter(config, rows.column_names, tokenizer, base)
        sequences = _corpus((t for t in _rendered(counted, text) if t), settings, tokenizer)
    with _quiet_tokenizer():
        dataset = to_dataset(sequences, settings, _padding_token(tokenizer), _width(settings))
    if not len(dataset):
        raise RunError(
            "no-sequences",
            f'Data config "{config.name}" yields no sequence of {settings.max_seq_len} tokens.',
            "Lower max_seq_len, or set drop_short_sequences to false.",
        )
    return dataset


def split_eval(dataset: Dataset, size: float, seed: int | None) -> tuple[Dataset, Dataset]:
    """Training and evaluation parts, the same for the same seed, 42 where it is None.

    `size` is a share below 1, or a count.
    """
    count = len(dataset)
    if count < 2:
        raise RunError(
            "too-few-sequences",
            "There is only one sequence, so none can be held out for evaluation.",
            "Lower max_seq_len, add data, or remove eval_dataset_size.",
        )
    wanted = int(size) if size >= 1 else ceil(size * count)
    held_out = min(max(wanted, 1), count - 1)
    seed = 42 if seed is None else seed
    parts = dataset.train_test_split(test_size=held_out, shuffle=True, seed=seed, keep_in_memory=True)
    return parts["train"], parts["test"]


def collate(features: list[dict[str, Any]], pad_token_id: int) -> dict[str, Any]:
    """Batch of int64 tensors of shape (rows, longest row): input_ids, labels and, where given, attention_mask.

    Shorter rows are filled up on the right.
    """
    import torch

    longest = max(len(feature["input_ids"]) for feature in features)
    fillers = {"input_ids": pad_token_id, "labels": IGNORED, "attention_mask": 0}
    batch = {}
    for name in (name for name in fillers if name in features[0]):
        tensor = torch.full((len(features), longest), fillers[name], dtype=torch.long)
        for row, feature in zip(tensor, features, strict=True):
            values = torch.as_tensor(feature[name], dtype=torch.long)
            row[: len(values)].copy_(values)
        batch[name] = tensor
    return batch


def _refuse_contradictions(settings: TextGeneration) -> None:
    joins = settings.dataset_type == "corpus" and "join" in settings.strategy
    random = settings.dataset_type == "corpus" and "random" in settings.strategy
    if settings.pad_to_max_len and not settings.use_attention_mask and not joins:
        raise RunError("padding-without-mask", "pad_to_max_len needs use_attention_mask.", "Set one to false or true.")
    if settings.pad_to_max_len and settings.drop_short_sequences and not joins:
        raise RunError("padding-and-dropping", "pad_to_max_len and drop_short_sequences exclude each other.")
    if random and (settings.max_samples is None or settings.random_seed is None):
        raise RunError("random-without-seed", f'strategy "{settings.strategy}" needs max_samples and random_seed.')
    if settings.strategy == "join-sliding-window" and joins and not 0 < (settings.stride or 0) <= settings.max_seq_len:
        raise RunError("bad-stride", 'strategy "join-sliding-window" needs a stride of 1 to max_seq_len.')


def _counted(rows: Dataset, batch_size: int, on_progress: Progress | None) -> Iterator[Row]:
    done = 0
    for batch in rows.iter(batch_size):
        yield from (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))
        done += len(next(iter(batch.values())))
        if on_progress:
            on_progress(done, len(rows))


def _rendered(rows: Iterable[Row], render: Callable[[Row], Any]) -> Iterator[Any]:
    for number, row in enumerate(rows, 1):
        try:
            yield render(row)
        except Exception as error:
            message = f"Row {number} of the data cannot be rendered: {type(error).__name__}: {error}"
            raise RunError("bad-row", message, "Mend the row, or the template or function.") from error


def _corpus(texts: Iterable[str], settings: TextGeneration, tokenizer: Any) -> Iterator[Sequence]:
    joins = "join" in settings.strategy
    joiner = _encode([settings.joiner], tokenizer)[0] if joins and settings.joiner else []
    if "random" in settings.strategy:
        # Drawing a row by number needs all texts at hand, and tokenizes only those drawn.
        return _draws(list(texts), joiner, settings, tokenizer)
    token_lists = _tokenized(texts, settings.processing_batch_size, tokenizer)
    if joins:
        sequences = _joined(token_lists, joiner, settings)
    else:
        sequences = _lines(token_lists, settings, tokenizer)
    return islice(sequences, settings.max_samples)


def _joined(token_lists: Iterable[list[int]], joiner: list[int], settings: TextGeneration) -> Iterator[Sequence]:
    """Cut the joined tokens; a sequence is complete once one more token follows it, as in Olive."""
    length = settings.max_seq_len
    sliding = settings.strategy == "join-sliding-window"
    step = settings.stride if sliding and settings.stride else length
    context = length - step
    buffer: list[int] = []
    found = False
    for tokens in token_lists:
        buffer += tokens + joiner
        start = 0
        while start + length < len(buffer):
            yield Sequence(buffer[start : start + length], context)
            start += step
            found = True
        del buffer[:start]
    if not found:
        yield from _only_sequence(buffer, joiner, settings)


def _only_sequence(buffer: list[int], joiner: list[int], settings: TextGeneration) -> Iterator[Sequence]:
    tokens = buffer[: len(buffer) - len(joiner)] if joiner else buffer
    if tokens and (len(tokens) >= settings.max_seq_len or not settings.drop_short_sequences):
        yield Sequence(tokens[: settings.max_seq_len])


def _lines(token_lists: Iterable[list[int]], settings: TextGeneration, tokenizer: Any) -> Iterator[Sequence]:
    for tokens in token_lists:
        tokens = _truncate(tokens, settings.max_seq_len, tokenizer)
        if tokens and (len(tokens) == settings.max_seq_len or not settings.drop_short_sequences):
            yield Sequence(tokens)


def _draws(texts: list[str], joiner: list[int], settings: TextGeneration, tokenizer: Any) -> Iterator[Sequence]:
    """Up to `max_samples` sequences that begin at random rows; rows are drawn as Olive draws them."""
    if not texts:
        return
    known: dict[int, list[int]] = {}

    def tokens_of(number: int) -> list[int]:
        if number not in known:
            known[number] = _encode([texts[number]], tokenizer)[0]
        return known[number]

    def joined_from(first: int) -> list[int]:
        joined: list[int] = []
        for number in range(first, len(texts)):
            joined += tokens_of(number) + joiner
            if len(joined) >= settings.max_seq_len:
                break
        return joined

    joins = settings.strategy == "join-random"
    needs_full = joins or settings.drop_short_sequences
    random = Random(settings.random_seed)
    found = False
    for _ in range(settings.max_samples or 0):
        for _ in range(settings.random_retries):
            first = random.randint(0, len(texts) - 1)
            tokens = joined_from(first) if joins else _truncate(tokens_of(first), settings.max_seq_len, tokenizer)
            if tokens and (len(tokens) >= settings.max_seq_len or not needs_full):
                yield Sequence(tokens[: settings.max_seq_len])
                found = True
                break
    if joins and not found:
        yield from _only_sequence(joined_from(0), joiner, settings)


def _pairs(pairs: Iterable[tuple[str, str]], settings: TextGeneration, tokenizer: Any) -> Iterator[Sequence]:
    """Input and output tokens in one sequence, each cut to its own longest length."""
    longest_target = settings.target_max_len or settings.max_seq_len
    for batch in _batches(islice(pairs, settings.max_samples), settings.processing_batch_size):
        sources = _encode([source for source, _ in batch], tokenizer)
        targets = _encode([target for _, target in batch], tokenizer)
        for source, target in zip(sources, targets, strict=True):
            source = _truncate(source, settings.max_seq_len, tokenizer)
            tokens = source + _truncate(target, longest_target, tokenizer)
            if tokens and (len(tokens) == _width(settings) or not settings.drop_short_sequences):
                yield Sequence(tokens, len(source) if settings.ignore_source_in_labels else 0)


def _width(settings: TextGeneration) -> int:
    """Longest possible sequence in tokens."""
    if settings.dataset_type == "pair":
        return settings.max_seq_len + (settings.target_max_len or settings.max_seq_len)
    return settings.max_seq_len


def _tokenized(texts: Iterable[str], batch_size: int, tokenizer: Any) -> Iterator[list[int]]:
    for batch in _batches(texts, batch_size):
        yield from _encode(batch, tokenizer)


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _encode(texts: list[str], tokenizer: Any) -> list[list[int]]:
    encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)
    return list(encoded["input_ids"])


def _truncate(tokens: list[int], length: int, tokenizer: Any) -> list[int]:
    return tokens[-length:] if tokenizer.truncation_side == "left" else tokens[:length]


def _padding_token(tokenizer: Any) -> int:
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise RunError("no-padding-token", "The model's tokenizer has neither a padding nor an end token.")


@contextmanager
def _quiet_tokenizer() -> Iterator[None]:
    """Texts longer than the model's limit are cut here, so the tokenizer's warning of them is noise."""
    logger = logging.getLogger("transformers.tokenization_utils_base")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
