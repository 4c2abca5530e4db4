"""`olivine chat`: talk to a model that a run made."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from olivine_pipeline.cli import DONE, FAILED, REFUSED

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Talker:
    """A loaded model: `answer` streams what follows a prompt, `template` makes a prompt of a conversation if it can."""

    name: str
    answer: Callable[[str], Iterator[str]]
    template: Callable[[Messages], str] | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="folder of a model")
    parser.add_argument("--prompt", metavar="TEXT", help="answer this and leave")
    parser.add_argument("--max-tokens", type=int, default=256, metavar="N", help="longest answer (default: 256)")
    parser.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0 takes the likeliest word (default)"
    )
    parser.add_argument("--raw", action="store_true", help="send the text as it is, without the chat template")


def execute(args: argparse.Namespace) -> int:
    """Answer one prompt, or converse until the person leaves."""
    folder = find_model(args.model)
    if folder is None:
        print(f"olivine: {missing(args.model)}", file=sys.stderr)
        return REFUSED
    load = genai_talker if (folder / "genai_config.json").exists() else transformers_talker
    try:
        talker = load(folder, args.max_tokens, args.temperature)
    except ModuleNotFoundError as error:
        print(
            f"olivine: the package {error.name!r} is not installed; run: pip install 'olivine[pipeline]'",
            file=sys.stderr,
        )
        return FAILED
    except Exception as error:  # loaders raise whatever they like; the person needs to know which folder
        print(f"olivine: {folder} cannot be loaded: {str(error).strip().partition(chr(10))[0]}", file=sys.stderr)
        return FAILED
    template = None if args.raw else talker.template
    if args.prompt is not None:
        say(talker, template, [{"role": "user", "content": args.prompt}])
    else:
        converse(talker, template)
    return DONE


def find_model(path: Path) -> Path | None:
    """The folder of the model at or below `path`: ONNX before transformers, the newest of several."""
    for name in ("genai_config.json", "config.json", "adapter_config.json"):
        if (path / name).is_file():
            return path
    for name in ("genai_config.json", "config.json"):
        below = [p for p in path.rglob(name) if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        if below:
            return max(below, key=lambda file: file.stat().st_mtime).parent
    return None


def missing(path: Path) -> str:
    """Why there is no model to talk to."""
    if not path.exists():
        return f"{path}: there is no such folder"
    return f"{path} holds no model: no genai_config.json (ONNX) and no config.json (transformers) is in it or below it"


def converse(talker: Talker, template: Callable[[Messages], str] | None) -> None:
    """Take prompts from the person and answer each; an interrupt stops an answer, the end of input the conversation."""
    if sys.stdin.isatty():
        kind = "with its chat template" if template else "as plain text"
        print(f"{talker.name}, {kind}. Ctrl+C stops an answer, Ctrl+D leaves.", file=sys.stderr)
    messages: Messages = []
    while (prompt := ask()) is not None:
        if not prompt.strip():
            continue
        # Without a template the model knows no turns: each prompt stands for itself.
        messages = [*(messages if template else []), {"role": "user", "content": prompt}]
        messages.append({"role": "assistant", "content": say(talker, template, messages)})


def ask() -> str | None:
    """The next prompt, or None when there is none."""
    try:
        return input("> " if sys.stdin.isatty() else "")
    except (EOFError, KeyboardInterrupt):
        return None


def say(talker: Talker, template: Callable[[Messages], str] | None, messages: Messages) -> str:
    """Print the answer to the last message as it comes, and return it."""
    prompt = template(messages) if template else messages[-1]["content"]
    answer = ""
    try:
        for piece in talker.answer(prompt):
            answer += piece
            print(piece, end="", flush=True)
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
    print()
    return answer


def genai_talker(folder: Path, max_tokens: int, temperature: float) -> Talker:
    """A model for onnxruntime-genai."""
    import onnxruntime_genai as og

    model = load_genai(og, folder)
    tokenizer = og.Tokenizer(model)

    def answer(prompt: str) -> Iterator[str]:
        tokens = tokenizer.encode(prompt)
        options: dict[str, Any] = {"max_length": len(tokens) + max_tokens, "do_sample": temperature > 0}
        if temperature > 0:
            options["temperature"] = temperature
        parameters = og.GeneratorParams(model)
        parameters.set_search_options(**options)
        generator, stream = og.Generator(model, parameters), tokenizer.create_stream()
        generator.append_tokens(tokens)
        while not generator.is_done():
            generator.generate_next_token()
            yield stream.decode(generator.get_next_tokens()[0])

    def template(messages: Messages) -> str:
        return str(tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True))

    return Talker(folder.name, answer, template if has_chat_template(folder) else None)


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


def transformers_talker(folder: Path, max_tokens: int, temperature: float) -> Talker:
    """A transformers model, or an adapter on its base."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer, logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, device_map="cuda" if torch.cuda.is_available() else "cpu")

    def answer(prompt: str) -> Iterator[str]:
        inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=tokenizer.chat_template is None).to(
            model.device
        )
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        stop, errors = threading.Event(), []

        def generate() -> None:
            criteria = [lambda *_, **__: stop.is_set()]
            try:
                model.generate(
                    **inputs, **sampling, streamer=streamer, max_new_tokens=max_tokens, stopping_criteria=criteria
                )
            except Exception as error:  # the streamer would wait for ever
                errors.append(error)
                streamer.end()

        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        try:
            yield from streamer
        finally:
            stop.set()
            thread.join()  # Python cannot end cleanly while native code still runs in it
        if errors:
            raise errors[0]

    def template(messages: Messages) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    return Talker(folder.name, answer, template if tokenizer.chat_template else None)
