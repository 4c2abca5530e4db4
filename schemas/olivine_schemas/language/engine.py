"""`engine`: how and where the workflow runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import EvaluatorName, Model, StringList, SystemName
from .evaluators import Evaluator
from .systems import System


class Engine(Model):
    """Engine settings; in today's form they may stand at top level."""

    host: SystemName | System | None = None
    """System that runs the passes; this machine by default."""
    target: SystemName | System | None = None
    """System that the result is built for; the host's by default."""
    evaluator: EvaluatorName | Evaluator | None = None
    """Evaluator of the results."""
    evaluate_input_model: bool = True
    """Measure the input model too."""
    search_strategy: bool | dict[str, Any] | None = None
    """How to choose among alternatives; false runs the passes as written."""
    output_dir: str = "models"
    """Folder that the results appear in."""
    output_name: str | None = None
    """Prefix of the result's folder."""
    packaging_config: dict[str, Any] | list[dict[str, Any]] | None = None
    """How the result is packaged."""
    cache_dir: StringList = [".olive-cache"]
    """Folder of the artifact store."""
    cache_config: dict[str, Any] | None = None
    """The cache settings in one block; they win over the single ones."""
    enable_shared_cache: bool = False
    """Share the cache through Azure blob storage; Olivine keeps it on this machine."""
    clean_cache: bool = False
    """Empty this workflow's cache first."""
    clean_evaluation_cache: bool = False
    """Measure again."""
    log_severity_level: Annotated[int, Field(ge=0, le=4)] = 1
    """0 debug, 1 info, 2 warning, 3 error, 4 critical."""
    ort_log_severity_level: Annotated[int, Field(ge=0, le=4)] = 3
    """The same for ONNX Runtime."""
    ort_py_log_severity_level: Annotated[int, Field(ge=0, le=4)] = 3
    """The same for ONNX Runtime's Python side."""
    log_to_file: bool = False
    """Keep the log in a file too."""
    plot_pareto_frontier: bool = False
    """Draw the search's results."""
    no_artifacts: bool = False
    """Measure only; keep no models in `output_dir`."""
    pass_flows: list[list[str]] | None = None
    """Alternative orders of the passes, of the 2024 form; one flow is simply the order."""
