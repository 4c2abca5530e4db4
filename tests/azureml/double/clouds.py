"""Host names of Azure's clouds. The double speaks of the public one; for another, all that it says is translated."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Hosts:
    """What the host names of a cloud are, or end in."""

    management: str
    login: str
    regions: str
    storage: str
    vaults: str
    studio: str

    @property
    def service(self) -> tuple[str, ...]:
        """Patterns of the hosts that the service answers to."""
        return (self.management, self.login, f"*.{self.regions}", f"*.{self.vaults}")

    @property
    def blobs(self) -> str:
        """Pattern of the hosts that the blob store answers to."""
        return f"*.blob.{self.storage}"

    def translated(self, text: str) -> str:
        """A text about the public cloud as one about this."""
        for theirs, ours in zip(astuple(PUBLIC), astuple(self), strict=True):
            text = text.replace(theirs, ours)
        return text


PUBLIC = Hosts(
    "management.azure.com",
    "login.microsoftonline.com",
    "api.azureml.ms",
    "core.windows.net",
    "vault.azure.net",
    "ml.azure.com",
)
OTHERS = {
    "AzureChinaCloud": Hosts(
        "management.chinacloudapi.cn",
        "login.chinacloudapi.cn",
        "api.ml.azure.cn",
        "core.chinacloudapi.cn",
        "vault.azure.cn",
        "studio.ml.azure.cn",
    ),
    "AzureUSGovernment": Hosts(
        "management.usgovcloudapi.net",
        "login.microsoftonline.us",
        "api.ml.azure.us",
        "core.usgovcloudapi.net",
        "vault.usgovcloudapi.net",
        "ml.azure.us",
    ),
}
