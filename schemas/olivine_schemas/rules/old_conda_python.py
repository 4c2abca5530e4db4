"""The conda file asks for a Python that today's packages do not support.

Older tutorials write `python=3.8.13`. transformers, peft and onnxruntime need Python 3.10 or newer, so the environment
of the job cannot be solved.

```yaml
dependencies:
  - python=3.8.13
```

Olivine submits the job as written. Change the line in the conda file to `python=3.11`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .conda import conda_files
from .rule import Context, Rule

PYTHON = re.compile(r"^\s*-\s*[\"']?python\s*=+\s*(3)\.(\d+)", re.MULTILINE)


def _check(context: Context) -> Iterator[Problem]:
    for _, node in conda_files(context):
        found = PYTHON.search(context.facts.text(str(node.value)) or "")
        if found and int(found.group(2)) < 10:
            message = f"{node.value} asks for Python 3.{found.group(2)}; today's packages need 3.10 or newer."
            yield RULE.at(node, message)


RULE = Rule("old-conda-python", Severity.WARNING, _check)
