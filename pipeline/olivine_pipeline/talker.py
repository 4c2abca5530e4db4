"""Models to talk to: an ONNX model by onnxruntime-genai, any other by transformers."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Sampling:
    """How an answer is made: its longest length in tokens, and how daring it is; 0 takes the likeliest token."""

    max_tokens: int = 256
    temperature: float = 0.0


@dataclass(frozen=True)
class Talker:
    """A loaded model.

    `answer` streams what follows a prompt, one piece a token; a piece is empty where a letter takes several tokens.
    Closing the stream stops the work. `template` makes a prompt of a conversation, if the model can.
    """

    name: str
    kind: str
    answer: Callable[[str, Sampling], Generator[str, None, None]]
    template: Callable[[Messages], str] | None


def load_talker(folder: Path) -> Talker:
    """The model of a folder. Raises whatever its loader does."""
    return (genai_talker if (folder / "genai_config.json").exists() else transformers_talker)(folder)


def genai_talker(folder: Path) -> Talker:
    """A model for onnxruntime-genai."""
    import onnxruntime_genai as og

    model = load_genai(og, folder)
    tokenizer = og.Tokenizer(model)

    def answer(prompt: str, sampling: Sampling) -> Generator[str, None, None]:
        tokens = tokenizer.encode(prompt)
        options: dict[str, Any] = {"max_length": len(tokens) + sampling.max_tokens, "do_sample": False}
        if sampling.temperature > 0:
            options |= {"do_sample": True, "temperature": sampling.temperature}
        parameters = og.GeneratorParams(model)
        parameters.set_search_options(**options)
        generator, stream = og.Generator(model, parameters), tokenizer.create_stream()
        generator.append_tokens(tokens)
        while not generator.is_done():
            generator.generate_next_token()
            yield stream.decode(generator.get_next_tokens()[0])

    def template(messages: Messages) -> str:
        return str(tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True))

    return Talker(folder.name, "onnx", answer, template if has_chat_template(folder) else None)


def load_genai(og: Any, folder: Path) -> Any:
    """The model on the device it is built for, or where that is not here, on the CPU."""
    try:
        return og.Model(str(folder))
    except Exception:
        config = og.Config(str(folder))
        config.clear_providers()
        model = og.Model(config)
        print("The device that this model is built for is not here; it runs on the CPU.", file=sys.stderr)
        return model


def has_chat_template(folder: Path) -> bool:
    """Whether a tokenizer's files bring a chat template."""
    if (folder / "chat_template.jinja").exists():
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def transformers_talker(folder: Path) -> Talker:
    """A transformers model, or an adapter on its base."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, device_map="cuda" if torch.cuda.is_available() else "cpu")

    def answer(prompt: str, sampling: Sampling) -> Generator[str, None, None]:
        inputs: Any = tokenizer(prompt, return_tensors="pt", add_special_tokens=tokenizer.chat_template is None)
        sample = {"do_sample": True, "temperature": sampling.temperature} if sampling.temperature > 0 else {}
        options = {"do_sample": False, **sample, "max_new_tokens": sampling.max_tokens}
        with _Tokens(model, inputs.to(model.device), options) as tokens:
            yield from _pieces(tokenizer, tokens)

    def template(messages: Messages) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    return Talker(folder.name, "transformers", answer, template if tokenizer.chat_template else None)


class _Tokens:
    """The tokens that a transformers model generates, from a thread of their own; leaving the block ends it."""

    def __init__(self, model: Any, inputs: Any, options: dict[str, Any]) -> None:
        settings = {**inputs, **options, "streamer": self, "stopping_criteria": [self._stopped]}
        self._generate: Callable[[], Any] = lambda: model.generate(**settings)
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._prompt_seen = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Iterator[int]:
        self._thread.start()
        return iter(self._queue.get, None)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()  # Python cannot end cleanly while native code still runs in it
        if self._error:
            raise self._error

    def put(self, tokens: Any) -> None:
        """Take what was generated; transformers gives the prompt first."""
        if self._prompt_seen:
            for token in tokens.tolist():
                self._queue.put(token)
        self._prompt_seen = True

    def end(self) -> None:
        """There are no more."""
        self._queue.put(None)

    def _stopped(self, *_: Any, **__: Any) -> bool:
        return self._stop.is_set()

    def _work(self) -> None:
        try:
            self._generate()
        except Exception as error:  # raised where the tokens are read
            self._error = error
            self.end()


def _pieces(tokenizer: Any, tokens: Iterator[int]) -> Iterator[str]:
    """What each token adds to the text; what is no whole letter yet waits for the next."""
    ids: list[int] = []
    told = ""
    for token in tokens:
        ids.append(token)
        text = tokenizer.decode(ids, skip_special_tokens=True)
        whole = text.rstrip("\ufffd")
        yield whole[len(told) :] if whole.startswith(told) else ""
        told = whole if whole.startswith(told) else told
