"""`olivine chat`: talk to a model that a run made, as a person or, with `--json`, as a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from olivine_pipeline.cli import DONE, FAILED, REFUSED
from olivine_pipeline.talker import Messages, Sampling, Talker, load_talker


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="folder of a model, or the name of one fetched before"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="answer this and leave")
    parser.add_argument("--max-tokens", type=int, default=256, metavar="N", help="longest answer (default: 256)")
    parser.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0 takes the likeliest word (default)"
    )
    parser.add_argument("--raw", action="store_true", help="send the text as it is, without the chat template")
    parser.add_argument("--json", action="store_true", help="take requests and tell events, one JSON object a line")


def execute(args: argparse.Namespace) -> int:
    """Answer one prompt, or converse until the person leaves."""
    if args.json:
        from olivine_pipeline.chat_lines import serve

        serve(lambda: opened(args.model), Sampling(args.max_tokens, args.temperature))
    try:
        talker = opened(args.model)
    except NoTalker as error:
        print(f"olivine: {error}", file=sys.stderr)
        return error.code
    template = None if args.raw else talker.template
    sampling = Sampling(args.max_tokens, args.temperature)
    if args.prompt is not None:
        say(talker, template, sampling, [{"role": "user", "content": args.prompt}])
    else:
        converse(talker, template, sampling)
    return DONE


class NoTalker(Exception):
    """There is nothing to talk to; `str()` tells the person why, `code` a program."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def opened(model: Path) -> Talker:
    """The model at or below a folder, or fetched from the hub before, loaded. Raises NoTalker."""
    folder = find_model(model) or fetched(str(model))
    if folder is None:
        raise NoTalker(missing(model), REFUSED)
    try:
        return load_talker(folder)
    except ModuleNotFoundError as error:
        message = f"the package {error.name!r} is not installed; run: pip install 'olivine[pipeline]'"
        raise NoTalker(message, FAILED) from error
    except Exception as error:  # loaders raise whatever they like; the person needs to know which folder
        reason = str(error).strip().partition(chr(10))[0]
        raise NoTalker(f"{folder} cannot be loaded: {reason}", FAILED) from error


def fetched(name: str) -> Path | None:
    """Where a model of the hub lies on this machine; None where it does not."""
    if name.count("/") != 1 or name.startswith((".", "/")):
        return None
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, local_files_only=True))
    except (ImportError, OSError, ValueError):
        return None


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


def converse(talker: Talker, template: Callable[[Messages], str] | None, sampling: Sampling) -> None:
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
        messages.append({"role": "assistant", "content": say(talker, template, sampling, messages)})


def ask() -> str | None:
    """The next prompt, or None when there is none."""
    try:
        return input("> " if sys.stdin.isatty() else "")
    except (EOFError, KeyboardInterrupt):
        return None


def say(talker: Talker, template: Callable[[Messages], str] | None, sampling: Sampling, messages: Messages) -> str:
    """Print the answer to the last message as it comes, and return it."""
    prompt = template(messages) if template else messages[-1]["content"]
    answer = ""
    try:
        for piece in talker.answer(prompt, sampling):
            answer += piece
            print(piece, end="", flush=True)
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
    print()
    return answer
