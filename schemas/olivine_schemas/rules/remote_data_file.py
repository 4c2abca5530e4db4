"""A pass on this machine is to read data from an Azure ML datastore.

A data config with an `azureml_datastore` is mounted into a job on Azure ML; this machine cannot read it.

```json
"load_dataset_config": {
  "data_name": "json",
  "data_files": { "type": "azureml_datastore", "config": { "datastore_name": "workspaceblobstore" } }
}
```

Olivine refuses the run. Give the pass a host of type AzureML, or download the file and name it in `data_files`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import child, text_of

from .reading import data_configs, host, is_local, passes, references_in
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    remote = {
        data.name
        for data in data_configs(context)
        if text_of(child(data.load, "data_files", "type")) == "azureml_datastore"
    }
    for entry in passes(context):
        if is_local(host(context, entry)):
            for reference in references_in(entry.config):
                if reference.value in remote:
                    message = (
                        "This data is in an Azure ML datastore, and the pass runs on this machine. Change its host."
                    )
                    yield RULE.at(reference, message)


RULE = Rule("remote-data-file", Severity.ERROR, _check)
