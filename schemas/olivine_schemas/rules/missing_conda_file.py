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
from .paths import leading_nowhere, not_there
from .repairs import change_to_neighbour
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for node in leading_nowhere(context, conda_files(context)):
        message = f"{not_there(node)} It lists the packages of the job."
        yield RULE.at(node, message, change_to_neighbour(context, node))


RULE = Rule("missing-conda-file", Severity.ERROR, _check)
