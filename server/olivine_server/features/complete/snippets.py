"""Whole configs, passes, systems and data configs, written in today's form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from olivine_schemas.edits import indent_unit, line_end
from olivine_schemas.problems import Edit, Span
from olivine_schemas.tree import Missing, Node, Object, Path, Scalar, text_of

from ..azure import GPU_IMAGE
from .items import Completion, Kind, Slot, render, render_members
from .place import Place
from .request import Request

ANY = 0
"""Any item of a list, in a path."""
DTYPES = ("bfloat16", "float32", "float16")
PRECISIONS = ("int4", "int8", "fp16", "bf16", "fp32")
MODEL = {"type": "HfModel", "model_path": Slot("model")}
TRAINING = {
    "per_device_train_batch_size": Slot(1),
    "gradient_accumulation_steps": Slot(4),
    "learning_rate": Slot(0.0002),
    "num_train_epochs": Slot(1),
}
LORA = {
    "type": "LoRA",
    "train_data_config": Slot("train_data"),
    "r": Slot(16),
    "alpha": Slot(32),
    "torch_dtype": Slot("bfloat16", DTYPES),
    "training_args": TRAINING,
}
QLORA = {**LORA, "type": "QLoRA", "quant_type": "nf4", "double_quant": True}
MERGE = {"type": "MergeAdapterWeights"}
BUILDER = {"type": "ModelBuilder", "precision": Slot("int4", PRECISIONS)}
DATA = {
    "name": Slot("train_data"),
    "type": "HuggingfaceContainer",
    "load_dataset_config": {
        "data_name": Slot("json", ("json", "csv", "parquet", "text")),
        "data_files": Slot("data/train.json"),
        "split": "train",
    },
    "pre_process_data_config": {
        "type": "text_generation_huggingface_pre_process",
        "text_cols": [Slot("text")],
        "strategy": Slot("line-by-line", ("line-by-line", "join")),
        "max_seq_len": Slot(1024),
    },
}
CHAT_DATA = {
    **DATA,
    "pre_process_data_config": {
        "type": "text_generation_huggingface_pre_process",
        "chat_template": True,
        "message_col": Slot("messages"),
        "strategy": "line-by-line",
        "max_seq_len": Slot(1024),
    },
}
CPU = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
CUDA = {"device": "gpu", "execution_providers": ["CUDAExecutionProvider"]}
NPU = {"device": "npu", "execution_providers": ["QNNExecutionProvider"]}
LOCAL_CPU: dict[str, Any] = {"type": "LocalSystem", "accelerators": [CPU]}
LOCAL_CUDA: dict[str, Any] = {"type": "LocalSystem", "accelerators": [CUDA]}
AZURE_ML = {
    "type": "AzureML",
    "aml_compute": Slot("gpu-cluster"),
    "accelerators": [CUDA],
    "aml_docker_config": {
        "base_image": Slot(GPU_IMAGE),
        "conda_file_path": Slot("conda.yaml"),
    },
}
CLIENT = {
    "subscription_id": Slot("subscription"),
    "resource_group": Slot("resource-group"),
    "workspace_name": Slot("workspace"),
}
ACCURACY = {
    "name": Slot("accuracy"),
    "type": "accuracy",
    "data_config": Slot("eval_data"),
    "sub_types": [{"name": "accuracy_score", "higher_is_better": True}],
}
PERPLEXITY = {
    "name": Slot("perplexity"),
    "type": "accuracy",
    "data_config": Slot("eval_data"),
    "sub_types": [{"name": "perplexity", "higher_is_better": False}],
}
LATENCY = {"name": Slot("latency"), "type": "latency", "sub_types": [{"name": "avg"}]}

Snippet = tuple[str, str, Any]
"""Name, what it is in a few words, and the value."""

MEMBERS: dict[Path, tuple[Snippet, ...]] = {
    ("passes",): (
        ("lora", "fine-tune with LoRA", LORA),
        ("qlora", "fine-tune with QLoRA: 4-bit base model, needs a CUDA device", QLORA),
        ("merge", "fold the adapter into the model", MERGE),
        ("builder", "build an ONNX model for onnxruntime-genai", BUILDER),
    ),
    ("systems",): (
        ("local_system", "this machine's CPU", LOCAL_CPU),
        ("local_gpu", "this machine's CUDA device", LOCAL_CUDA),
        ("azure_ml", "a compute of Azure Machine Learning", AZURE_ML),
    ),
    ("evaluators",): (
        ("perplexity", "how well the model predicts the data", {"metrics": [PERPLEXITY]}),
        ("accuracy", "share of right tokens", {"metrics": [ACCURACY]}),
        ("latency", "time to answer", {"metrics": [LATENCY]}),
    ),
}
"""New entries of the tables, by path."""
ITEMS: dict[str, tuple[Snippet, ...]] = {
    "data_configs": (
        ("text data", "rows of text for training", DATA),
        ("chat data", "conversations, in the model's chat template", CHAT_DATA),
    ),
    "metrics": (
        ("perplexity", "how well the model predicts the data", PERPLEXITY),
        ("accuracy", "share of right tokens", ACCURACY),
        ("latency", "time to answer", LATENCY),
    ),
    "accelerators": (("cpu", "CPU", CPU), ("gpu", "CUDA device", CUDA), ("npu", "Qualcomm NPU", NPU)),
}
"""New items of lists, by the key of the list."""
BLOCKS: dict[Path, Any] = {
    ("input_model",): MODEL,
    ("azureml_client",): CLIENT,
    ("data_configs", ANY, "load_dataset_config"): DATA["load_dataset_config"],
    ("data_configs", ANY, "pre_process_data_config"): DATA["pre_process_data_config"],
}
"""Blocks that are worth more than the keys they require."""

CONFIGS: tuple[Snippet, ...] = (
    (
        "LoRA, local",
        "fine-tune, merge and convert on this machine",
        {
            "input_model": MODEL,
            "data_configs": [DATA],
            "passes": {"lora": LORA, "merge": MERGE, "builder": BUILDER},
            "output_dir": Slot("models"),
        },
    ),
    (
        "QLoRA, local",
        "fine-tune on a 4-bit base model, merge and convert on this machine's CUDA device",
        {
            "input_model": MODEL,
            "systems": {"local_gpu": LOCAL_CUDA},
            "data_configs": [DATA],
            "passes": {"qlora": QLORA, "merge": MERGE, "builder": BUILDER},
            "host": "local_gpu",
            "target": "local_gpu",
            "output_dir": Slot("models"),
        },
    ),
    (
        "Convert only",
        "quantize a model and build it for onnxruntime-genai",
        {"input_model": MODEL, "passes": {"builder": BUILDER}, "output_dir": Slot("models")},
    ),
    (
        "LoRA, Azure ML",
        "fine-tune and merge on a compute of Azure Machine Learning",
        {
            "azureml_client": CLIENT,
            "input_model": MODEL,
            "systems": {"azure_ml": AZURE_ML},
            "data_configs": [DATA],
            "passes": {"lora": LORA, "merge": MERGE, "builder": BUILDER},
            "host": "azure_ml",
            "output_dir": Slot("models"),
        },
    ),
)


def configs(request: Request) -> list[Completion]:
    """Whole configs, for a document without any value."""
    tree, text = request.document.tree, request.text
    span = tree.span if isinstance(tree, Scalar) else Span(request.offset, request.offset)
    if isinstance(tree, Missing) and text.strip():
        line = text[text.rfind("\n", 0, request.offset) + 1 : request.offset]
        span = Span(request.offset - len(line.lstrip()), request.offset)
    if text[: span.start].strip() or text[span.end :].strip():
        return []
    return [
        Completion(name, Kind.SNIPPET, Edit(span, _whole(text, value)), name, f"{rank:04}", about, snippet=True)
        for rank, (name, about, value) in enumerate(CONFIGS)
    ]


def _whole(text: str, value: Any) -> str:
    return render(value, line_end(text), indent_unit(text))


def members(request: Request, container: Object, room: Place) -> Iterator[Completion]:
    """New entries where a block takes any name: passes, systems, evaluators; and whole configs in an empty object."""
    path = request.cursor.container_path
    present = {member.name for member in container.members if member is not request.cursor.member}
    for rank, (name, about, value) in enumerate(MEMBERS.get(path, ())):
        edit, more = room.edits(_named(request, value), _free(name, present))
        yield Completion(
            name, Kind.SNIPPET, edit, json.dumps(name), f"4{rank:03}", about, additional_edits=more, snippet=True
        )
    yield from _rest(request, container, room)
    if not path and not present:
        for rank, (name, about, value) in enumerate(CONFIGS):
            yield Completion(
                name, Kind.SNIPPET, _inside(request, room, value), name, f"5{rank:03}", about, snippet=True
            )


def _rest(request: Request, container: Object, room: Place) -> Iterator[Completion]:
    """What an entry that is being typed still has to get, for each kind of entry that it may become."""
    current = request.cursor.member
    given = {member.name: member.value for member in container.members if member is not current}
    for rank, (name, about, value) in enumerate(_kinds(request.cursor.container_path)):
        whole = _fresh(request, value)
        rest = {key: part for key, part in whole.items() if key not in given}
        if len(rest) > 1 and given.keys() <= whole.keys() and all(_fits(whole[key], given[key]) for key in given):
            start, end = room.around
            edit, more = room.edit(start + render_members(rest, room.newline, room.unit), end)
            yield Completion(
                name, Kind.SNIPPET, edit, json.dumps(name), f"0{900 + rank}", about, additional_edits=more, snippet=True
            )


def _kinds(path: Path) -> tuple[Snippet, ...]:
    """What an entry at a path may become: of a table, of a list, or an alternative of a pass."""
    table, last = path[:-1], path[-1:]
    if last and isinstance(last[0], int) and table:
        return MEMBERS.get(table[:-1], ()) or ITEMS.get(str(table[-1]), ())
    return MEMBERS.get(table, ()) if last else ()


def _fits(wanted: Any, node: Node) -> bool:
    """Whether a value that is there is the one of a snippet, where that has only one."""
    return not isinstance(wanted, str) or text_of(node) == wanted


def _inside(request: Request, room: Place, value: Any) -> Edit:
    """The members of a whole config, in the braces that are there."""
    newline, unit = line_end(request.text), indent_unit(request.text)
    body = render(value, newline, unit)[1:-2]
    at = request.text.rfind("\n", 0, room.span.start) + 1
    if not request.text[at : room.span.start].strip():  # on a line of its own
        body = body.strip().removeprefix(request.text[at : room.span.start])
    return Edit(room.span, body)


def items(request: Request, key: str, room: Place) -> Iterator[Completion]:
    """New items of a list."""
    for rank, (name, about, value) in enumerate(ITEMS.get(key, ())):
        edit, more = room.edits(_fresh(request, value))
        yield Completion(name, Kind.SNIPPET, edit, name, f"1{rank:03}", about, additional_edits=more, snippet=True)


def _fresh(request: Request, value: Any) -> Any:
    """A new entry: it refers to the names there are, and has one of its own."""
    named = _named(request, value)
    if "load_dataset_config" in value:
        return {**named, "name": Slot(_free("train_data", set(request.names("data_configs"))))}
    return named


def block(request: Request, path: Path) -> Any:
    """What a key starts with where that is more than it requires; None elsewhere."""
    return BLOCKS.get(tuple(ANY if isinstance(step, int) else step for step in path))


def choice(names: list[str]) -> Slot:
    """A placeholder for one of several names."""
    return Slot(names[0], tuple(names))


def _named(request: Request, value: Any) -> Any:
    """A snippet that refers to the names there are."""
    if not isinstance(value, dict):
        return value
    known = request.names("data_configs")
    first = known[0] if known else ""
    swap = {key: Slot(first, tuple(known)) for key in ("train_data_config", "data_config") if key in value}
    nested = {key: [_named(request, item) for item in one] for key, one in value.items() if isinstance(one, list)}
    return {**value, **nested, **swap}


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken."""
    numbered = (f"{name}_{number}" for number in range(2, 1000))
    return name if name not in taken else next(free for free in numbered if free not in taken)
