"""Steps that every block of the config shares: gathering, merging, renaming and leaving out members.

Blocks are worked on as `Members`, name to member, in the order written; of duplicates the last one counts, as in
`json`. Nothing here changes the nodes of the document: renamed members are new ones with the old spans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from olivine_schemas.dialects import MEANT_AS_NULL, RENAMED_VALUES
from olivine_schemas.edits import rename_key, replace_value
from olivine_schemas.problems import Fix, Problem, Severity, Span
from olivine_schemas.tree import Array, Member, Missing, Node, Object, Scalar, to_data

Members = dict[str, Member]


def given(node: Node | None) -> Members:
    """The members of an object that say something: null is the same as not written, but for a few names."""
    if not isinstance(node, Object):
        return {}
    found: Members = {str(member.key.value): member for member in node.members}
    nulls = [member for member in found.values() if type(member.value) is Scalar and member.value.value is None]
    for member in nulls:
        if member.name not in MEANT_AS_NULL:
            del found[member.name]
    return found


def renamed(member: Member, name: str, value: Node | None = None) -> Member:
    """The same member under another name, and with another value if one is given."""
    return Member(Scalar(member.key.span, name), value or member.value, member.colon)


def made(name: str, value: Any, at: Span) -> Member:
    """A member that is not in the text, standing for the text `at`."""
    return Member(Scalar(at, name), node_of(value, at))


def node_of(value: Any, at: Span) -> Node:
    """Plain data, or a node as it is, as a node at `at`."""
    if isinstance(value, (Object, Array, Scalar, Missing)):
        return value
    if isinstance(value, Mapping):
        return Object(at, [v if isinstance(v, Member) else made(k, v, at) for k, v in value.items()])
    if isinstance(value, list):
        return Array(at, [node_of(item, at) for item in value])
    return Scalar(at, value)


def built(members: Members, at: Span) -> Object:
    """An object of these members."""
    return Object(at, list(members.values()))


def merged(low: Members, high: Members, problems: list[Problem]) -> Members:
    """Both sets of members; where both have a name `high` counts, and the other one is told of."""
    if not low or not high:
        return low or high
    for name in low.keys() & high.keys():
        if to_data(low[name].value) != to_data(high[name].value):
            problems.append(ignored(low[name], f'another "{name}" of this block counts'))
    return {**low, **high}


def collected(node: Object, own: frozenset[str], collector: str, problems: list[Problem]) -> tuple[Members, Members]:
    """Split a block that may be flat or nested into the members it owns and the ones that belong into `collector`."""
    members = given(node)
    inside = given(members[collector].value) if collector in members else {}
    outside = {name: member for name, member in members.items() if name not in own and name != collector}
    return {name: member for name, member in members.items() if name in own}, merged(outside, inside, problems)


def typed(own: Members, collector: str, config: Members, node: Object, key: Member | None = None) -> Object:
    """The canonical form of a block: its own members and its settings in `collector`, which is there even if empty."""
    at = key.value.span if key else node.span
    member = Member(Scalar(key.key.span if key else at, collector), built(config, at), key.colon if key else None)
    return built({**own, collector: member}, node.span)


def rename(members: Members, table: Mapping[str, str], problems: list[Problem]) -> Members:
    """Give members the names of today; each gets a hint with the edit. Of an old and a new name the new one counts."""
    if not table.keys() & members.keys():
        return members
    result: Members = {}
    for name, member in members.items():
        today = table.get(name)
        if today is None:
            result[name] = member
        elif today in members or today in result:
            problems.append(ignored(member, f'"{today}" is given too, and counts'))
        else:
            result[today] = _renamed_today(member, today, problems)
    return result


def _renamed_today(member: Member, today: str, problems: list[Problem]) -> Member:
    values = RENAMED_VALUES.get(today, {})
    old = member.value.value if isinstance(member.value, Scalar) else None
    edits = rename_key(member, today)
    message = f'"{member.name}" is called "{today}" today'
    value = None
    if isinstance(old, (str, bool)) and old in values:
        value = Scalar(member.value.span, values[old])
        edits += replace_value(member.value, values[old])
        message = f'"{member.name}": {json.dumps(old)} is written "{today}": "{values[old]}" today'
    problems.append(old_name(member.key.span, message, Fix(f'Change to "{today}"', edits)))
    return renamed(member, today, value)


def rename_value(members: Members, key: str, table: Mapping[Any, str], problems: list[Problem]) -> Members:
    """Give the value of `key` its name of today, with a hint."""
    member = members.get(key)
    old = member.value.value if member and isinstance(member.value, Scalar) else None
    if member is None or not isinstance(old, str) or old not in table:
        return members
    today = table[old]
    fix = Fix(f'Change to "{today}"', replace_value(member.value, today))
    problems.append(old_name(member.value.span, f'"{old}" is called "{today}" today', fix))
    return {**members, key: renamed(member, key, Scalar(member.value.span, today))}


def respelled(members: Members, key: str, table: Mapping[str, str]) -> Members:
    """Give the value of `key` its proper spelling; upper and lower case are all one."""
    member = members.get(key)
    written = member.value.value if member and isinstance(member.value, Scalar) else None
    if member is None or not isinstance(written, str) or table.get(written.lower(), written) == written:
        return members
    return {**members, key: renamed(member, key, Scalar(member.value.span, table[written.lower()]))}


def leave_out(members: Members, table: Mapping[str, str], problems: list[Problem]) -> Members:
    """Without the members that Olivine does not follow; one that asks for something gets a warning with the reason."""
    if not table.keys() & members.keys():
        return members
    for name, reason in table.items():
        if name in members and to_data(members[name].value) not in (None, False, "", [], {}):
            problems.append(ignored(members[name], reason))
    return {name: member for name, member in members.items() if name not in table}


def with_defaults(members: Members, defaults: Mapping[str, Any], at: Span) -> Members:
    """Complete members by values that are not written."""
    return {**members, **{name: made(name, value, at) for name, value in defaults.items() if name not in members}}


def ignored(member: Member, reason: str) -> Problem:
    """The problem of a setting that has no effect."""
    return Problem(member.key.span, Severity.WARNING, "ignored-setting", f'"{member.name}" is ignored: {reason}')


def old_name(span: Span, message: str, *fixes: Fix) -> Problem:
    """The problem of a name that another one has replaced."""
    return Problem(span, Severity.HINT, "old-name", message, fixes)


def old_form(member: Member, today: str) -> Problem:
    """The problem of a whole block in the form of 2024; `today` says what it has become."""
    return Problem(member.key.span, Severity.HINT, "old-form", f'"{member.name}" is the form of 2024; today: {today}')
