"""A job is to sign in to Hugging Face, but there is no key vault with the token.

On Azure ML, `hf_token: true` makes the job read the secret `hf-token` of the key vault that `azureml_client` names as
`keyvault_name`.

```json
"systems": { "aml": { "type": "AzureML", "config": { "aml_compute": "gpu-cluster", "hf_token": true } } }
```

Olivine submits the job, which cannot sign in; gated models fail to download.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Object

from .reading import is_given, is_true, object_at
from .rule import Context, Rule
from .systems import azureml_systems


def _check(context: Context) -> Iterator[Problem]:
    client = context.workflow.get("azureml_client")
    if not isinstance(client, Object) or is_given(client.get("keyvault_name")):
        return
    for system, _ in azureml_systems(context):
        member = object_at(system, "config").member("hf_token")
        if member and is_true(member.value):
            yield RULE.at(member, "The job finds no Hugging Face token: azureml_client has no keyvault_name.")


RULE = Rule("hf-token-without-keyvault", Severity.WARNING, _check)
