"""Too little text to make one training sequence.

The join strategies put all rows together and cut the result into sequences of `max_seq_len` tokens; a rest that is
shorter is left out. With little data nothing is left.

```json
"pre_process_data_config": { "strategy": "join", "max_seq_len": 1024 }
```

A token is at least one byte of text, so with fewer bytes than `max_seq_len` Olivine is sure and refuses the run; with
fewer than three times as many it warns. Use `line-by-line`, or a smaller `max_seq_len`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.facts import DatasetFacts
from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .columns import column_settings, dataset, is_pair, template_settings
from .reading import DataConfig, data_configs, is_given, number
from .repairs import change_to
from .rule import Context, Rule
from .templates import placeholders

BYTES_A_TOKEN = 3
"""Bytes of text a token stands for, at the least, in the tokenizers and languages that are common."""
SPECIAL = 4
"""Tokens a row that are not in its text, at the most: begin, end, and the joiner's."""


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        node = data.text.get("strategy")
        strategy = (text_of(node) or "") if is_given(node) else "join"
        facts = dataset(context, data) if data.is_text_generation and strategy.startswith("join") else None
        if facts and facts.complete and facts.rows and not facts.unreadable:
            yield from _short(data, node, facts)


def _short(data: DataConfig, strategy: object, facts: DatasetFacts) -> Iterator[Problem]:
    if is_given(data.text.get("chat_template")) or text_of(data.text.get("text_formatting_func")) or is_pair(data):
        return
    written = data.text.get("max_seq_len")
    length = number(written) if is_given(written) else 1024
    size = _bytes(data, facts)
    where = strategy if isinstance(strategy, Scalar) else written or data.node.get("name")
    if not length or not isinstance(where, Scalar) or size > BYTES_A_TOKEN * length:
        return
    fix = change_to(strategy, "line-by-line") if isinstance(strategy, Scalar) else None
    text = f"The {facts.rows} rows hold {size} bytes of text"
    advice = 'Use the strategy "line-by-line", or a smaller max_seq_len.'
    if size + SPECIAL * facts.rows < length:
        yield RULE.at(where, f"{text}: not one sequence of {length:g} tokens. {advice}", fix)
    else:
        message = f"{text}, probably not one sequence of {length:g} tokens. {advice}"
        yield RULE.at(where, message, fix, severity=Severity.WARNING)


def _bytes(data: DataConfig, facts: DatasetFacts) -> int:
    template = template_settings(data)
    named = [str(node.value) for node in column_settings(data)]
    columns = (placeholders(str(template[0].value)) or [] if template else named) or list(facts.text_bytes)
    around = len((text_of(data.text.get("text_template")) or "").encode()) + len(
        (text_of(data.text.get("joiner")) or "\n\n").encode()
    )
    return sum(facts.text_bytes.get(column, 0) for column in columns) + around * facts.rows


RULE = Rule("too-little-text", Severity.ERROR, _check)
