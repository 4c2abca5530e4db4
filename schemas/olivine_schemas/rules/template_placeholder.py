"""A template has a placeholder that is none of its columns.

`text_template` is filled with the columns listed in `text_cols`. A placeholder outside that list cannot be filled, nor
can a template whose braces do not match; write `{{` and `}}` for braces that are part of the text.

```json
"text_cols": ["phrase", "tone"],
"text_template": "{phrase} sounds {ton}"
```

Microsoft Olive stops in the middle of the run with a KeyError, and reports success. Olivine refuses the run and
offers the column that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..problems import Edit, Fix, Problem, Severity, Span
from ..tree import Scalar, text_of
from .nearest import listed, nearest
from .reading import DataConfig, data_configs, strings
from .rule import Context, Rule
from .templates import placeholder_spans, placeholders


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        node = data.text.get("text_template")
        if isinstance(node, Scalar) and text_of(node) is not None and data.is_text_generation:
            yield from _unfilled(context, data, node)


def _unfilled(context: Context, data: DataConfig, node: Scalar) -> Iterator[Problem]:
    used = placeholders(str(node.value))
    if used is None:
        yield RULE.at(node, "The braces of this template do not match. Write {{ and }} for braces in the text.")
        return
    columns = [str(name.value) for name in strings(data.text.get("text_cols"))]
    for name in used:
        if columns and name not in columns:
            yield _unknown(context, node, name, columns)


def _unknown(context: Context, node: Scalar, name: str, columns: list[str]) -> Problem:
    spans = placeholder_spans(context.text, node.span, name)
    near = nearest(name, columns)
    fix = Fix(f'Change to "{{{near}}}"', tuple(Edit(span, near) for span in spans)) if near and spans else None
    where = Span(spans[0].start, spans[0].end) if spans else node.span
    message = f'"{{{name}}}" is not one of text_cols. {listed(columns, "columns")}'
    return RULE.at(Scalar(where, name), message, fix)


RULE = Rule("template-placeholder", Severity.ERROR, _check)
