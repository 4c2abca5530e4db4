"""MergeAdapterWeights: fold an adapter into its base and save a full-precision model."""

from __future__ import annotations

from typing import Any

from olivine_schemas.language.passes import MergeAdapterWeightsParameters

from .base import Job, PassType


def _run(job: Job) -> dict[str, Any]:
    from ..merging import merge

    return merge(job)


MERGE_ADAPTER_WEIGHTS = PassType(
    name="MergeAdapterWeights",
    parameters=MergeAdapterWeightsParameters,
    accepts=frozenset({"adapter"}),
    yields="transformers",
    run=_run,
    modules=("olivine_pipeline.merging",),
    packages=("torch", "transformers", "peft"),
)
