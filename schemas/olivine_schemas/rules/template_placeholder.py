"""A template has a placeholder that is no column.

The placeholders of `text_template` are filled with the columns of the data. A placeholder that is no column cannot be
filled, nor can a template whose braces do not match; write `{{` and `}}` for braces that are part of the text.

```json
"text_cols": ["phrase", "tone"],
"text_template": "{phrase} sounds {ton}"
```

Microsoft Olive stops in the middle of the run with a KeyError, and reports success. Olivine refuses the run and
offers the column that was probably meant. Where the data is not on this machine it compares with `text_cols` and
warns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from olivine_schemas.problems import Edit, Fix, Problem, Severity, Span
from olivine_schemas.tree import Scalar

from .columns import dataset, is_pair, template_settings
from .reading import DataConfig, data_configs, strings
from .repairs import listed, meant
from .rule import Context, Rule
from .templates import placeholder_spans, placeholders


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        for node in template_settings(data) if data.is_text_generation else []:
            yield from _unfilled(context, data, node)


def _unfilled(context: Context, data: DataConfig, node: Scalar) -> Iterator[Problem]:
    used = placeholders(str(node.value))
    if used is None:
        yield RULE.at(node, "The braces of this template do not match. Write {{ and }} for braces in the text.")
        return
    facts = dataset(context, data)
    known = facts is not None and bool(facts.columns) and not facts.unreadable
    listing = [] if is_pair(data) else strings(data.text.get("text_cols"))
    columns = facts.columns if facts and known else [str(name.value) for name in listing]
    for name in used:
        if columns and name not in columns:
            also = [Edit(n.span, f'"{near}"') for n in listing if n.value == name and (near := meant(name, columns))]
            message = "is no column of the data" if known else "is not one of text_cols"
            severity = Severity.ERROR if known else Severity.WARNING
            yield _unknown(context, node, name, columns, message, also, severity)


def _unknown(
    context: Context,
    node: Scalar,
    name: str,
    columns: Sequence[str],
    message: str,
    also: list[Edit],
    severity: Severity,
) -> Problem:
    spans = placeholder_spans(context.text, node.span, name)
    near = meant(name, columns)
    fix = None
    if near and spans:
        fix = Fix(f'Change to "{{{near}}}"', (*(Edit(span, near) for span in spans), *also))
    where = Scalar(spans[0] if spans else Span(node.span.start, node.span.end), name)
    return RULE.at(where, f'"{{{name}}}" {message}. {listed(columns, "columns")}', fix, severity=severity)


RULE = Rule("template-placeholder", Severity.ERROR, _check)
