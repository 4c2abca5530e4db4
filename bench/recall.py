"""How many mistakes the checker finds: `python bench/recall.py FOLDER [--accepted INDEX] [--sample N] [--seed S]`.

One mistake at a time is made in the JSON configs of FOLDER; with INDEX (see false_alarms.py) in those that Microsoft
Olive accepts. What counts as a mistake comes from the published schema alone, not from what the checker says:

- A key is misspelt only where the schema knows it by name at that place; keys of free maps, and names that people
  give, are left alone. The same holds for values: only where the schema lists the values, states the kind or sets
  a limit, and only to a value that it does not allow.
- A key is required where the schema says so. A name refers to something where the schema says to which table.
- A block with a `user_script` may have types of its own: there a type that is not known is no mistake.
- Blocks inside a pass that Olivine does not run count like the others.

For each kind: how many were found (a new diagnostic of any severity but hint), on the exact token (of a missing key:
the type or the key of its block; of a missing comma: the gap or a token beside it), with a fix after which the text has
no more problems than before, and how many brought a second new diagnostic.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from false_alarms import configs

from olivine_schemas.check import check
from olivine_schemas.edits import remove_member
from olivine_schemas.parser import parse
from olivine_schemas.problems import Edit, Problem, Severity, Span, apply_edits
from olivine_schemas.rules.systems import DEVICES
from olivine_schemas.schema import Property, schemas_at
from olivine_schemas.tree import Member, Node, Object, Scalar, child, to_data, walk
from olivine_schemas.tree import Path as Place

PER_KIND = 3
"""Mistakes of a kind that are made in one config, at places drawn by chance."""


class Mistake(NamedTuple):
    """A text with one mistake, and the tokens that a person would point at."""

    kind: str
    before: str
    text: str
    tokens: tuple[Span, ...]


class Spot(NamedTuple):
    """A member of a block, and how the schema describes it; None for a key that it does not know by name."""

    path: Place
    block: Object
    member: Member
    known: Property | None
    names: frozenset[str]


def spots(tree: Node) -> Iterator[Spot]:
    """Every member of every block of a config."""
    for path, node in walk(tree):
        if isinstance(node, Object):
            described = {one.name: one for part in schemas_at(tree, path) for one in part.properties}
            for member in node.members:
                yield Spot(path, node, member, described.get(member.name), frozenset(described))


def misspelt(word: str, taken: frozenset[str], chance: random.Random) -> str | None:
    """A word with one slip of the hand, as keyboards make them; None for one too short to be known again."""
    letters = [i for i, letter in enumerate(word) if letter.isalpha()]
    for _ in range(8) if len(word) > 3 and letters else ():
        i = chance.choice(letters)
        swapped = word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
        other = word[:i] + chance.choice("abcdefghijklmnopqrstuvwxyz") + word[i + 1 :]
        new = chance.choice([word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:], swapped, other])
        if new.lower() not in {name.lower() for name in (*taken, word)}:
            return new
    return None


def changed(kind: str, text: str, node: Node, value: Any, *also: Span) -> Mistake:
    """The text with a value in place of a token."""
    new = json.dumps(value, ensure_ascii=False)
    token = Span(node.span.start, node.span.start + len(new))
    return Mistake(kind, text, apply_edits(text, (Edit(node.span, new),)), (token, *also))


def key_typo(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    new = misspelt(spot.member.name, spot.names, chance) if spot.known and not spot.known.deprecated else None
    return changed("typo in a key", text, spot.member.key, new) if new else None


def word_typo(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    """A listed value, a type or a reference, misspelt."""
    value, known = spot.member.value, spot.known
    if known is None or not isinstance(value, Scalar) or not isinstance(value.value, str):
        return None
    listed = frozenset(str(one) for one in known.values)
    new = misspelt(value.value, listed, chance)
    if new is None:
        return None
    if known.reference:
        return changed("dangling reference", text, value, new)
    if value.value.lower() in {one.lower() for one in listed}:
        if spot.member.name == "type":
            return None if spot.block.get("user_script") else changed("unknown type", text, value, new)
        return None if known.open else changed("unknown value", text, value, new)
    return None


def wrong_type(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    if spot.known is None or spot.known.reference or "type" not in spot.known.schema:
        return None
    stated = spot.known.schema["type"]
    kinds = {stated} if isinstance(stated, str) else set(stated)
    numeric = bool(kinds & {"integer", "number", "boolean"}) and "pattern" in spot.known.schema
    others: dict[str, Any] = {"object": {"some": 1}, "array": [{}], "string": "some text"}
    wrong = [value for kind, value in others.items() if kind not in kinds or (kind == "string" and numeric)]
    if not wrong or "x-search" in spot.known.schema or "anyOf" in spot.known.schema:
        return None
    return changed("wrong type", text, spot.member.value, chance.choice(wrong), spot.member.key.span)


def out_of_range(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    schema, value = spot.known.schema if spot.known else {}, spot.member.value
    if not isinstance(value, Scalar) or isinstance(value.value, (bool, str)) or value.value is None:
        return None
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    wrong = [limit for limit in (low and low - 1 if low else low is not None and -1, high and high + 1) if limit]
    return changed("out of range", text, value, chance.choice(wrong)) if wrong else None


def duplicate(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    start, end = spot.member.key.span.start, spot.member.value.span.end
    key = spot.member.key.span
    second = Span(end + 2, end + 2 + key.end - key.start)
    new = text[:end] + ", " + text[start:end] + text[end:]
    return Mistake("duplicate key", text, new, (key, second))


def missing_comma(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    place = spot.block.members.index(spot.member)
    after = spot.block.members[place + 1 : place + 2]
    end = spot.member.value.span.end
    comma = text.find(",", end, after[0].key.span.start) if after else -1
    if comma < 0:
        return None
    beside = [spot.member.value.span.end, spot.member.key.span.start, after[0].key.span.start - 1]
    around = tuple(Span(a, b) for a in range(min(beside), after[0].key.span.start) for b in range(a, a + 2))
    following = Span(after[0].key.span.start - 1, after[0].key.span.end - 1)
    return Mistake("missing comma", text, text[:comma] + text[comma + 1 :], (*around, following))


def missing_key(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    if spot.known is None or not spot.known.required:
        return None
    new = apply_edits(text, remove_member(text, spot.block, spot.member))
    tree = parse(new).tree
    block = child(tree, *spot.path)
    owner = child(tree, *spot.path[:-1]) if spot.path else None
    above = owner.member(str(spot.path[-1])) if isinstance(owner, Object) else None
    kind = block.get("type") if isinstance(block, Object) else None
    tokens = [kind.span if kind else None, above.key.span if above else None]
    brace = Span(block.span.start, block.span.start + 1) if block else None
    return Mistake("missing required key", text, new, tuple(span for span in (*tokens, brace) if span))


def provider_typo(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    named = getattr(spot.member.value, "items", []) if spot.member.name == "execution_providers" else []
    known = [node for node in named if isinstance(node, Scalar) and node.value in DEVICES]
    node = chance.choice(known) if known else None
    new = misspelt(str(node.value), frozenset(DEVICES), chance) if node else None
    return changed("provider typo", text, node, new) if node and new else None


def wrapped(text: str, spot: Spot, chance: random.Random) -> Mistake | None:
    """The right value in a list, or out of its list, or a number in words."""
    if spot.known is None or "type" not in spot.known.schema or "anyOf" in spot.known.schema:
        return None
    stated, value = spot.known.schema["type"], to_data(spot.member.value)
    kinds = {stated} if isinstance(stated, str) else set(stated)
    if "x-search" in spot.known.schema or isinstance(value, dict) or value is None:
        return None
    if isinstance(value, list):
        wrong = value[0] if len(value) == 1 and isinstance(value[0], str) and "string" not in kinds else None
    else:
        wrong = None if "array" in kinds else [value]
    key = spot.member.key.span
    return None if wrong is None else changed("in a list or out of it", text, spot.member.value, wrong, key)


MAKERS: tuple[Callable[[str, Spot, random.Random], Mistake | None], ...] = (
    key_typo, word_typo, wrong_type, out_of_range, duplicate, missing_comma, missing_key, provider_typo,
    wrapped,
)  # fmt: skip


def trained(config: dict[str, Any], arguments: dict[str, Any], *, merge: bool, template: str) -> str | None:
    """The config with a QLoRA pass in front of its first ModelBuilder; None where there is no place for it."""
    passes = config.get("passes")
    if not isinstance(passes, dict) or "pass_flows" in config or "data_configs" in config:
        return None
    names = [name for name, one in passes.items() if isinstance(one, dict) and one.get("type") == "ModelBuilder"]
    if list(passes)[:1] != names[:1] or not names or config.get("input_model", {}).get("type") != "HfModel":
        return None
    tuning = {"type": "QLoRA", "train_data_config": "rows", "eval_data_config": "rows", "training_args": arguments}
    merging = {"merge_": {"type": "MergeAdapterWeights"}} if merge else {}
    text = {"type": "text_generation_huggingface_pre_process", "text_cols": ["phrase", "tone"]}
    rows = {"name": "rows", "load_dataset_config": {"type": "huggingface_dataset", "data_name": "org/rows"}}
    data = [{**rows, "pre_process_data_config": {**text, "text_template": template}}]
    return json.dumps({**config, "data_configs": data, "passes": {"qlora_": tuning, **merging, **passes}}, indent=4)


def training_mistakes(text: str) -> Iterator[Mistake]:
    """Mistakes that most configs have no place for, in a config that gets one."""
    config = json.loads(text)
    good = {"eval_strategy": "steps", "eval_steps": 10, "max_steps": 100}
    template = "{phrase}: {tone}"
    before = trained(config, good, merge=True, template=template)
    late = trained(config, {**good, "eval_steps": 1000}, merge=True, template=template)
    unmerged = trained(config, good, merge=False, template=template)
    unfilled = trained(config, good, merge=True, template="{phrase}: {tome}")
    if before and late and unmerged and unfilled:
        steps = late.index('"eval_steps"')
        tokens = (Span(steps, steps + 12), Span(steps + 14, steps + 18))
        yield Mistake("eval_steps over max_steps", before, late, tokens)
        kind = unmerged.index('"ModelBuilder"')
        yield Mistake("QLoRA into ModelBuilder", before, unmerged, (Span(kind, kind + 14),))
        brace = unfilled.index("{tome}")
        yield Mistake("template placeholder", before, unfilled, (Span(brace + 1, brace + 5), Span(brace, brace + 6)))


def mistakes(text: str, chance: random.Random) -> Iterator[Mistake]:
    """A few mistakes of every kind in one config."""
    places = list(spots(parse(text).tree))
    for make in MAKERS:
        chance.shuffle(places)
        made: Counter[str] = Counter()
        for spot in places:
            mistake = make(text, spot, chance)
            if mistake and made[mistake.kind] < PER_KIND:
                made[mistake.kind] += 1
                yield mistake
    yield from training_mistakes(text)


def new_problems(text: str, before: Counter[tuple[str, str]]) -> list[Problem]:
    """The problems beyond those that the config had."""
    left = before.copy()
    out = []
    for problem in check(text).problems:
        kind = (problem.code, problem.message)
        if left[kind]:
            left[kind] -= 1
        elif problem.severity is not Severity.HINT:
            out.append(problem)
    return out


def repaired(mistake: Mistake, found: list[Problem], before: Counter[tuple[str, str]]) -> bool:
    """Whether one of the offered fixes leaves nothing that was not there before."""
    fixes = [fix for problem in found for fix in (*problem.fixes, *problem.suggestions)]
    return any(not new_problems(apply_edits(mistake.text, fix.edits), before) for fix in fixes)


def main() -> None:
    """Print a table of the kinds of mistakes; exit with 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accepted", type=Path, metavar="INDEX")
    parser.add_argument("--sample", type=int, default=200, help="configs to take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", action="store_true", help="print what falls short")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    paths = [path for path in configs(options.folder, options.accepted) if path.suffix == ".json"]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for path in chance.sample(paths, min(options.sample, len(paths))):
        text = path.read_text(encoding="utf-8")
        known: dict[str, Counter[tuple[str, str]]] = {}
        for mistake in mistakes(text, chance):
            if mistake.before not in known:
                known[mistake.before] = Counter((p.code, p.message) for p in check(mistake.before).problems)
            before = known[mistake.before]
            found = new_problems(mistake.text, before)
            count = counts[mistake.kind]
            result = {
                "found": bool(found),
                "exact": any(problem.span in mistake.tokens for problem in found),
                "fixed": repaired(mistake, found, before),
                "second": len(found) > 1,
            }
            count.update(["made", *(name for name, holds in result.items() if holds)])
            if options.misses and (not result["exact"] or result["second"] or not result["fixed"]):
                lacks = [n for n in ("found", "exact", "fixed") if not result[n]] + ["second"] * result["second"]
                spot = mistake.tokens[0] if mistake.tokens else Span(0, 0)
                shown = mistake.text[max(0, spot.start - 30) : spot.end + 30].replace("\n", " ")
                said = [f"{p.severity.value} {p.code}: {p.message[:90]}" for p in found[:3]]
                print(f"{'+'.join(lacks)} | {mistake.kind} | {' '.join(shown.split())} | {said} | {path.name[:60]}")
    counts["all"] = sum(counts.values(), Counter())
    print("| mistake | made | found | exact token | fix that works | second diagnostic |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind, count in counts.items():
        shares = [f"{100 * count[name] / count['made']:.1f} %" for name in ("found", "exact", "fixed", "second")]
        print(f"| {kind} | {count['made']} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
