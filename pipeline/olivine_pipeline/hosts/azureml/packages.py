"""The conda file of a job whose config names none: the Python and the packages of this machine, pinned."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRA = "pipeline"
_LEFT_OUT = frozenset({"olivine", "pygls", "lsprotocol", "cattrs"})
"""Olivine travels with the job; an editor is not served there."""
_SIGN_IN = "azure-identity"
"""With it the job reads the key vault."""
_CUDA = {"onnxruntime-genai": "onnxruntime-genai-cuda"}
"""Packages that are others where there is a GPU."""


def conda_file(*, gpu: bool) -> str:
    """The text of a conda environment file."""
    pins = sorted({_on(name, gpu): pin for name, pin in _pins()}.items())
    packages = [name + pin for name, pin in pins]
    python = f"python={sys.version_info[0]}.{sys.version_info[1]}"
    dependencies = [python, "pip", {"pip": [*packages, *_further(packages)]}]
    content = {"name": "olivine", "channels": ["conda-forge"], "dependencies": dependencies}
    return yaml.safe_dump(content, sort_keys=False)


def _on(name: str, gpu: bool) -> str:
    return _CUDA.get(name, name) if gpu else name


def _further(packages: list[str]) -> list[str]:
    named = any(re.match(rf"{_SIGN_IN}\b", package) for package in packages)
    return [] if named else [_SIGN_IN]


def _pins() -> Iterator[tuple[str, str]]:
    """Every package that Olivine's passes need, directly or not: the installed version, else what is asked for."""
    waiting = [*_requirements(distribution("olivine"), EXTRA), *map(Requirement, _other_owners())]
    seen = set(_LEFT_OUT)
    while waiting:
        requirement = waiting.pop(0)
        name = canonicalize_name(requirement.name)
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            yield name, str(requirement.specifier)
            continue
        yield name, f"=={found.version.partition('+')[0]}"  # 2.13.0+cpu is the build of this machine
        for extra in ("", *requirement.extras):
            waiting += _requirements(found, extra)


def _other_owners() -> list[str]:
    """The packages that add passes to Olivine's."""
    owners = [entry.dist.name for entry in entry_points(group="olivine.passes") if entry.dist]
    return [name for name in owners if canonicalize_name(name) != "olivine"]


def _requirements(found: Distribution, extra: str) -> list[Requirement]:
    requirements = map(Requirement, found.requires or [])
    return [one for one in requirements if not one.marker or one.marker.evaluate({"extra": extra})]
