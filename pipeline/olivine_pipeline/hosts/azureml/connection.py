"""Every call of Azure ML that a run makes, through the SDK where it has a public way and over plain HTTP where not."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from azure.ai.ml import Input, MLClient, Output, command
from azure.ai.ml.entities import BuildContext, Environment, Job
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.storage.blob import ContainerClient

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import Cancelled, RunError

from .credentials import Chain, credential_for
from .refusals import SEE_COMPUTES, causes, is_passing, is_signature, refusal, status_of
from .request import RESULTS, TRAINING, Request, Workspace
from .request import Environment as Wanted
from .snapshot import CODE, CONDA, CONTEXT
from .uploads import counted

SERVERLESS = "serverless"
"""Name for a compute that Azure ML makes for the job."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
PATIENCE_SECONDS = 600.0
"""How long a run that nobody answers tries on, before a job is submitted."""
ASKING_SECONDS = 4.0
"""How long to wait for an answer to the wish that a job ends: whoever stops a run ends its process after ten."""
T = TypeVar("T")
Warn = Callable[[str, str], None]
"""Takes the code and the text of a warning."""


@dataclass(frozen=True)
class Storage:
    """A container of blobs, and what opens it: a shared access signature, a key, or a credential."""

    url: str
    container: str
    secret: Any

    def client(self) -> ContainerClient:
        """A client that leaves trying again to its user."""
        return ContainerClient(self.url, self.container, credential=self.secret, retry_total=0, read_timeout=60)


@dataclass(frozen=True)
class Piece:
    """What is new in a file: its bytes, when the file was made, and how long it is by now."""

    data: bytes
    created: str
    size: int


