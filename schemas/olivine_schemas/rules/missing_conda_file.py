"""The conda file of an Azure ML system is not there.

`conda_file_path` names the file that lists the packages of the job, relative to the folder of the config.

```json
"aml_docker_config": { "base_image": "ubuntu", "conda_file_path": "conda.yml" }
```

Olivine refuses the run before anything is uploaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .conda import conda_files
from .reading import is_plain_path
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for node in conda_files(context):
        path = str(node.value)
        if is_plain_path(path) and context.facts.path_exists(path) is False:
            yield RULE.at(node, f'There is no "{path}" beside this config. It lists the packages of the job.')


RULE = Rule("missing-conda-file", Severity.ERROR, _check)
