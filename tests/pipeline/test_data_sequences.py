"""Texts become the sequences that Microsoft Olive makes of them; golden values were taken from Olive 0.13.0."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from olivine_pipeline.data import collate, prepare, split_eval
from olivine_pipeline.errors import RunError
from olivine_schemas.language.data import DataConfig

ROWS = [
    {"phrase": "one two three", "tone": "joy"},
    {"phrase": "four", "tone": "sad"},
    {"phrase": "five six", "tone": None},
    {"phrase": "seven eight nine ten", "tone": "joy"},
]
TEMPLATE = "{phrase} -> {tone}"


class Words:
    """A tokenizer whose tokens are words: token n is the n-th new word seen, so that expectations are readable."""

    bos_token: str | None = "<s>"
    eos_token: str | None = "</s>"
    pad_token_id: int | None = 1
    eos_token_id: int | None = 1
    truncation_side = "right"
    chat_template = None

    def __init__(self) -> None:
        self.words = ["<s>", "</s>"]

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[self._number(word) for word in text.split(" ") if word] for text in texts]}

    def _number(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def text(self, tokens: list[int]) -> str:
        return " ".join(self.words[token] for token in tokens)


def data_config(folder: Path, rows: list[dict[str, Any]] | None = None, **settings: Any) -> DataConfig:
    lines = [json.dumps(row) for row in (ROWS if rows is None else rows)]
    (folder / "rows.json").write_text("\n".join(lines), encoding="utf-8")
    load = {"data_name": "json", "data_files": "rows.json", "split": "train"}
    return DataConfig.model_validate(
        {"name": "d", "load_dataset_config": {"params": load}, "pre_process_data_config": {"params": settings}}
    )


def texts_of(folder: Path, rows: list[dict[str, Any]] | None = None, **settings: Any) -> list[str]:
    tokenizer = Words()
    dataset = prepare(data_config(folder, rows, **settings), tokenizer, folder)
    return [tokenizer.text(tokens) for tokens in dataset["input_ids"]]


CORPUS = [
    pytest.param(
        {"strategy": "line-by-line", "text_cols": "phrase", "max_seq_len": 4, "pad_to_max_len": False},
        ["<s> one two three", "<s> four </s>", "<s> five six </s>", "<s> seven eight nine"],
        id="a row a sequence, cut to the longest length",
    ),
    pytest.param(
        {"strategy": "line-by-line", "text_cols": "phrase", "max_seq_len": 4},
        ["<s> one two three", "<s> four </s> </s>", "<s> five six </s>", "<s> seven eight nine"],
        id="padded with the padding token",
    ),
    pytest.param(
        {"strategy": "line-by-line", "text_cols": "phrase", "max_seq_len": 4, "padding_side": "left"},
        ["<s> one two three", "</s> <s> four </s>", "<s> five six </s>", "<s> seven eight nine"],
        id="padded on the left",
    ),
    pytest.param(
        {
            "strategy": "line-by-line",
            "text_cols": "phrase",
            "max_seq_len": 4,
            "max_samples": 2,
            "pad_to_max_len": False,
            "drop_short_sequences": True,
        },
        ["<s> one two three", "<s> five six </s>"],
        id="short rows dropped before max_samples counts",
    ),
    pytest.param(
        {"strategy": "join", "text_cols": "phrase", "max_seq_len": 5, "joiner": " | "},
        ["<s> one two three </s>", "| <s> four </s> |", "<s> five six </s> |", "<s> seven eight nine ten"],
        id="joined; the rest that fills no sequence is dropped",
    ),
    pytest.param(
        {"strategy": "join", "text_cols": "phrase", "max_seq_len": 5, "joiner": "", "max_samples": 2},
        ["<s> one two three </s>", "<s> four </s> <s> five"],
        id="joined without joiner, up to max_samples",
    ),
    pytest.param(
        {
            "strategy": "join",
            "text_cols": "phrase",
            "max_seq_len": 5,
            "joiner": "|",
            "add_special_tokens": False,
            "processing_batch_size": 1,
        },
        ["one two three | four", "| five six | seven"],
        id="joined across processing batches, no special tokens",
    ),
    pytest.param(
        {"strategy": "join", "text_cols": "phrase", "max_seq_len": 50, "add_special_tokens": False, "joiner": "|"},
        ["one two three | four | five six | seven eight nine ten"],
        id="too little text for one sequence gives one short sequence",
    ),
    pytest.param(
        {
            "strategy": "join-sliding-window",
            "text_cols": "phrase",
            "max_seq_len": 4,
            "stride": 3,
            "joiner": "|",
            "add_special_tokens": False,
            "processing_batch_size": 2,
        },
        ["one two three |", "| four | five", "five six | seven", "seven eight nine ten"],
        id="windows overlap, across processing batches too",
    ),
    pytest.param(
        {
            "strategy": "line-by-line-random",
            "text_cols": "phrase",
            "max_seq_len": 9,
            "max_samples": 3,
            "random_seed": 1,
            "pad_to_max_len": False,
        },
        ["<s> four </s>", "<s> one two three </s>", "<s> five six </s>"],
        id="random rows",
    ),
    pytest.param(
        {
            "strategy": "join-random",
            "text_cols": "phrase",
            "max_seq_len": 6,
            "max_samples": 3,
            "random_seed": 1,
            "joiner": "|",
        },
        ["<s> four </s> | <s> five", "<s> one two three </s> |", "<s> five six </s> | <s>"],
        id="random stretches",
    ),
    pytest.param(
        {"strategy": "line-by-line", "text_template": TEMPLATE, "max_seq_len": 9, "pad_to_max_len": False},
        [
            "<s> one two three -> joy </s>",
            "<s> four -> sad </s>",
            "<s> five six -> </s>",
            "<s> seven eight nine ten -> joy </s>",
        ],
        id="template; null is nothing, not the word None",
    ),
    pytest.param(
        {
            "strategy": "line-by-line",
            "text_cols": ["tone", "phrase"],
            "max_seq_len": 3,
            "pad_to_max_len": False,
            "add_special_tokens": False,
        },
        ["joy one two", "sad four", "five six", "joy seven eight"],
        id="columns joined by a space",
    ),
]


@pytest.mark.parametrize(("settings", "expected"), CORPUS)
def test_corpus(tmp_path: Path, settings: dict[str, Any], expected: list[str]) -> None:
    assert texts_of(tmp_path, **settings) == expected


@limits(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    max_seq_len=st.integers(2, 12),
    batch_size=st.integers(1, 9),
)
def test_join_loses_nothing_but_the_rest(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], max_seq_len: int, batch_size: int
) -> None:
    rows = [{"text": " ".join(f"{row}.{word}" for word in range(length))} for row, length in enumerate(lengths)]
    stream = " ".join(f"{row['text']} |" for row in rows).split(" ")
    texts = texts_of(
        tmp_path_factory.mktemp("join"),
        rows,
        joiner="|",
        add_special_tokens=False,
        max_seq_len=max_seq_len,
        processing_batch_size=batch_size,
    )
    joined = " ".join(texts).split(" ")
    assert joined == stream[: len(joined)]
    assert len(texts) == 1 or {len(text.split(" ")) for text in texts} == {max_seq_len}
    assert len(stream) - len(joined) <= max_seq_len


def test_labels_skip_padding_but_learn_the_end_token_that_pads(tmp_path: Path) -> None:
    config = data_config(tmp_path, [{"text": "a"}], strategy="line-by-line", max_seq_len=5)
    row = prepare(config, Words(), tmp_path)[0]
    assert row == {"input_ids": [0, 2, 1, 1, 1], "labels": [0, 2, 1, -100, -100], "attention_mask": [1, 1, 1, 0, 0]}


def test_sliding_window_learns_only_the_new_tokens(tmp_path: Path) -> None:
    config = data_config(tmp_path, strategy="join-sliding-window", stride=3, max_seq_len=5, text_cols="phrase")
    dataset = prepare(config, Words(), tmp_path)
    for row in dataset:
        assert row["labels"] == [-100, -100, *row["input_ids"][2:]]


def test_attention_mask_is_left_out_on_request(tmp_path: Path) -> None:
    config = data_config(tmp_path, strategy="join", use_attention_mask=False, text_cols="phrase", max_seq_len=4)
    assert prepare(config, Words(), tmp_path).column_names == ["input_ids", "labels"]


PAIRS = [
    pytest.param(
        {"pair_format": "default", "target_max_len": 3, "pad_to_max_len": False},
        [{"input": "a b c d e", "output": "x"}],
        [("<s> a b c", "x </s>")],
        id="input and output columns, each cut to its own length",
    ),
    pytest.param(
        {"pair_format": "self_instruct", "target_max_len": 3, "max_samples": 1},
        [{"prompt": "a", "completion": "x"}, {"prompt": "b", "completion": "y"}],
        [("<s> a", "x </s>")],
        id="prompt and completion, padded, up to max_samples",
    ),
    pytest.param(
        {"pair_format": "chip2", "target_max_len": 4, "add_special_tokens": False, "pad_to_max_len": False},
        [{"text": "<human>: hi you\n<bot>: hello"}],
        [("hi you", "hello")],
        id="chip2",
    ),
    pytest.param(
        {
            "pair_format": "custom",
            "input_template": "Q: {q}",
            "output_col": "a",
            "target_max_len": 4,
            "pad_to_max_len": False,
            "ignore_source_in_labels": False,
        },
        [{"q": "why", "a": "so"}],
        [("", "<s> Q: why so </s>")],
        id="custom, input learnt too",
    ),
    pytest.param(
        {
            "pair_format": "alpaca",
            "max_seq_len": 60,
            "target_max_len": 4,
            "pad_to_max_len": False,
            "add_special_tokens": False,
        },
        [{"instruction": "Add", "input": "1+1", "output": "2"}, {"instruction": "Say", "input": "", "output": "hi"}],
        [
            (
                (
                    "Below is an instruction that describes a task, paired with an input that provides further "
                    "context. Write a response that appropriately completes the request.\n\n"
                    "### Instruction:\nAdd\n\n### Input:\n1+1\n\n### Response:"
                ),
                "2",
            ),
            (
                (
                    "Below is an instruction that describes a task. Write a response that appropriately completes "
                    "the request.\n\n### Instruction:\nSay\n\n### Response:"
                ),
                "hi",
            ),
        ],
        id="alpaca, with and without input",
    ),
]


@pytest.mark.parametrize(("settings", "rows", "expected"), PAIRS)
def test_pairs_learn_the_output(
    tmp_path: Path, settings: dict[str, Any], rows: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    tokenizer = Words()
    config = data_config(tmp_path, rows, **{"dataset_type": "pair", "max_seq_len": 4, **settings})
    dataset = prepare(config, tokenizer, tmp_path)
    found = []
    for row in dataset:
        real = sum(row["attention_mask"])
        source = row["labels"][:real].count(-100)
        assert row["labels"][source:real] == row["input_ids"][source:real]
        assert set(row["labels"][real:]) <= {-100}
        found.append((tokenizer.text(row["input_ids"][:source]), tokenizer.text(row["input_ids"][source:real])))
    assert found == expected


def test_padded_pairs_have_room_for_input_and_output(tmp_path: Path) -> None:
    rows = [{"input": "a", "output": "x"}]
    config = data_config(tmp_path, rows, dataset_type="pair", max_seq_len=4, target_max_len=3)
    assert [len(tokens) for tokens in prepare(config, Words(), tmp_path)["input_ids"]] == [7]


def test_missing_begin_token_leaves_no_trace(tmp_path: Path) -> None:
    tokenizer = Words()
    tokenizer.bos_token = None
    config = data_config(tmp_path, [{"text": "a"}], strategy="line-by-line", pad_to_max_len=False)
    assert tokenizer.text(prepare(config, tokenizer, tmp_path)[0]["input_ids"]) == "a </s>"


def test_chat_template_of_the_model_and_of_the_config(tmp_path: Path, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    chats = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}]
    for template, expected in [
        (True, "<|user|>\nHi<|end|>\n<|assistant|>\nHo<|end|>\n"),
        ("{% for m in messages %}[{{ m.content }}]{% endfor %}", "[Hi][Ho]"),
    ]:
        config = data_config(tmp_path, chats, chat_template=template, strategy="line-by-line", pad_to_max_len=False)
        assert tokenizer.decode(prepare(config, tokenizer, tmp_path)[0]["input_ids"]) == expected


def test_formatting_function_of_the_user_script(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "marks.py").write_text("MARK = '!'\n")
    (tmp_path / "mine.py").write_text(
        "from marks import MARK\n\n\ndef shout(row):\n    return row['phrase'].upper() + MARK\n"
    )
    config = data_config(
        tmp_path, text_formatting_func="shout", strategy="line-by-line", add_special_tokens=False, pad_to_max_len=False
    ).model_copy(update={"user_script": "mine.py", "script_dir": "lib"})
    tokenizer = Words()
    assert tokenizer.text(prepare(config, tokenizer, tmp_path)["input_ids"][0]) == "ONE TWO THREE!"


REFUSED = [
    ({"text_template": "{phrase} {tune}"}, "unknown-column", 'Did you mean "tone"?'),
    ({"text_cols": "prhase"}, "unknown-column", 'Did you mean "phrase"?'),
    ({"text_template": "{phrase"}, "bad-template", "{{"),
    ({"text_template": "{} x"}, "bad-template", "{column}"),
    ({"text_template": "{phrase:d}"}, "bad-row", "Mend the row"),
    ({"text_formatting_func": "shout"}, "no-user-script", "user_script"),
    ({"chat_template": True, "message_col": "phrase"}, "no-chat-template", "as a string"),
    ({"text_cols": "phrase", "strategy": "join-random"}, "random-without-seed", ""),
    ({"text_cols": "phrase", "strategy": "join-sliding-window"}, "bad-stride", ""),
    ({"text_cols": "phrase", "strategy": "line-by-line", "use_attention_mask": False}, "padding-without-mask", ""),
    ({"text_cols": "phrase", "drop_short_sequences": True, "max_seq_len": 99}, "no-sequences", "max_seq_len"),
    ({"max_seq_len": "many"}, "invalid-data-config", ""),
    ({"dataset_type": "pair", "pair_format": "chip2", "max_seq_len": 9}, "unknown-column", "phrase, tone"),
]


@pytest.mark.parametrize(("settings", "code", "hint"), REFUSED)
def test_refusals_say_what_to_do(tmp_path: Path, settings: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(RunError) as refused:
        prepare(data_config(tmp_path, **settings), Words(), tmp_path)
    assert refused.value.code == code
    assert hint in refused.value.hint


def test_row_that_cannot_be_rendered_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def length(row):\n    return 'x' if row['phrase'] != 'four' else 4\n")
    config = data_config(tmp_path, text_formatting_func="length", user_script="mine.py")
    with pytest.raises(RunError, match=r"Row 2 .* length returned int, not a string"):
        prepare(config, Words(), tmp_path)


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    config = data_config(tmp_path, text_cols="phrase", max_seq_len=3, processing_batch_size=3)
    prepare(config, Words(), tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 4), (4, 4)]


def test_large_tables_go_to_disk_and_hold_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = data_config(tmp_path, [{"text": f"a{n} b"} for n in range(3000)], strategy="line-by-line", max_seq_len=6)
    in_memory = prepare(config, Words(), tmp_path)
    monkeypatch.setattr("olivine_pipeline.data.table.IN_MEMORY_BYTES", 20_000)
    on_disk = prepare(config, Words(), tmp_path)
    assert not in_memory.cache_files and on_disk.cache_files
    assert on_disk.to_dict() == in_memory.to_dict()


def test_split_is_deterministic_and_never_empty(tmp_path: Path) -> None:
    from datasets import Dataset

    rows = Dataset.from_dict({"input_ids": [[n] for n in range(10)]})
    for size, held_out in [(0.25, 3), (4, 4), (99, 9), (0.001, 1)]:
        train, evaluation = split_eval(rows, size, 7)
        assert len(evaluation) == held_out
        assert sorted(train["input_ids"][:] + evaluation["input_ids"][:]) == rows["input_ids"][:]
        assert split_eval(rows, size, 7)[1].to_dict() == evaluation.to_dict()
    by_seed = {seed: split_eval(rows, 4, seed)[1].to_dict() for seed in (None, 42, 0)}
    assert by_seed[None] == by_seed[42] != by_seed[0]
    with pytest.raises(RunError):
        split_eval(rows.select([0]), 0.5, 7)


def test_collate_pads_a_batch() -> None:
    features = [
        {"input_ids": [5, 6], "labels": [5, 6], "attention_mask": [1, 1]},
        {"input_ids": [7], "labels": [7], "attention_mask": [1]},
    ]
    batch = collate(features, 9)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5, 6], [7, 9]],
        "labels": [[5, 6], [7, -100]],
        "attention_mask": [[1, 1], [1, 0]],
    }


def test_import_is_light() -> None:
    code = "import sys, olivine_pipeline.data; print({'torch', 'datasets', 'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