class Connection:
    """A workspace, signed in to. Everything raises `RunError` in the person's words."""

    def __init__(
        self, workspace: Workspace, cancel: Cancel, warn: Warn = lambda code, message: None, patience: float = 0.0
    ) -> None:
        """Where nobody answers at all, `warn` hears so, once, and it is tried for `patience` seconds."""
        self.workspace = workspace
        self.warn = warn
        self.asking: Callable[[], None] = cancel.check
        """Called before a job is asked for; what it raises keeps that from happening."""
        self._cancel = cancel
        self._patience = patience
        self._silence_told = False
        self._credential = credential_for(workspace)
        self._client = MLClient(
            self._credential,
            workspace.subscription_id,
            workspace.resource_group,
            workspace.workspace_name,
            cloud=workspace.cloud.name,
            enable_telemetry=False,
            show_progress=True,  # only then it looks whether an upload went well
            retry_total=0,
            read_timeout=workspace.read_timeout,
            raw_request_hook=lambda request: self._before(request.http_request),
        )
        self._history = ""
        self.region = ""
        """Address of the workspace's region, once it is open."""
        self._signed_in = PipelineClient(
            "", policies=[BearerTokenCredentialPolicy(self._credential, workspace.cloud.audience)]
        )
        self._plain: PipelineClient[Any, Any] = PipelineClient("", policies=[])

    def open(self) -> None:
        """Find the workspace: it is there, and this person may see it."""
        found = self._tried(lambda: self._client.workspaces.get(self.workspace.workspace_name))
        urls = self._tried(lambda: self._json(self._plain, str(found.discovery_url)))
        self.region = str(urls["history"])
        self._history = f"{self.region}/history/v1.0{self.path}"

    @property
    def path(self) -> str:
        """The workspace in addresses of Azure."""
        w = self.workspace
        group = f"/subscriptions/{w.subscription_id}/resourceGroups/{w.resource_group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{w.workspace_name}"

    def find_job(self, name: str) -> Job | None:
        """The job of this name; None where there is none."""
        return self._tried(lambda: _or_none(lambda: self._client.jobs.get(name)))

    def check_compute(self, request: Request) -> None:
        """Refuse a compute that is not there, or too small, before anything is uploaded for it."""
        if request.compute == SERVERLESS:
            return
        try:
            compute = self._tried(lambda: _or_none(lambda: self._client.compute.get(request.compute)))
        except RunError as error:
            if error.code == "azure-forbidden":  # who may not see it may use it
                return
            raise
        if compute is None:
            message = f'There is no compute "{request.compute}" in the workspace {self.workspace.workspace_name}.'
            raise RunError("azure-no-compute", message, SEE_COMPUTES)
        most = getattr(compute, "max_instances", None)
        if isinstance(most, int) and most < request.nodes:
            message = f"The compute {request.compute} has at most {most} nodes, and the job asks for {request.nodes}."
            raise RunError("azure-too-few-nodes", message, "Lower instance_count, or let the compute grow.")

    def submit(
        self, request: Request, name: str, first: str, staged: Path, line: str, tell: Callable[[int], None]
    ) -> Job:
        """Submit what is `staged` as the job `name`; returns the job that has this name already, where one has.

        It goes on with what the job `first` of its run has trained. `tell` hears the bytes that are uploaded.
        """
        job = command(
            name=name,
            code=str(staged / CODE),
            command=line,
            environment=_environment(request.environment, staged),
            compute=request.compute,
            inputs={one.name: Input(type=one.kind, path=one.uri, mode="ro_mount") for one in request.inputs},
            outputs={
                RESULTS: _output(results_uri(request.datastore, name)),
                TRAINING: _output(f"azureml://datastores/{request.datastore}/paths/olivine/{first}/{TRAINING}/"),
            },
            experiment_name=request.experiment,
            display_name=request.display_name,
            tags={"olivine": name, **request.tags},
            instance_count=request.nodes,
            instance_type=request.resources.get("instance_type"),
            shm_size=request.resources.get("shm_size"),
            docker_args=request.resources.get("docker_args"),
            distribution=_distribution(request),
        )
        if job.resources and request.resources.get("properties"):
            job.resources.properties = request.resources["properties"]
        with counted(tell):
            return self._tried(lambda: self._create(job, name))

    def _create(self, job: Job, name: str) -> Job:
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # where it draws bars in colour
                return self._client.jobs.create_or_update(job)
        except HttpResponseError as error:
            # A request that was answered by an error, or not at all, may have been heard all the same.
            taken = status_of(error) == 409 or (status_of(error) == 400 and "already exists" in str(error))
            if taken and (found := _or_none(lambda: self._client.jobs.get(name))):
                return found
            raise

    def cancel(self, name: str) -> None:
        """Ask for the end of a job; one that has ended is left alone. Raises the exceptions of azure.core."""
        limits = {"connection_timeout": ASKING_SECONDS, "read_timeout": ASKING_SECONDS}
        _or_none(lambda: self._client.jobs.begin_cancel(name, polling=False, **limits))

    def details(self, name: str) -> dict[str, Any]:
        """Status, log files and error of a job. Raises the exceptions of azure.core: watching outlives many."""
        return self._json(self._signed_in, f"{self._history}/runs/{name}/details")

    def read(self, url: str, offset: int) -> Piece:
        """What a signed file has from `offset` on. Raises the exceptions of azure.core."""
        headers = {"Range": f"bytes={offset}-", "x-ms-version": "2021-06-08"}
        try:
            answer = self._ask(self._plain, "GET", url, headers)
        except HttpResponseError as error:
            if error.status_code != 416:
                raise
            answer = self._ask(self._plain, "HEAD", url, {"x-ms-version": headers["x-ms-version"]})
            return Piece(b"", answer.headers.get("x-ms-creation-time", ""), int(answer.headers["Content-Length"]))
        data = answer.read()
        if answer.status_code != 206:
            data = data[offset:]
        return Piece(data, answer.headers.get("x-ms-creation-time", ""), offset + len(data))

    def storage(self, datastore: str) -> Storage:
        """How to reach the blobs of a datastore; the signature is good for about an hour."""
        found = self._tried(lambda: self._client.datastores.get(datastore, include_secrets=True))
        secrets = found.credentials
        secret = getattr(secrets, "sas_token", None) or getattr(secrets, "account_key", None) or self._credential
        account: Any = found
        container = getattr(found, "container_name", None) or getattr(found, "filesystem", None)
        if not container:
            message = f"The datastore {datastore} is of the type {found.type}, which holds no blobs."
            raise RunError("azure-datastore-type", message, "Name a datastore of Azure Blob Storage or Data Lake Gen2.")
        url = f"{account.protocol}://{account.account_name}.blob.{account.endpoint}"
        return Storage(url, str(container), secret)

    def storage_at(self, url: str, container: str) -> Storage:
        """A container of blobs that no datastore stands for, opened as the person who is signed in."""
        return Storage(url, container, self._credential)

    def model_path(self, name: str, version: str) -> str:
        """Address of the files of a model of the workspace."""
        return str(self._tried(lambda: self._client.models.get(name, version)).path)

    def ask(self, method: str, url: str, body: Any = None) -> dict[str, Any]:
        """What a service that has no public way through the SDK answers to this person, as JSON."""
        return self._tried(lambda: self._json(self._signed_in, url, method, body))

    def sign_in_again(self) -> None:
        """Take no kept token any more."""
        if isinstance(self._credential, Chain):
            self._credential.forget()

    def _json(
        self, client: PipelineClient[Any, Any], url: str, method: str = "GET", body: Any = None
    ) -> dict[str, Any]:
        try:
            return dict(self._ask(client, method, url, {}, body).json())
        except ValueError as error:  # an answer that was cut short
            raise ServiceResponseError("The answer is not whole.") from error

    def _ask(
        self, client: PipelineClient[Any, Any], method: str, url: str, headers: dict[str, str], body: Any = None
    ) -> Any:
        request = HttpRequest(method, url, headers=headers, json=body)
        answer = client.send_request(request, connection_timeout=30, read_timeout=self.workspace.read_timeout)
        answer.raise_for_status()
        return answer

    def _before(self, request: Any) -> None:
        if request.method == "PUT" and "/jobs/" in request.url:
            self.asking()

    def _tried(self, call: Callable[[], T]) -> T:
        """Do it, again where that may help: as often as the config says, and for long where nobody answers at all."""
        wait, tries, since = max(self.workspace.retry_interval, FIRST_WAIT), 0, 0.0
        while True:
            try:
                return call()
            except Exception as error:
                if any(isinstance(one, Cancelled) for one in causes(error)):  # which the client may have wrapped
                    raise Cancelled from error
                if status_of(error) == 401:
                    self.sign_in_again()
                elif not (is_passing(error) or is_signature(error)):
                    raise refusal(error, self.workspace) from error
                tries, since = tries + 1, since or time.monotonic()
                silent = status_of(error) is None and time.monotonic() - since < self._patience
                if tries > max(self.workspace.retries, 1) and not silent:
                    raise refusal(error, self.workspace) from error
                if silent and tries > 1:  # one slip is not worth a word
                    self._tell_silence()
                sleep(wait_for(error, wait), self._cancel)
                wait = min(2 * wait, LONGEST_WAIT)

    def _tell_silence(self) -> None:
        minutes, told, self._silence_told = round(self._patience / 60), self._silence_told, True
        if not told:
            self.warn("azure-unreachable", f"Azure cannot be reached. This is tried again for {minutes} minutes.")


