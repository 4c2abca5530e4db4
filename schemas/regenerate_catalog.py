"""Write the facts of an installed `olive-ai` and `transformers` into `olivine_schemas/catalog.json`.

    python schemas/regenerate_catalog.py [--check]

Run it where `olive-ai` is installed (it is no dependency of Olivine). Names, types, defaults, choices and search values
are taken, no prose. What no installed package tells any more (removed passes, models, systems) stays as the file has
it. With `--check` nothing is written; what differs is printed.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from olivine_schemas.language.generate import laid_out

CATALOG = Path(__file__).parent / "olivine_schemas" / "catalog.json"
Fact = dict[str, Any]


def words(annotation: Any) -> str:
    """A type as the catalog writes it: `list[str]`, `enum Precision`, `int | null`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is None or annotation is type(None):
        return "null"
    if origin is typing.Annotated:
        return words(arguments[0])
    if origin is typing.Literal:
        return "bool" if set(arguments) <= {True, False} else "str"
    if origin in (typing.Union, types.UnionType):
        parts = [words(part) for part in arguments]
        named = any(
            part.startswith("enum ") for part in parts
        )  # text is how an enum is written, so it says nothing new
        return " | ".join(part for part in parts if part != "str" or not named)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"enum {annotation.__name__}"
    name = "any" if annotation in (Any, inspect.Parameter.empty) else getattr(annotation, "__name__", str(annotation))
    return f"{name}[{', '.join(words(part) for part in arguments)}]" if arguments and name != "Callable" else name


def choices(annotation: Any) -> list[Any] | None:
    """The values of the enum in a type, or None."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        values = [plain(member) for member in annotation]
        numbers = all(str(value).isdigit() for value in values)
        return [int(value) for value in values] if numbers else values
    return next(filter(None, map(choices, typing.get_args(annotation))), None)


def plain(value: Any) -> Any:
    """A default as JSON has it; a number stays a number, everything unknown becomes its text."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def support(search: Any) -> list[Any]:
    """Every value that a search parameter offers, in order."""
    found: list[Any] = []
    for value in _supported(search):
        if plain(value) not in found and not str(plain(value)).startswith("OLIVE_"):
            found.append(plain(value))
    return found


def _supported(search: Any) -> Iterator[Any]:
    inside = getattr(search, "support", search)
    if isinstance(inside, dict):
        for part in inside.values():
            yield from _supported(part)
    elif isinstance(inside, (list, tuple)):
        yield from inside
    if default := getattr(search, "default", None):
        yield from _supported(default)


def fact(annotation: Any, default: Any, required: bool, search: Any = None) -> Fact:
    """One parameter."""
    out: Fact = {"type": "any" if annotation is None else words(annotation)}
    if required:
        out["required"] = True
    elif not hasattr(default, "support"):
        out["default"] = plain(default)
    if values := choices(annotation):
        out["choices"] = values
    return out | ({"search": support(search)} if search else {})


def passes() -> dict[str, Fact]:
    """Every pass of the installed olive-ai."""
    from olive.hardware.accelerator import AcceleratorSpec, Device
    from olive.package_config import OlivePackageConfig

    config = OlivePackageConfig.load_default_config()
    cpu = AcceleratorSpec(Device.CPU, "CPUExecutionProvider")
    stated = json.loads(Path(OlivePackageConfig.get_default_config_path()).read_text(encoding="utf-8"))["passes"]
    found = {}
    for name, about in stated.items():
        parameters = config.import_pass_module(name).default_config(cpu)
        entry: Fact = {
            "providers": about.get("supported_providers", ["*"]),
            "accelerators": about.get("supported_accelerators", ["*"]),
        }
        entry |= {"dataset": about["dataset"]} if about.get("dataset") else {}
        extras = [*about.get("module_dependencies", []), *about.get("extra_dependencies", [])]
        entry |= {"extras": extras} if extras else {}
        entry |= {"run_on_target": True} if about.get("run_on_target") else {}
        found[name] = entry | {
            "parameters": {
                key: fact(p.type_, p.default_value, p.required, p.search_defaults) for key, p in parameters.items()
            }
        }
    return dict(sorted(found.items()))


def components() -> dict[str, Fact]:
    """Every data component of the installed olive-ai, by kind."""
    import olive.data.container.data_container  # noqa: F401  # registers the components
    from olive.data.registry import Registry

    kinds = ("load_dataset", "pre_process_data", "post_process_data", "dataloader")
    return {kind: dict(_components(Registry._REGISTRY[kind])) for kind in kinds}


_HANDED_OVER = ("dataset", "_dataset", "data", "output_data", "dataloader")
"""Arguments that Olive fills in itself."""


def _components(registered: dict[str, Any]) -> Iterator[tuple[str, Fact]]:
    for name, function in registered.items():
        signature = inspect.signature(function, eval_str=True).parameters.values()
        named = [p for p in signature if p.kind is not p.VAR_KEYWORD and p.name not in _HANDED_OVER]
        facts = {p.name: fact(p.annotation, p.default, p.default is p.empty) for p in named}
        yield name, {"parameters": facts, "open": any(p.kind is p.VAR_KEYWORD for p in signature)}


def training_arguments() -> dict[str, Fact]:
    """Every field of transformers.TrainingArguments that may be given."""
    from transformers import TrainingArguments

    hints = typing.get_type_hints(TrainingArguments)
    found = {}
    for field in dataclasses.fields(TrainingArguments):
        if field.init:
            made = field.default_factory() if callable(field.default_factory) else field.default
            found[field.name] = fact(hints[field.name], made, required=False)
    return found


def main(arguments: list[str]) -> int:
    """Write the catalog, or with --check say which entries differ."""
    before = json.loads(CATALOG.read_text(encoding="utf-8"))
    fresh = {
        "olive": version("olive-ai"),
        "transformers": version("transformers"),
        "passes": passes(),
        "data_components": components(),
        "training_arguments": training_arguments(),
    }
    if "--check" in arguments:
        differing = [key for key, value in fresh.items() if json.loads(json.dumps(value)) != before[key]]
        print("\n".join(differing) or "The catalog is current.")
        return 1 if differing else 0
    CATALOG.write_text(laid_out({**before, **fresh}) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
