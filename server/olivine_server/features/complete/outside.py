"""Values that come from outside the text: files, columns of the data, layers of the model, execution providers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from olivine_schemas.problems import Edit, Span
from olivine_schemas.rules.columns import dataset
from olivine_schemas.rules.model import input_model
from olivine_schemas.rules.reading import LOCAL_LOADERS, promised_splits
from olivine_schemas.rules.systems import DEVICES
from olivine_schemas.tree import Object, Scalar, child, text_of

from .items import Completion, Kind
from .request import Request

COLUMN_KEYS = frozenset({"text_cols", "message_col", "input_col", "output_col", "input_cols", "label_col"})
MODULE_KEYS = frozenset({"target_modules", "modules_to_save"})
FOLDERS = frozenset({"data_dir", "script_dir", "build_context_path", "python_environment_path", "adapter_path"})
SUFFIXES: dict[str, tuple[str, ...]] = {
    "data_files": (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".txt"),
    "user_script": (".py",),
    "model_script": (".py",),
    "conda_file_path": (".yaml", ".yml"),
    "aml_config_path": (".json",),
    "model_path": (".onnx",),
    "dockerfile": (),
    **dict.fromkeys(FOLDERS, ("/",)),
}
"""Keys whose value is a path, and how the names end that are offered; any name where nothing is said."""
LISTED = {"aml_compute": "computes", "datastores": "datastores", "datastore_name": "datastores"}
"""Keys whose value names something of the workspace at Azure ML."""
LOADER_SUFFIXES = {"json": (".json", ".jsonl"), "csv": (".csv", ".tsv"), "parquet": (".parquet",), "text": (".txt",)}
_FIELD = re.compile(r"(?<!\{)(?:\{\{)*\{([^{}\"]*)\Z")
_FIELD_NAME = re.compile(r"[^{}.\[\]!:\"\\]+")


def offers(request: Request) -> list[tuple[str, Kind, str]]:
    """What is known of the value of the key at the cursor: text, kind, and what it is in a few words."""
    key = next((step for step in reversed(request.cursor.path) if isinstance(step, str)), "")
    if key == "execution_providers":
        return [(name, Kind.VALUE, "drives " + " or ".join(DEVICES[name])) for name in _providers(request)]
    if key in COLUMN_KEYS:
        return [(name, Kind.COLUMN, "column of the data") for name in columns(request)]
    if key == "text_template":
        fields = [f"{{{name}}}" for name in columns(request) if _FIELD_NAME.fullmatch(name)]
        return [(" ".join(fields), Kind.COLUMN, "all columns of the data")] if fields else []
    if key in MODULE_KEYS:
        return [(name, Kind.MODULE, f"{count} in the model") for name, count in _modules(request)]
    if key == "data_name":
        return [(name, Kind.VALUE, "files of your own") for name in sorted(LOCAL_LOADERS)]
    if key == "split":
        return [(name, Kind.VALUE, "") for name in _splits(request)]
    if key == "pass_flows":
        written = child(request.document.tree, "passes")
        names = [member.name for member in written.members] if isinstance(written, Object) else []
        return [(name, Kind.REFERENCE, "passes") for name in names]
    if key in LISTED or (key == "name" and "aml_environment_config" in request.cursor.path):
        items = request.listed(LISTED.get(key, "environments"))
        return [(str(one["name"]), Kind.REFERENCE, str(one.get("detail", ""))) for one in items]
    if key in SUFFIXES or (key == "path" and "config" in request.cursor.path):
        return list(_paths(request, key))
    return []


def template(request: Request, node: Scalar) -> list[Completion]:
    """The columns of the data, where the cursor is in the braces of a template."""
    start = node.span.start + 1
    written = _FIELD.search(request.text, start, request.offset)
    if written is None:
        return []
    rest = re.compile(r"[^{}\"\\\s]*").match(request.text, request.offset)
    end = rest.end() if rest else request.offset
    close = "" if request.text.startswith("}", end) else "}"
    span = Span(written.start(1), end)
    names = [name for name in columns(request) if _FIELD_NAME.fullmatch(name)]
    return [
        Completion(name, Kind.COLUMN, Edit(span, name + close), name, f"{rank:04}", "column of the data")
        for rank, name in enumerate(names)
    ]


def columns(request: Request) -> list[str]:
    """The columns of the data around the cursor: those on disk, else those that `text_cols` names."""
    data = request.data
    if data is None or request.context is None:
        return []
    facts = dataset(request.context, data)
    if facts is not None and facts.columns:
        return list(facts.columns)
    named = data.text.get("text_cols")
    items = [text_of(item) for item in getattr(named, "items", [])]
    return [name for name in items if name]


def _providers(request: Request) -> Iterator[str]:
    """The providers that fit the device beside them; those of this machine first."""
    depth = max(index for index, step in enumerate(request.cursor.path) if step == "execution_providers")
    accelerator = child(request.document.tree, *request.cursor.path[:depth])
    device = (text_of(child(accelerator, "device")) or "").lower() if isinstance(accelerator, Object) else ""
    devices = request.facts.devices()
    here = (devices.providers if devices else None) or frozenset()
    fitting = [name for name, drives in DEVICES.items() if device not in ("cpu", "gpu", "npu") or device in drives]
    yield from sorted(fitting, key=lambda name: name not in here)


def _modules(request: Request) -> list[tuple[str, int]]:
    """The last parts of the names of the model's layers, with how many layers each fits; most first."""
    model = input_model(request.context) if request.context else None
    counts: dict[str, int] = {}
    for layer in sorted(model.layers) if model else ():
        name = layer.rsplit(".", 1)[-1]
        if not name.isdigit():
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _splits(request: Request) -> Iterable[str]:
    return (promised_splits(request.data) if request.data else []) or ("train", "validation", "test")


def _paths(request: Request, key: str) -> Iterator[tuple[str, Kind, str]]:
    node = child(request.document.tree, *request.cursor.path)
    before = ""
    if isinstance(node, Scalar) and isinstance(node.value, str) and request.cursor.span:
        typed = request.text[request.cursor.span.start : request.offset]
        before = _unquoted(typed)
    folder = before[: before.rfind("/") + 1]
    if key == "model_path" and "input_model" in request.cursor.path:
        yield from ((name, Kind.VALUE, "hub model, downloaded") for name in request.facts.hub_models() or ())
    suffixes = SUFFIXES.get(key, ())
    if key == "data_files" and request.data and request.data.loader:
        suffixes = LOADER_SUFFIXES[request.data.loader]
    for name in request.facts.entries(folder) or ():
        if name.endswith("/"):
            yield folder + (name[:-1] if key in FOLDERS or key == "model_path" else name), Kind.FOLDER, "folder"
        elif not suffixes or name.lower().endswith(suffixes):
            yield folder + name, Kind.FILE, "file"


def _unquoted(typed: str) -> str:
    """The beginning of a JSON string, quote included, as text."""
    try:
        text = json.loads('"' + typed.lstrip('"') + '"')
    except ValueError:
        return ""
    return str(text)
