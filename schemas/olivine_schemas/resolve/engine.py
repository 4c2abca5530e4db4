"""`engine`: settings that may stand at top level, gathered; and what the old engine decided for other blocks."""

from __future__ import annotations

from olivine_schemas.dialects import IGNORED, RENAMED
from olivine_schemas.problems import Problem
from olivine_schemas.tree import Array, Member, Node, Object, text_of

from .blocks import Members, built, collected, given, leave_out, made, merged, rename, renamed
from .evaluators import resolve_evaluator
from .passes import in_flow
from .systems import give_providers, resolve_system


def resolve_engine(settings: Members, problems: list[Problem]) -> Members:
    """Engine settings in today's form; pass_flows and execution_providers are left for `settle`."""
    if "cache_config" in settings:
        cache = settings.pop("cache_config")
        settings = merged(settings, given(cache.value), problems)
    settings = leave_out(settings, IGNORED["engine"], problems)
    for name, resolve in _RESOLVERS.items():
        if name in settings:
            settings[name] = renamed(settings[name], name, resolve(settings[name].value, problems))
    return settings


def _search(node: Node, problems: list[Problem]) -> Node:
    """Search settings side by side, whatever block they stood in."""
    if not isinstance(node, Object):
        return node
    today = built(rename(given(node), RENAMED["search_strategy"], problems), node.span)
    _, settings = collected(today, frozenset(), "sampler_config", problems)
    return built(rename(settings, RENAMED["sampler_config"], problems), node.span)


_RESOLVERS = {
    "host": resolve_system,
    "target": resolve_system,
    "evaluator": resolve_evaluator,
    "search_strategy": _search,
}


def settle(workflow: Members, engine: Members, problems: list[Problem]) -> None:
    """Carry out what the old engine block said about passes and systems, in place."""
    flows = engine.get("pass_flows")
    if flows and isinstance(flows.value, Array):
        lists = [item for item in flows.value.items if isinstance(item, Array)]
        if len(lists) == 1 and "passes" in workflow:
            passes = workflow["passes"]
            workflow["passes"] = renamed(passes, "passes", in_flow(passes.value, lists[0], problems))
        if len(lists) <= 1:
            del engine["pass_flows"]
    providers = engine.pop("execution_providers", None)
    if providers and isinstance(providers.value, Array):
        _provide(workflow, engine, providers, problems)


def _provide(workflow: Members, engine: Members, providers: Member, problems: list[Problem]) -> None:
    """Give the execution providers to the systems that run and evaluate; without one, to this machine."""
    references = [engine[name] for name in ("host", "target") if name in engine]
    if not references:
        engine["target"] = made("target", {"type": "LocalSystem", "config": {}}, providers.value.span)
        references = [engine["target"]]
    table = workflow["systems"].value if "systems" in workflow else None
    names = {text_of(reference.value) for reference in references}
    told: list[Problem] = []
    for reference in references:
        if isinstance(reference.value, Object):
            system = give_providers(reference.value, providers, told)
            engine[reference.name] = renamed(reference, reference.name, system)
    if isinstance(table, Object):
        systems = given(table)
        for name, member in systems.items():
            if name in names and isinstance(member.value, Object):
                systems[name] = renamed(member, name, give_providers(member.value, providers, told))
        workflow["systems"] = renamed(workflow["systems"], "systems", built(systems, table.span))
    problems += told[:1]
