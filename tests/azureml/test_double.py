"""The double itself: what it must notice."""

from __future__ import annotations

from typing import Any

import pytest
from double import spec

VERSION = "2025-01-01-preview"
COMMAND = {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:tuning:3"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is none": ({**COMMAND, "comand": "x"}, ".properties.comand is not in"),
    "a missing one": ({key: COMMAND[key] for key in ("jobType", "command")}, ".properties.environmentId is missing"),
    "a value of another type": ({**COMMAND, "command": ["python"]}, ".properties.command: ['python'] is no StringType"),
    "a kind that is none": ({**COMMAND, "jobType": "Comand"}, ".properties.jobType: 'Comand' is none of"),
    "what only the service says": ({**COMMAND, "status": "Running"}, ".properties.status is read only"),
    "deep inside": (
        {**COMMAND, "outputs": {"results": {"jobOutputType": "folder"}}},
        ".properties.outputs.results.jobOutputType: 'folder' is none of",
    ),
    "a number of another type": ({**COMMAND, "resources": {"instanceCount": "two"}}, "resources.instanceCount"),
}


@pytest.mark.skipif(not spec.available(), reason=f"{spec.FOLDER_VARIABLE} names no folder with the published types")
@pytest.mark.parametrize(("properties", "complaint"), WRONG.values(), ids=WRONG)
def test_a_request_body_that_the_published_types_do_not_allow_is_noticed(
    properties: dict[str, Any], complaint: str
) -> None:
    assert spec.complaints("/jobs/name", VERSION, {"properties": COMMAND}) == []
    (found,) = spec.complaints("/jobs/name", VERSION, {"properties": properties})
    assert complaint in found


@pytest.mark.skipif(not spec.available(), reason=f"{spec.FOLDER_VARIABLE} names no folder with the published types")
def test_a_resource_or_version_that_is_not_published_is_noticed() -> None:
    assert spec.complaints("/jobs/name", "1999-01-01", {}) == ["there is no api-version 1999-01-01"]
    (found,) = spec.complaints("/codes/name/versions/1", "2023-04-01", {"pendingUploadKind": "x"}, "startPendingUpload")
    assert "pendingUploadKind is not in" in found
    assert spec.complaints("/jobz/name", VERSION, {}) == [f"there is no resource /jobz in {VERSION}"]
