"""A pass on this machine is to read data from an Azure ML datastore, and no workspace is named.

A data config with an `azureml_datastore` is downloaded where the pass runs on this machine, and mounted into a job on
Azure ML. `azureml_client` says in which workspace the datastore is.

```json
"load_dataset_config": {
  "data_name": "json",
  "data_files": { "type": "azureml_datastore", "config": { "datastore_name": "workspaceblobstore" } }
}
```

Olivine refuses the run. Name the workspace, or name a file of this machine in `data_files`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import child, text_of

from .reading import data_configs, is_given, passes, references_in, runs_here
from .rule import Context, Rule

MESSAGE = "This data is in an Azure ML datastore. Name its workspace in azureml_client."


def _check(context: Context) -> Iterator[Problem]:
    if is_given(context.workflow.get("azureml_client")):
        return
    kinds = [(data.name, text_of(child(data.load, "data_files", "type"))) for data in data_configs(context)]
    remote = {name for name, kind in kinds if kind == "azureml_datastore"}
    for entry in passes(context):
        for reference in references_in(entry.config) if runs_here(context, entry) else ():
            if reference.value in remote:
                yield RULE.at(reference, MESSAGE)


RULE = Rule("remote-data-file", Severity.ERROR, _check)
