"""A formatting function that no script has.

`text_formatting_func`, `input_formatting_func` and `output_formatting_func` name a function of the Python file
`user_script`, which gets a row and returns its text.

```json
"user_script": "formats.py",
"pre_process_data_config": { "text_formatting_func": "as_chat" }
```

Olivine refuses the run and offers the function that was probably meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, text_of

from .reading import data_configs
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        script = data.text.get("user_script") or data.node.get("user_script")
        for side in ("text", "input", "output"):
            node = data.text.get(f"{side}_formatting_func")
            if isinstance(node, Scalar) and text_of(node):
                yield from _unknown(context, node, script)


def _unknown(context: Context, node: Scalar, script: Node | None) -> Iterator[Problem]:
    if script is None:
        yield RULE.at(node, f'There is no user_script that could have the function "{node.value}".')
        return
    known = _functions(context.facts.text(text_of(script) or "") or "")
    if known and node.value not in known:
        message = f'{text_of(script)} has no function "{node.value}". {listed(known, "functions")}'
        yield RULE.at(node, message, change_to_meant(node, known))


def _functions(source: str) -> list[str]:
    """Functions that a script defines; empty where it may get some in a way that cannot be read off."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    plain = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.Expr)
    if not all(isinstance(part, plain) or _is_future(part) for part in body):
        return []
    return [part.name for part in body if isinstance(part, ast.FunctionDef)]


def _is_future(part: ast.stmt) -> bool:
    return isinstance(part, ast.ImportFrom) and part.module == "__future__"


RULE = Rule("unknown-function", Severity.ERROR, _check)
