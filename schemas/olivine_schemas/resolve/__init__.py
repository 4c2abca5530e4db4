"""One meaning for both generations: a document as the canonical tree that `language/workflow.py` describes."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.dialects import ENGINE_KEYS, RENAMED, Generation, generation
from olivine_schemas.problems import Problem, Span
from olivine_schemas.tree import Member, Node, Object, Scalar

from .blocks import Members, built, given, merged, rename, renamed
from .data import Source, resolve_data_configs
from .engine import resolve_engine, settle
from .evaluators import resolve_evaluators
from .model import resolve_model
from .passes import resolve_passes
from .systems import resolve_systems


@dataclass(frozen=True)
class Resolved:
    """What a document means."""

    workflow: Object
    """Canonical tree. Its nodes have the spans of the text that they come from; the document's tree is not changed."""
    generation: Generation
    problems: tuple[Problem, ...]
    """Old names and forms, and settings that have no effect."""


def resolve(tree: Node | None) -> Resolved:
    """Give a document of either generation its one meaning.

    Never raises: values of a wrong type stay where they are, for `schema.validate` to report.
    """
    if not isinstance(tree, Object):
        return Resolved(Object(tree.span if tree else Span(0, 0)), "new", ())
    problems: list[Problem] = []
    speaks = generation(tree)
    top = given(tree)
    top.pop("$schema", None)
    engine = _engine(top, problems)
    workflow = _workflow(top, engine, speaks == "old", problems)
    problems.sort(key=lambda problem: (problem.span, problem.code, problem.message))
    return Resolved(built(workflow, tree.span), speaks, tuple(problems))


def _engine(top: Members, problems: list[Problem]) -> Members:
    """The engine's settings from both places; `azureml_client` moves from the engine to the top."""
    block = given(top["engine"].value) if "engine" in top else {}
    flat = {name: member for name, member in top.items() if name in ENGINE_KEYS}
    settings = rename(merged(flat, block, problems), RENAMED["engine"], problems)
    client = settings.pop("azureml_client", None)
    if client:
        top.setdefault("azureml_client", client)
    return resolve_engine(settings, problems)


def _workflow(top: Members, engine: Members, old: bool, problems: list[Problem]) -> Members:
    """All blocks in their canonical form, in the order of the document."""
    model = resolve_model(top["input_model"].value, problems) if "input_model" in top else None
    workflow: Members = {}
    first: Member | None = None
    for name, member in top.items():
        if name == "engine" or name in ENGINE_KEYS:
            # Its place is that of the block, or of the first setting outside one.
            first = member if first is None or name == "engine" else first
            workflow.setdefault("engine", member)
        elif name == "input_model" and model is not None:
            workflow[name] = renamed(member, name, model)
        elif name == "systems":
            workflow[name] = renamed(member, name, resolve_systems(member.value, problems))
        elif name == "data_configs":
            workflow[name] = renamed(member, name, resolve_data_configs(member, Source(old, model), problems))
        elif name == "evaluators":
            workflow[name] = renamed(member, name, resolve_evaluators(member.value, problems))
        elif name == "passes":
            workflow[name] = renamed(member, name, resolve_passes(member.value, old, problems))
        else:
            workflow[name] = member
    settle(workflow, engine, problems)
    if first is not None:
        workflow["engine"] = Member(Scalar(first.key.span, "engine"), built(engine, first.value.span), first.colon)
        if not engine:
            del workflow["engine"]
    return workflow
