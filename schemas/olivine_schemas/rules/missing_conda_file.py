"""The conda file of an Azure ML system is not there.

`conda_file_path` names the file that lists the packages of the job, relative to the folder of the config.

```json
"aml_docker_config": { "base_image": "ubuntu", "conda_file_path": "conda.yml" }
```

Olivine refuses the run before anything is uploaded; where no host or target means the system, it warns.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .conda import conda_files
from .paths import leading_nowhere, not_there
from .repairs import change_to_neighbour
from .rule import Context, Rule
from .systems import severity_in


def _check(context: Context) -> Iterator[Problem]:
    for system, node in conda_files(context):
        for missing in leading_nowhere(context, [node]):
            message = f"{not_there(missing)} It lists the packages of the job."
            fix = change_to_neighbour(context, missing)
            yield RULE.at(missing, message, fix, severity=severity_in(context, system))


RULE = Rule("missing-conda-file", Severity.ERROR, _check)
