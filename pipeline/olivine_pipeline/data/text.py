"""From a row to the text, or the input and output, that a model learns.

Microsoft Olive 0.13 decides how texts are made (corpus), and Olive 0.6 for pairs, which later releases dropped. Kept on
purpose: special tokens are set off by a space, columns are joined by a space. Not kept: a missing special token or
null becomes nothing there, not the word "None".
"""

from __future__ import annotations

import importlib.util
import re
import string
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from olivine_pipeline.errors import RunError
from olivine_schemas.language.data import DataConfig, TextGeneration

from .files import find_script, invalid_settings
from .load import require_columns

Row = dict[str, Any]
Formatter = Callable[[Row], str]
PairFormatter = Callable[[Row], "tuple[str, str]"]

_ALPACA = (
    "Below is an instruction that describes a task{context}. Write a response that appropriately completes the "
    "request.\n\n### Instruction:\n{instruction}\n\n{input}### Response: "
)
_ALPACA_CONTEXT = ", paired with an input that provides further context"


def text_settings(config: DataConfig) -> TextGeneration:
    """Typed preprocessing parameters; RunError where the component is not the one for text generation."""
    component = config.pre_process_data_config
    if component.type not in (None, "text_generation_huggingface_pre_process"):
        raise RunError(
            "unsupported-data-component",
            f'Data config "{config.name}" prepares text with {component.type}, which Olivine does not run.',
            "Use text_generation_huggingface_pre_process.",
        )
    # Other keys (model_name, user_script, trust_remote_code) are for others, and the check has spoken of unknown ones.
    known = {key: value for key, value in component.params.items() if key in TextGeneration.model_fields}
    try:
        return TextGeneration.model_validate(known)
    except ValidationError as error:
        raise invalid_settings(config.name, "pre_process_data_config", error) from error


def corpus_formatter(config: DataConfig, columns: list[str], tokenizer: Any, base: Path) -> Formatter:
    """Function from a row to its text, special tokens included. RunError for columns that are not there."""
    settings = text_settings(config)
    if settings.chat_template:
        return _chat_formatter(settings, columns, tokenizer)
    text = _formatter(
        config, columns, base, "text", settings.text_formatting_func, settings.text_template, settings.text_cols
    )
    if not settings.add_special_tokens:
        return text
    begin, end = _begin(tokenizer), _end(tokenizer)
    return lambda row: f"{begin}{text(row)}{end}"


def pair_formatter(config: DataConfig, columns: list[str], tokenizer: Any, base: Path) -> PairFormatter:
    """Function from a row to its input and output texts, special tokens included."""
    settings = text_settings(config)
    pair = _pair_layout(config, settings, columns, base)
    if not settings.add_special_tokens:
        return pair
    begin, end = _begin(tokenizer), _end(tokenizer)

    def with_special_tokens(row: Row) -> tuple[str, str]:
        source, target = pair(row)
        return f"{begin}{source}", f"{target}{end}"

    return with_special_tokens


def _begin(tokenizer: Any) -> str:
    return f"{tokenizer.bos_token} " if tokenizer.bos_token else ""


def _end(tokenizer: Any) -> str:
    return f" {tokenizer.eos_token}" if tokenizer.eos_token else ""


def _chat_formatter(settings: TextGeneration, columns: list[str], tokenizer: Any) -> Formatter:
    require_columns([settings.message_col], columns, "message_col")
    template = settings.chat_template if isinstance(settings.chat_template, str) else None
    if template is None and not tokenizer.chat_template:
        raise RunError(
            "no-chat-template",
            "chat_template is true, but the model's tokenizer has no chat template.",
            "Give the template itself as a string.",
        )
    return lambda row: str(
        tokenizer.apply_chat_template(row[settings.message_col], tokenize=False, chat_template=template)
    )


def _formatter(
    config: DataConfig,
    columns: list[str],
    base: Path,
    prefix: str,
    function: str | None,
    template: str | None,
    names: Iterable[str | None],
) -> Formatter:
    """By Olive's order: function, then template, then columns."""
    if function:
        return _script_function(config, base, f"{prefix}_formatting_func", function)
    if template is not None:
        require_columns(_template_columns(template, f"{prefix}_template"), columns, f"{prefix}_template")
        return lambda row: template.format_map(_without_nulls(row))
    wanted = [name for name in names if name]
    if not wanted:
        raise RunError("no-text", f"Nothing says what the {prefix} is.", f"Set {prefix}_template.")
    require_columns(wanted, columns, f"{prefix}_cols" if prefix == "text" else f"{prefix}_col")
    return lambda row: " ".join(_text(row[name]) for name in wanted)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _without_nulls(row: Row) -> Row:
    return {name: "" if value is None else value for name, value in row.items()}


def _template_columns(template: str, where: str) -> list[str]:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise RunError("bad-template", f"{where}: {error}.", "Write { as {{ where it is meant literally.") from error
    columns = [re.split(r"[.\[]", field)[0] for field in fields]
    if any(not column or column.isdigit() for column in columns):
        raise RunError("bad-template", f"{where}: a placeholder names no column.", "Write {column}.")
    return columns


def _pair_layout(config: DataConfig, settings: TextGeneration, columns: list[str], base: Path) -> PairFormatter:
    layout, where = settings.pair_format, f"pair_format {settings.pair_format}"
    if layout == "custom":
        source = _formatter(
            config, columns, base, "input",
            settings.input_formatting_func, settings.input_template, [settings.input_col],
        )  # fmt: skip
        target = _formatter(
            config, columns, base, "output",
            settings.output_formatting_func, settings.output_template, [settings.output_col],
        )  # fmt: skip
        return lambda row: (source(row), target(row))
    if layout == "alpaca":
        require_columns(["instruction", "output"], columns, where)
        return lambda row: (_alpaca_prompt(row), _text(row["output"]))
    if layout == "chip2":
        require_columns(["text"], columns, where)
        return _chip2_pair
    names = ("prompt", "completion") if layout == "self_instruct" else ("input", "output")
    require_columns(names, columns, where)
    return lambda row: (_text(row[names[0]]), _text(row[names[1]]))


def _alpaca_prompt(row: Row) -> str:
    given = _text(row.get("input"))
    return _ALPACA.format(
        context=_ALPACA_CONTEXT if given else "",
        instruction=_text(row["instruction"]),
        input=f"### Input:\n{given}\n\n" if given else "",
    )


def _chip2_pair(row: Row) -> tuple[str, str]:
    source, bot, target = _text(row["text"]).partition("\n<bot>: ")
    if not bot:
        raise ValueError('the text has no line that begins with "<bot>: "')
    return source.replace("<human>: ", ""), target.partition("\n<bot>: ")[0]


def _script_function(config: DataConfig, base: Path, setting: str, name: str) -> Formatter:
    """The function `name` of the user script. Its script_dir stays importable, as the function may import late."""
    script, folder = find_script(config, base)
    if not script:
        raise RunError("no-user-script", f'{setting} names "{name}", but there is no user_script.', "Set user_script.")
    if folder and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"olivine_user_script_{script.stem}", script)
    if not spec or not spec.loader:
        raise RunError("bad-user-script", f"user_script {script.name} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RunError("bad-user-script", f"{script.name} fails: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        callables = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        near = get_close_matches(name, callables, 1) or callables
        raise RunError(
            "unknown-function", f'{script.name} has no function "{name}".', f"It has: {', '.join(near) or 'none'}."
        )
    return lambda row: _checked(name, function(row))


def _checked(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} returned {type(text).__name__}, not a string")
    return text