def sleep(seconds: float, cancel: Cancel) -> None:
    """Wait. Raises `Cancelled` as soon as a stop is asked for."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        cancel.check()
        time.sleep(min(left, 0.1))


def wait_for(error: BaseException, otherwise: float) -> float:
    """Seconds to wait after an error: what the service asks for, else what the caller thinks."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    asked = str(headers.get("Retry-After", ""))
    return min(float(asked), LONGEST_WAIT) if asked.isdecimal() else otherwise


def results_uri(datastore: str, job: str) -> str:
    """Where a job puts its results."""
    return f"azureml://datastores/{datastore}/paths/{results_prefix(job)}"


def results_prefix(job: str) -> str:
    """The same as the beginning of blob names."""
    return f"olivine/{job}/{RESULTS}/"


def _output(uri: str) -> Output:
    return Output(type="uri_folder", path=uri, mode="rw_mount")


def _or_none(call: Callable[[], T]) -> T | None:
    """What the call returns; None where what it names is not there, in a workspace that is."""
    try:
        return call()
    except ResourceNotFoundError as error:
        if "Microsoft.MachineLearningServices/workspaces/" in str(error):
            raise
        return None


def _environment(given: Wanted, staged: Path) -> Environment | str:
    if given.name:
        return f"azureml:{given.name}"
    if given.build_folder:
        return Environment(build=BuildContext(path=str(staged / CONTEXT), dockerfile_path=given.dockerfile))
    return Environment(image=given.image, conda_file=str(staged / CONDA))


def _distribution(request: Request) -> dict[str, Any] | None:
    if not request.is_distributed:
        return None
    return {"type": "pytorch", "process_count_per_instance": request.processes_per_node}
