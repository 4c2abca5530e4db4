"""The clouds of Azure, which have addresses and sign-ins of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "AZUREML_CURRENT_CLOUD"
"""Environment variable with the name of the cloud, as the client of Azure ML reads it."""
PUBLIC = "AzureCloud"


@dataclass(frozen=True)
class Cloud:
    """A cloud: host names of its resource manager, its sign-in, and what the names of its key vaults end in."""

    name: str
    management: str
    authority: str
    vaults: str

    @property
    def audience(self) -> str:
        """What a token for the resource manager is asked for with."""
        return f"https://{self.management}/.default"


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(PUBLIC, "management.azure.com", "login.microsoftonline.com", "vault.azure.net"),
        Cloud("AzureChinaCloud", "management.chinacloudapi.cn", "login.chinacloudapi.cn", "vault.azure.cn"),
        Cloud(
            "AzureUSGovernment", "management.usgovcloudapi.net", "login.microsoftonline.us", "vault.usgovcloudapi.net"
        ),
    )
}


def cloud_of(name: str | None) -> Cloud:
    """The cloud of this name, else the one that the environment names, else the public one."""
    return CLOUDS.get(name or os.environ.get(VARIABLE, ""), CLOUDS[PUBLIC])
