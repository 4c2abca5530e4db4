"""Score and generate with an onnxruntime-genai folder, without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import onnxruntime_genai
from numpy.typing import NDArray
from tokenizers import Tokenizer

from .metrics import Tokens

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


def open_verified(folder: Path) -> GenaiModel:
    """The model of `folder`, once it has shown that it writes: a build that succeeded may do neither.

    ValueError says what to do.
    """
    try:
        model = GenaiModel(folder)
        # two tokens: the second goes through the cached past, where some kernels are missing
        written = list(model.generate([0], 2, stop_at_end=False))
    except Exception as error:  # genai raises RuntimeError, a damaged folder OSError, KeyError and others
        raise ValueError(
            f"The converted model does not run: {_first_line(error)}. "
            "Try another precision: int4 and fp32 run on every CPU, int4 and fp16 on every GPU."
        ) from error
    if len(written) < 2:
        raise ValueError("The converted model loads but writes nothing. Try another precision, such as int4.")
    return model


class OnnxTokenizer:
    """The tokenizer of a model folder, from tokenizer.json alone."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # a saved tokenizer remembers how it was last called
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def tokens(self, text: str) -> list[int]:
        """The token ids of `text`, with the tokenizer's begin token if it has one."""
        return list(self._tokenizer.encode(text).ids)

    def text(self, tokens: Tokens) -> str:
        """The text of token ids, without special tokens."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))


class OnnxScorer:
    """Scorer on the graph itself: genai gives the logits of the last position only."""

    def __init__(self, folder: Path, providers: Sequence[str] = ("CPUExecutionProvider",)) -> None:
        decoder = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))["model"]["decoder"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / decoder["filename"]), options, providers=list(providers)
        )
        self._names = {name: key for key, name in decoder["inputs"].items()}
        self._past_shape = (decoder["num_key_value_heads"], 0, decoder["head_size"])
        self._logits = decoder["outputs"]["logits"]
        self.tokens = OnnxTokenizer(folder).tokens

    def logits(self, batch: Sequence[Tokens], last: int) -> list[NDArray[np.float32]]:
        """Logits of the next token after the `last` positions of each sequence: float32 [positions, vocabulary]."""
        longest = max(map(len, batch))
        # padded on the right and not masked, as in torch_stage
        padded = np.array([[*tokens, *[0] * (longest - len(tokens))] for tokens in batch])
        logits = self._session.run([self._logits], self._feed(padded))[0]
        return [
            logits[row, max(0, len(tokens) - last) : len(tokens)].astype(np.float32) for row, tokens in enumerate(batch)
        ]

    def _feed(self, padded: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Inputs of the graph for token ids [batch, length]: everything visible, nothing past."""
        rows, length = padded.shape
        values = {
            "input_ids": padded,
            "attention_mask": np.ones_like(padded),
            "position_ids": np.tile(np.arange(length), (rows, 1)),
        }
        feed = {}
        for graph_input in self._session.get_inputs():
            value = values.get(self._names.get(graph_input.name, ""), np.zeros((rows, *self._past_shape)))
            feed[graph_input.name] = value.astype(DTYPES[graph_input.type])
        return feed


class GenaiModel:
    """Generator on onnxruntime-genai, as an application would use it."""

    def __init__(self, folder: Path) -> None:
        document = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
        config = onnxruntime_genai.Config(str(folder))
        if not _providers(document) <= {name.lower() for name in onnxruntime.get_available_providers()}:
            # built for a device that this machine lacks: the graph runs on the CPU too, only slower
            config.clear_providers()
        self._model = onnxruntime_genai.Model(config)
        self._context = int(document["model"]["context_length"])
        ends = document["model"]["eos_token_id"]
        self._ends = set(ends if isinstance(ends, list) else [ends])
        tokenizer = OnnxTokenizer(folder)
        self.tokens, self.text = tokenizer.tokens, tokenizer.text

    def generate(self, prompt: Tokens, new_tokens: int, *, stop_at_end: bool) -> Iterator[int]:
        """At most `new_tokens` tokens after `prompt`; the end token ends the iteration, or is passed over."""
        length = min(len(prompt) + new_tokens, self._context)
        parameters = onnxruntime_genai.GeneratorParams(self._model)
        parameters.set_search_options(do_sample=False, max_length=length, min_length=0 if stop_at_end else length)
        generator = onnxruntime_genai.Generator(self._model, parameters)
        generator.append_tokens(np.array(prompt, dtype=np.int32))
        for _ in range(length - len(prompt)):
            generator.generate_next_token()
            token = int(generator.get_next_tokens()[0])
            if token in self._ends:
                return
            yield token


def _providers(document: dict[str, Any]) -> set[str]:
    """The execution providers of a genai config, as onnxruntime names them but in lower case."""
    entries = document["model"]["decoder"].get("session_options", {}).get("provider_options", [])
    return {f"{name.lower()}executionprovider" for entry in entries for name in entry}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
