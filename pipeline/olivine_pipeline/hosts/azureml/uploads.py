"""How far an upload of the client of Azure ML is, of which it tells nobody but a terminal."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from azure.storage.blob import ContainerClient


@contextmanager
def counted(tell: Callable[[int], None]) -> Iterator[None]:
    """Have `tell` hear, whenever a file is begun and a block uploaded, how many bytes are by now; in any thread.

    What it raises ends the upload.
    """
    upload_blob = ContainerClient.upload_blob
    reached: dict[str, int] = {}
    lock = threading.Lock()

    @functools.wraps(upload_blob)
    def telling(client: ContainerClient, name: Any, data: Any, *args: Any, **options: Any) -> Any:
        def hook(current: int, total: int | None) -> None:
            with lock:
                reached[str(name)] = current
                tell(sum(reached.values()))

        hook(0, None)
        return upload_blob(client, name, data, *args, **{"progress_hook": hook, **options})

    ContainerClient.upload_blob = telling
    try:
        yield
    finally:
        ContainerClient.upload_blob = upload_blob
