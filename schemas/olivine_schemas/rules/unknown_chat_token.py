"""A template has a control token that the model does not know.

Tokens such as `<|end|>` mean something only to a model that was trained with them. To any other tokenizer they are a
run of ordinary characters.

```json
"text_template": "<|user|>{phrase}<|eot|>"
```

Olivine trains as written and offers the model's token that was probably meant. It says nothing where the tokenizer is
not on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Edit, Fix, Problem, Severity, Span
from olivine_schemas.tree import Node, Scalar, text_of

from .model import input_model
from .reading import data_configs
from .repairs import meant
from .rule import Context, Rule

TOKEN = re.compile(r"<\|[A-Za-z0-9_]+\|>")


def _check(context: Context) -> Iterator[Problem]:
    model = input_model(context)
    if model is None or not model.tokens:
        return
    for data in data_configs(context):
        for key in ("text_template", "input_template", "output_template", "joiner"):
            yield from _unknown(context.text, data.text.get(key), model.tokens)


def _unknown(text: str, node: Node | None, known: frozenset[str]) -> Iterator[Problem]:
    if node is None or not text_of(node):
        return
    places: dict[str, list[Span]] = {}
    for match in TOKEN.finditer(text, node.span.start, node.span.end):
        places.setdefault(match.group(), []).append(Span(*match.span()))
    for token, spans in places.items():
        if token not in known:
            near = meant(token, sorted(name for name in known if TOKEN.fullmatch(name)))
            fix = Fix(f"Change to {near}", tuple(Edit(span, near) for span in spans)) if near else None
            yield RULE.at(Scalar(spans[0], token), f"The model's tokenizer does not know the token {token}.", fix)


RULE = Rule("unknown-chat-token", Severity.WARNING, _check)
