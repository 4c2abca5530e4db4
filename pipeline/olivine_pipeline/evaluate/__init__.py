"""Measure a model at every stage of a run, the same way each time: base, tuned, merged and ONNX.

`evaluate` works on two small protocols, `Scorer` and `Generator`. `torch_stage` implements them for a loaded
transformers model, `onnx_stage` runs them for an onnxruntime-genai folder in a process of its own. This module imports
neither torch nor onnxruntime.
"""

from __future__ import annotations

from .held_out import HeldOut, Sample, held_out
from .metrics import Generator, Scorer, StageMetrics, answers, evaluate
from .weights import size_bytes

__all__ = ["Generator", "HeldOut", "Sample", "Scorer", "StageMetrics", "answers", "evaluate", "held_out", "size_bytes"]
