"""Verify and measure an onnxruntime-genai folder in a process of its own, which a broken model can bring down.

`measure_onnx` is the parent's side, `work` the child's. The request holds `folder`, `held_out` and
`prompts`; the answers are `{"progress": [done, total]}`, then `{"metrics": …, "answers": […]}` or `{"error": "…"}`. The
child never imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cancel import Cancel
from ..child import Child, ChildFailed, Message, Say
from .held_out import HeldOut, Sample, spread
from .metrics import MAX_SAMPLES, MAX_TEXTS, OnProgress, Scorer, StageMetrics, answers, evaluate
from .weights import size_bytes


def measure_onnx(
    folder: Path,
    data: HeldOut,
    prompts: Sequence[str],
    *,
    on_progress: OnProgress = lambda done, total: None,
    cancel: Cancel | None = None,
) -> tuple[StageMetrics, list[str]]:
    """Load the model in a child process, measure it and let it answer `prompts`.

    Raises ValueError, in words for the person, if the model does not load or does not write a token; `Cancelled` once a
    stop is asked for. An exception that `on_progress` raises ends the child and goes on.
    """
    chosen = HeldOut(spread(data.texts, MAX_TEXTS), spread(data.samples, MAX_SAMPLES), data.labels)
    request = {"folder": str(folder.resolve()), "held_out": asdict(chosen), "prompts": list(prompts)}
    answer: Message = {}
    try:
        with Child("olivine_pipeline.evaluate.onnx_stage") as child:
            for answer in child.messages(request, cancel or Cancel()):
                if "progress" in answer:
                    on_progress(*answer["progress"])
    except ChildFailed as error:
        words = [f"The ONNX model ended its process (exit code {error.exit_code}).", *error.words[-1:]]
        raise ValueError(" ".join(words)) from error
    if "metrics" not in answer:
        raise ValueError(answer.get("error", "The ONNX model was not measured."))
    return StageMetrics(**answer["metrics"]), answer["answers"]


def _scorer(folder: Path) -> Scorer | None:
    """A scorer, or None for a graph that runs in genai only: a model that works is not lost for a missing number."""
    from .onnx_model import OnnxScorer

    try:
        scorer = OnnxScorer(folder)
        scorer.logits([[0, 0]], 1)
    except Exception as error:  # onnxruntime raises types of its own for kernels that this machine lacks
        print(f"Accuracy and perplexity were not measured: {error}", file=sys.stderr)
        return None
    return scorer


def work(request: Message, say: Say) -> None:
    """The child: the measurements, or what is wrong with the model."""
    from .onnx_model import open_verified

    folder = Path(request["folder"])
    held_out = request["held_out"]
    data = HeldOut(**{**held_out, "samples": [Sample(**sample) for sample in held_out["samples"]]})
    try:
        generator = open_verified(folder)
        metrics = evaluate(
            _scorer(folder),
            generator,
            data,
            size_bytes=size_bytes(folder),
            on_progress=lambda done, total: say({"progress": [done, total]}),
        )
        say({"metrics": asdict(metrics), "answers": answers(generator, request["prompts"])})
    except ValueError as error:
        say({"error": str(error)})
