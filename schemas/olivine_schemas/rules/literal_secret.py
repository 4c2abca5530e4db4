"""A secret is written into the config.

A config is shared, committed and logged. A token or key in it should be revoked and kept elsewhere: sign in with
`hf auth login` or `az login`, or keep the secret in a key vault (`keyvault_name`).

```json
"load_kwargs": { "token": "hf_..." }
```

Olivine runs, and never repeats the secret in its messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, nodes

from .rule import Context, Rule

SECRETS = {
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "a shared access signature": re.compile(r"[?&]sig=[A-Za-z0-9%+/=]{20,}"),
    "a storage account key": re.compile(r"AccountKey=[A-Za-z0-9+/=]{40,}|^[A-Za-z0-9+/]{86}==$"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    "an API key": re.compile(r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16})\b"),
}

SHORTEST = 20
"""Length below which none of these matches."""

_TRACES = [
    re.compile(trace)
    for trace in (
        "hf_[A-Za-z0-9]{20}",
        "sig=",
        "AccountKey=",
        "==",
        "eyJ",
        "sk-[A-Za-z0-9_-]{20}",
        "gh[pousr]_",
        "AKIA",
    )
]
_ESCAPES = re.compile(r"\\[uUx\r\n]")
"""A text without traces, and without escapes that may hide them, has no secret in it."""


def _check(context: Context) -> Iterator[Problem]:
    if not any(trace.search(context.text) for trace in (*_TRACES, _ESCAPES)):
        return
    for node in nodes(context.tree):
        if isinstance(node, Scalar) and isinstance(node.value, str) and len(node.value) >= SHORTEST:
            kind = next((kind for kind, pattern in SECRETS.items() if pattern.search(node.value)), None)
            if kind:
                yield RULE.at(node, f"This looks like {kind}. Revoke it, and keep secrets out of the config.")


RULE = Rule("literal-secret", Severity.WARNING, _check)
