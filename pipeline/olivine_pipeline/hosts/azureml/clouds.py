"""The clouds of Azure, which have addresses and sign-ins of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "AZUREML_CURRENT_CLOUD"
"""Environment variable with the name of the cloud, as the client of Azure ML reads it."""
PUBLIC = "AzureCloud"


@dataclass(frozen=True)
class Cloud:
    """A cloud: host names of its resource manager and its sign-in, what the names of its key vaults end in, and the
    host that knows in which region a registry is.
    """

    name: str
    management: str
    authority: str
    vaults: str
    registries: str

    @property
    def audience(self) -> str:
        """What a token for the resource manager is asked for with."""
        return f"https://{self.management}/.default"


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            PUBLIC,
            "management.azure.com",
            "login.microsoftonline.com",
            "vault.azure.net",
            "eastus.api.azureml.ms",
        ),
        Cloud(
            "AzureChinaCloud",
            "management.chinacloudapi.cn",
            "login.chinacloudapi.cn",
            "vault.azure.cn",
            "chinaeast2.api.ml.azure.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "management.usgovcloudapi.net",
            "login.microsoftonline.us",
            "vault.usgovcloudapi.net",
            "usgovarizona.api.ml.azure.us",
        ),
    )
}


def cloud_of(name: str | None) -> Cloud:
    """The cloud of this name, else the one that the environment names, else the public one."""
    return CLOUDS.get(name or os.environ.get(VARIABLE, ""), CLOUDS[PUBLIC])
