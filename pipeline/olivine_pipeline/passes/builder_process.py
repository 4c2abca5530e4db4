"""The child process that runs onnxruntime-genai's model builder.

The builder changes `sys.path`, imports modules by common names and configures the root logger, so it gets a process
of its own.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

from ..child import Say

_LAYER = re.compile(r"Reading layer (\d+)")
_QUANTIZER = "onnxruntime.quantization.matmul_nbits_quantizer"


class _Progress(logging.Handler):
    """Turns what the builder prints and logs into messages."""

    def __init__(self, say: Say, layers: int) -> None:
        super().__init__()
        self._say = say
        self._layers = layers
        self._quantized = 0

    def write(self, text: str) -> int:
        if found := _LAYER.search(text):
            self.tell("reading layers", int(found[1]) + 1, self._layers, "layer")
        elif "Saving ONNX model" in text:
            self.tell("saving", 0, 0, "byte")
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("start to quantize"):
            self._quantized += 1
            self.tell("quantizing", self._quantized, 0, "matrix")

    def tell(self, doing: str, done: int, total: int, unit: str) -> None:
        self._say({"doing": doing, "done": done, "total": total, "unit": unit})


def work(request: dict[str, Any], say: Say) -> None:
    """Build the model that the request names into its `out` folder."""
    # The builder writes the commit of a repository around it into the model: the same build would give another file.
    os.environ["GIT_DIR"] = os.devnull
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    options = {**request["options"], "hf_remote": "true" if request["trust_remote_code"] else "false"}
    source = Path(request["model"])
    name, folder = (None, str(source)) if source.is_dir() else (request["model"], "")
    place = (name, folder, request["out"], request["precision"], request["provider"], request["cache"])
    extra = parse_extra_options(*place, [f"{key}={value}" for key, value in options.items()])
    progress = _Progress(say, int(getattr(extra["hf_details"]["hf_config"], "num_hidden_layers", 0)))
    quantizer = logging.getLogger(_QUANTIZER)
    quantizer.setLevel(logging.INFO)
    quantizer.propagate = False
    quantizer.addHandler(progress)
    sys.stdout = progress
    create_model(*place, **extra)
