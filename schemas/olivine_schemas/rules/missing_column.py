"""A column that the data file does not have.

The names in `text_cols`, or in a template without `text_cols`, must be columns of the data.

```json
"load_dataset_config": { "data_name": "json", "data_files": "phrases.json", "split": "train" },
"pre_process_data_config": { "text_cols": ["phrase", "mood"] }
```

Microsoft Olive finds out while training, and reports success. Olivine reads the first rows of the file, refuses the
run and offers the column that was probably meant. It says nothing about data that is not on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..problems import Edit, Fix, Problem, Severity, Span
from ..tree import Scalar, text_of
from .columns import column_settings, dataset
from .nearest import change_to_nearest, listed, nearest
from .reading import DataConfig, data_configs, is_given
from .rule import Context, Rule
from .templates import placeholder_spans, placeholders


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        facts = dataset(context, data) if data.is_text_generation else None
        if facts and facts.columns and not facts.unreadable:
            yield from _settings(context, data, facts.columns)
            yield from _placeholders(context, data, facts.columns)


def _settings(context: Context, data: DataConfig, columns: tuple[str, ...]) -> Iterator[Problem]:
    for node in column_settings(data):
        if node.value not in columns:
            message = f'The data has no column "{node.value}". {listed(columns, "columns")}'
            yield RULE.at(node, message, change_to_nearest(node, columns, *_in_template(context, data, node, columns)))


def _in_template(context: Context, data: DataConfig, column: Scalar, known: tuple[str, ...]) -> list[Edit]:
    """The edits that change the template along with its column."""
    near, template = nearest(str(column.value), known), data.text.get("text_template")
    if near is None or template is None:
        return []
    return [Edit(span, near) for span in placeholder_spans(context.text, template.span, str(column.value))]


def _placeholders(context: Context, data: DataConfig, columns: tuple[str, ...]) -> Iterator[Problem]:
    template = data.text.get("text_template")
    if template is None or is_given(data.text.get("text_cols")) or is_given(data.text.get("chat_template")):
        return
    for name in placeholders(text_of(template) or "") or []:
        if name not in columns:
            spans = placeholder_spans(context.text, template.span, name)
            near = nearest(name, columns)
            fix = Fix(f'Change to "{{{near}}}"', tuple(Edit(s, near) for s in spans)) if near and spans else None
            where = Scalar(Span(spans[0].start, spans[0].end) if spans else template.span, name)
            yield RULE.at(where, f'The data has no column "{name}". {listed(columns, "columns")}', fix)


RULE = Rule("missing-column", Severity.ERROR, _check)
