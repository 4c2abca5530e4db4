"""Verify and measure an onnxruntime-genai folder in a process of its own, which a broken model can bring down.

`measure_onnx` is the parent's side, `python -m olivine_pipeline.evaluate.onnx_stage FOLDER REQUEST.json` the child's.
The request holds `held_out`, `prompts`, `max_rows` and `max_texts`; the child writes one JSON object a line:
`{"progress": [done, total]}`, then `{"metrics": …, "answers": […]}` or `{"error": "…"}`. The child never imports torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from .held_out import HeldOut, Sample, spread
from .metrics import OnProgress, Scorer, StageMetrics, answers, evaluate
from .weights import size_bytes


def measure_onnx(
    folder: Path,
    data: HeldOut,
    prompts: Sequence[str],
    *,
    max_rows: int = 128,
    max_texts: int = 64,
    on_progress: OnProgress = lambda done, total: None,
) -> tuple[StageMetrics, list[str]]:
    """Load the model in a child process, measure it and let it answer `prompts`.

    Raises ValueError, in words for the person, if the model does not load or does not write a token. An exception that
    `on_progress` raises ends the child and goes on.
    """
    chosen = HeldOut(spread(data.texts, max_texts), spread(data.samples, max_rows), data.labels)
    request = {"held_out": asdict(chosen), "prompts": list(prompts), "max_rows": max_rows, "max_texts": max_texts}
    with tempfile.TemporaryDirectory() as scratch:
        file, errors = Path(scratch, "request.json"), Path(scratch, "errors.txt")
        file.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", "olivine_pipeline.evaluate.onnx_stage", str(folder.resolve()), str(file)]
        # -m puts the working folder on the import path: the person's own may shadow a library
        with (
            errors.open("wb") as stderr,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=scratch) as child,
        ):
            try:
                answer = _follow(child, on_progress)
            except BaseException:
                child.kill()
                raise
        if "metrics" in answer:
            return StageMetrics(**answer["metrics"]), answer["answers"]
        last_words = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise ValueError(
        answer.get("error")
        or " ".join([f"The ONNX model ended its process (exit code {child.returncode}).", *last_words])
    )


def _follow(child: subprocess.Popen[bytes], on_progress: OnProgress) -> dict[str, Any]:
    """The child's last word; what is not JSON is the chatter of a library."""
    answer: dict[str, Any] = {}
    for line in child.stdout or ():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if "progress" in answer:
            on_progress(*answer["progress"])
    return answer


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


def main(folder: Path, request: dict[str, Any], out: TextIO) -> int:
    """The child: 0 and the measurements, or 1 and what is wrong with the model."""
    from .onnx_model import open_verified

    def say(**message: Any) -> None:
        print(json.dumps(message), file=out, flush=True)

    try:
        generator = open_verified(folder)
        data = HeldOut(**{**request["held_out"], "samples": [Sample(**s) for s in request["held_out"]["samples"]]})
        limits = {"max_rows": request["max_rows"], "max_texts": request["max_texts"]}
        metrics = evaluate(
            _scorer(folder),
            generator,
            data,
            size_bytes=size_bytes(folder),
            on_progress=lambda done, total: say(progress=[done, total]),
            **limits,
        )
        say(metrics=asdict(metrics), answers=answers(generator, request["prompts"]))
    except ValueError as error:
        say(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    # native libraries may print to descriptor 1; the messages keep it for themselves
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.exit(main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")), messages))
