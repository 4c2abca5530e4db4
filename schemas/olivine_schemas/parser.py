"""The tolerant parser: config text, in whatever state, to a syntax tree and what is wrong with the text.

It never raises, and one mistake gives one problem. Sound text is read by a few regular expressions, a whole member at
a time; where they do not match, one careful step repairs what is there and the fast reading goes on. A lost or surplus
bracket shows only far below its place, so a text with one is read a second time with its indentation as evidence, and
the reading that has fewer errors is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .edits import remove_member
from .nearest import HAND_WRITTEN
from .problems import Fix, Problem, Severity, Span
from .scanner import CONSTANTS, NUMBER, error, number, replace, scan
from .tree import Array, Member, Missing, Node, Object, Scalar

_WS = r"[ \t\r\n]*"
_PLAIN = rf'(?:([{{\[])|(?:("([^"\\\x00-\x1f]*)")|({NUMBER}|true|false|null)){_WS}(?:(,)|(?=[}}\]])))'
_MEMBER = re.compile(rf'{_WS}("([^"\\\x00-\x1f]*)"){_WS}(:){_WS}{_PLAIN}')
_ITEM = re.compile(_WS + _PLAIN)
_FOLLOW = re.compile(rf"{_WS}([,}}\]])")
_SPACE = re.compile(r"[ \t\r\n\f\v\ufeff\xa0]*")
_LINE_COMMENT = re.compile(r"//[^\r\n]*")
_STRING = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_KEY_AHEAD = re.compile(rf"(?:{_STRING}|[A-Za-z_]\w*){_WS}:")
_PAIR_AHEAD = re.compile(rf'{_STRING}{_WS}:[ \t]*["\[{{0-9tfn-]')
_VALUE_AHEAD = re.compile(rf',[ \t]*(?!{_STRING}{_WS}:)["\[{{0-9tfn-]')
_COLON_AHEAD = re.compile(rf",{_WS}:")
_LIST_AHEAD = re.compile(rf"{_STRING}{_WS}[,\]]|\{{")
_WORD_KEY_AHEAD = re.compile(r'[^\s"{}\[\],:]+[ \t]*:')
_GLUED_KEY_AHEAD = re.compile(rf'[^\s"{{}}\[\],:]+{_STRING}{_WS}:')
_COLON_KEY_AHEAD = re.compile(rf":{_WS}{_STRING}{_WS}:")
_LONE_WORD = re.compile(rf"[^\s\"{{}}\[\],:]+(?<!'){_WS}(?:[,}}\]]|\Z)|'{_WS}[,}}\]]")
_STRAY_BEFORE_COLON = re.compile(r'[^\s"{}\[\],:]+(?=[ \t]*:)')
_STRAY_BEFORE_VALUE = re.compile(r'[\\/](?=[ \t]*["{\[0-9tfn-])')
_ELEMENT_AHEAD = re.compile(rf"""[}}\]]{_WS}["'{{\[0-9tfn-]""")
_MORE_AHEAD = re.compile(rf'[}}\]]{_WS}[,"]')
_NEXT_LINE = re.compile(r"[}\]][ \t]*,?[ \t]*(?:[\r\n]+([ \t]*))+(?=[^ \t\r\n])")
_BESIDE_BRACKETS = re.compile(rf"{_STRING}?|//[^\r\n]*|/\*.{{0,500}}?\*/", re.DOTALL)
_PAIRS = {"{": "}", "[": "]", "}": "{", "]": "["}
_NOWHERE = Span(0, 0)
_BRACKET_CODES = {"unclosed", "unopened", "unexpected-text", "missing-comma"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text is: its tree, what is wrong with it, and where its comments stand."""

    tree: Node
    problems: tuple[Problem, ...] = ()
    comments: tuple[Span, ...] = ()


def parse(text: str) -> Parsed:
    """Read a JSON text; comments, trailing commas and any damage are problems, and the rest keeps its place.

    A text without any value has a Missing as its tree. Problems are in the order of the text.
    """
    plain = _Reader(text, by_indent=False).read()
    if "\n" in text and any(problem.code in _BRACKET_CODES for problem in plain.problems):
        indented = _Reader(text, by_indent=True).read()
        if _errors(indented) <= _errors(plain):
            return indented
    return plain


def _errors(parsed: Parsed) -> int:
    return sum(problem.severity is Severity.ERROR for problem in parsed.problems)


class _Reader:
    """One reading of a text; it keeps a stack instead of recursing, so that no nesting is too deep."""

    def __init__(self, text: str, by_indent: bool) -> None:
        self.text = text
        self.by_indent = by_indent
        self.at = 0
        self.problems: list[Problem] = []
        self.comments: list[Span] = []
        self.stack: list[Object | Array] = []
        self.starts: list[int] = []  # where each open container starts
        self.indents: list[int] = []  # and how far its line is indented
        self.indent = 0  # of the current line
        self.line_start = False  # whether the next token is the first of its line
        self.wants_element = True  # after a bracket or a comma; else a comma or a closing bracket is due
        self.comma = -1  # the comma before the element that is due
        self.damaged = -1  # up to here a problem is reported already
        self.last_comment_end = text.rfind("*/")
        self.balance: dict[str, int] | None = None

    # Whole document

    def read(self) -> Parsed:
        root = self._root()
        while self.stack:
            if not self.by_indent:
                self._read_plain()
            if self.stack:
                self._step()
        self._rest()
        problems = sorted(self.problems, key=lambda problem: problem.span)
        return Parsed(root, tuple(problems), tuple(self.comments))

    def _root(self) -> Node:
        """Begin the document: the root container is open afterwards, if there is one."""
        char = self._skip()
        opening = re.compile(r"[{\[]").search(self.text, self.at)
        if char and char not in '{["' and opening:
            self._stray(opening.start(), "Only one object belongs in this file")
            char = self._skip()
        if char == '"' and _KEY_AHEAD.match(self.text, self.at):
            return self._open("{", virtual=True)
        if char == "{":
            return self._open(char)
        start = self.at
        if not char or char in ",:}]":
            self.problems.append(error(start, len(self.text), "empty-document", "A config is an object: { }"))
            self.at = len(self.text)
            return Missing(Span(start, self.at))
        node = self._value()
        if self.problems == [] or self.problems[-1].severity is not Severity.ERROR:
            self._report(start, max(start + 1, self.at), "not-an-object", "A config is an object: it starts with {")
        return node

    def _rest(self) -> None:
        """Report what follows the root."""
        if self._skip():
            end = len(self.text.rstrip())
            if self.damaged < self.at:
                self._stray(max(end, self.at + 1), "Nothing may follow the closing bracket")
            self.at = len(self.text)

    # Sound text

    def _read_plain(self) -> None:
        """Read on for as long as the text is plain sound JSON."""
        text, at, stack = self.text, self.at, self.stack
        container: Object | Array = stack[-1]
        new = tuple.__new__  # of Span, without its checks: half of the time here goes into making nodes
        while True:
            if self.wants_element:
                value: Node
                if type(container) is Object:
                    match = _MEMBER.match(text, at)
                    if match is None:
                        if container.members or (match := _FOLLOW.match(text, at)) is None or match[1] != "}":
                            break
                        self.wants_element = False
                        continue
                    name, opening, string, atom, comma = match.group(2, 4, 6, 7, 8)
                    at = match.end()
                    if string is not None:
                        value = Scalar(new(Span, match.span(5)), string)
                    elif atom is not None:
                        value = Scalar(new(Span, match.span(7)), CONSTANTS[atom] if atom in CONSTANTS else number(atom))
                    else:
                        value = Object(_NOWHERE) if opening == "{" else Array(_NOWHERE)
                    key = Scalar(new(Span, match.span(1)), name)
                    container.members.append(Member(key, value, match.start(3)))
                else:
                    match = _ITEM.match(text, at)
                    if match is None:
                        if container.items or (match := _FOLLOW.match(text, at)) is None or match[1] != "]":  # type: ignore[union-attr]
                            break
                        self.wants_element = False
                        continue
                    opening, string, atom, comma = match.group(1, 3, 4, 5)
                    at = match.end()
                    if string is not None:
                        value = Scalar(new(Span, match.span(2)), string)
                    elif atom is not None:
                        value = Scalar(new(Span, match.span(4)), CONSTANTS[atom] if atom in CONSTANTS else number(atom))
                    else:
                        value = Object(_NOWHERE) if opening == "{" else Array(_NOWHERE)
                    container.items.append(value)  # type: ignore[union-attr]
                if opening is not None:
                    container = value  # type: ignore[assignment]
                    stack.append(container)
                    self.starts.append(at - 1)
                    self.indents.append(0)
                    self.comma = -1
                elif comma is not None:
                    self.comma = at - 1
                else:
                    self.wants_element = False
            else:
                match = _FOLLOW.match(text, at)
                if match is None:
                    break
                char = match[1]
                if char == ",":
                    self.wants_element = True
                    at = match.end()
                    self.comma = at - 1
                elif len(stack) == 1 or (char == "}") is not (type(container) is Object):
                    break
                else:
                    at = match.end()
                    self._close(at)
                    container = stack[-1]
        self.at = at

    # One careful step

    def _step(self) -> None:
        """Read one token or one element, repairing what is wrong with it."""
        char = self._skip()
        container = self.stack[-1]
        if not char:
            self._end_of_text()
        elif self.by_indent and self._dedented(char):
            pending = self.wants_element and self.comma >= 0 and char not in "}]"
            self._close_unclosed(len(self.stack) - 1)
            self.wants_element = pending
        elif char in "}]":
            self._closing_bracket(char)
        elif char == ",":
            self._comma()
        elif not self.wants_element and not self._comma_missing(char):
            return
        elif isinstance(container, Object):
            self._member(container)
        else:
            self._item(container)

    def _skip(self) -> str:
        """Go past space and comments to the next token; its first character, or nothing at the end."""
        text, start = self.text, self.at
        while True:
            match = _SPACE.match(text, self.at)
            self.at = match.end() if match else self.at
            if text.startswith("//", self.at):
                comment = _LINE_COMMENT.match(text, self.at)
                end = comment.end() if comment else self.at + 2
            elif text.startswith("/*", self.at):
                end = self._block_comment()
            else:
                break
            self._comment(end)
        newline = max(text.rfind("\n", start, self.at), text.rfind("\r", start, self.at))
        self.line_start = newline >= 0
        if self.line_start:
            self.indent = self.at - newline - 1
        return text[self.at : self.at + 1]

    def _block_comment(self) -> int:
        """The end of the block comment here; one that is never closed ends with its line."""
        end = self.text.find("*/", self.at + 2) if self.last_comment_end > self.at else -1
        if end >= 0:
            return end + 2
        line = re.compile(r"[^\r\n]*").match(self.text, self.at)
        end = line.end() if line else self.at + 2
        self._report(self.at, end, "unclosed", "This comment is never closed", replace("Insert */", end, end, " */"))
        return end

    def _comment(self, end: int) -> None:
        span = Span(self.at, end)
        self.comments.append(span)
        if self.damaged < end:
            message = "Olivine reads comments, Microsoft Olive refuses them"
            fix = replace("Remove the comment", span.start, span.end, "")
            self.problems.append(Problem(span, Severity.WARNING, "comment", message, (), (fix,)))
        self.at = end

    def _report(self, start: int, end: int, code: str, message: str, *fixes: Fix, remove: bool = False) -> None:
        if remove:
            fixes = (replace("Remove it", start, end, ""),)
        self.problems.append(error(start, end, code, message, *fixes))
        self.damaged = max(self.damaged, end)

    def _stray(self, end: int, message: str) -> None:
        """Skip what does not belong here."""
        self._report(self.at, end, "unexpected-text", message, remove=True)
        self.at = end

    # Elements

    def _comma(self) -> None:
        if self.wants_element:
            self._stray(self.at + 1, "There is a comma too many here")
            return
        self.comma = self.at
        self.at += 1
        self.wants_element = True

    def _comma_missing(self, char: str) -> bool:
        """Whether an element starts here although no comma did; what is no element is skipped."""
        text, at = self.text, self.at
        if char == ":":
            self._stray(at + 1, "There is a colon too many here")
            return False
        if char not in "\"'{[-0123456789" and not self.line_start and not _WORD_KEY_AHEAD.match(text, at):
            node, _ = scan(text, at)
            if self.damaged < at:
                self._stray(node.span.end, "A comma or a closing bracket belongs here")
            self.at = node.span.end
            return False
        in_object = isinstance(self.stack[-1], Object)
        if in_object and char in "{[" and self._balance(char) > 0:
            return True
        if (in_object or char not in "-0123456789") and _LONE_WORD.match(text, at):
            return True  # it is reported as a word without quotes
        end = self._last_end()
        if self.damaged < end:
            fix = replace("Insert a comma", end, end, ",")
            self.problems.append(error(max(end - 1, 0), end, "missing-comma", "A comma is missing after this", fix))
        return True

    def _last_end(self) -> int:
        """Where the last element of the current container ends."""
        container = self.stack[-1]
        if isinstance(container, Array):
            return container.items[-1].span.end if container.items else self.starts[-1] + 1
        if not container.members:
            return self.starts[-1] + 1
        last = container.members[-1]
        return last.key.span.end if isinstance(last.value, Missing) and not last.value.word else last.value.span.end

    def _item(self, array: Array) -> None:
        """Read an item of an array, or find that the array has ended."""
        text, char = self.text, self.text[self.at]
        if char == ":":
            self._stray(self.at + 1, "There is a colon too many here")
            return
        if char == '"' and _PAIR_AHEAD.match(text, self.at):
            if self._balance("{") < 0 and (not array.items or isinstance(array.items[-1], Object)):
                array.items.append(self._open("{", virtual=True))
                return
            if self._balance("[") > 0 and len(self.stack) > 1:
                self._close_unclosed(len(self.stack) - 1)
                self.wants_element = True
                return
        self.wants_element = False
        array.items.append(self._value())

    def _member(self, container: Object) -> None:
        """Read `"key": value`, or as much of it as is there."""
        text, start = self.text, self.at
        char = text[start]
        if char in '"{[' and container.members and _LIST_AHEAD.match(text, start) and self._balance("[") < 0:
            self._open_lost_array(container.members[-1])
            return
        if char in "{[":
            self._bracket_for_key(char)
            return
        if char == ":" and _COLON_KEY_AHEAD.match(text, start):
            self._stray(start + 1, "There is a colon too many here")
            return
        if char == ":":
            self._report(start, start + 1, "unexpected-text", "A key belongs before this colon")
            self._member_value(Member(Scalar(Span(start, start), ""), Missing(Span(start, start))))
            return
        if char not in "\"'" and (glued := _GLUED_KEY_AHEAD.match(text, start)):
            self._stray(text.index('"', start, glued.end()), "This does not belong here")
            return
        key, problems = scan(text, start, as_key=True)
        assert isinstance(key, Scalar)
        self.problems += problems
        self.at = key.span.end
        member = Member(key, Missing(Span(self.at, self.at)))
        container.members.append(member)
        self.wants_element = False
        self._after_key(member, bool(problems))

    def _after_key(self, member: Member, reported: bool) -> None:
        key_end = self.at
        if reported:
            self.damaged = max(self.damaged, key_end)
        char = self._skip()
        if char == "," and _COLON_AHEAD.match(self.text, self.at):
            self._stray(self.at + 1, "There is a comma too many here")
            char = self._skip()
        stray = None if self.line_start else _STRAY_BEFORE_COLON.match(self.text, self.at)
        if stray:
            self._stray(stray.end(), "This does not belong here")
            char = self._skip()
        if char == ":":
            self._member_value(member)
        elif self._value_follows(char):
            if not reported:
                fix = replace("Insert a colon", key_end, key_end, ":")
                self._report(member.key.span.start, key_end, "missing-colon", "A colon is missing after this key", fix)
            member.colon = key_end
            member.value = self._value()
        elif not reported and char:
            self._report(member.key.span.start, key_end, "missing-value", "A colon and a value belong after this key")

    def _value_follows(self, char: str) -> bool:
        """Whether a value stands where a colon belongs: on the line of its key, and not itself a key."""
        if not char or char in ",}]" or _KEY_AHEAD.match(self.text, self.at):
            return False
        return char in "{[" or not self.line_start

    def _member_value(self, member: Member) -> None:
        """Read the value after the colon that is here."""
        text = self.text
        self.wants_element = False
        member.colon = self.at
        self.at += 1
        gap, indent = self.at, self.indent
        char = self._skip()
        while char and (
            char == ":"
            or (char == "," and _VALUE_AHEAD.match(text, self.at))
            or (char in "}]" and _ELEMENT_AHEAD.match(text, self.at) and self._is_surplus(char))
        ):
            if char in "}]":
                self._settle(_PAIRS[char], +1)
            self._stray(self.at + 1, f"There is a {char} too many here")
            char = self._skip()
        stray = _STRAY_BEFORE_VALUE.match(text, self.at)
        if stray:
            self._stray(stray.end(), "This does not belong here")
            char = self._skip()
        deeper = not self.line_start or self.indent > indent or not self.by_indent
        if char == '"' and deeper and _PAIR_AHEAD.match(text, self.at) and self._balance("{") < 0:
            member.value = self._open("{", virtual=True)
            self.indents[-1] = indent
            return
        next_member = (_KEY_AHEAD if self.line_start else _PAIR_AHEAD).match(text, self.at)
        if char and char not in ",}]" and not next_member:
            member.value = self._value()
            return
        member.value = Missing(Span(gap, self.at))
        if char:
            self._report(member.key.span.start, gap, "missing-value", "A value is missing after the colon")
        self.damaged = max(self.damaged, self.at if char else -1)

    def _value(self) -> Node:
        """Read the value here; of a container only the opening bracket."""
        char = self.text[self.at]
        if char in "{[":
            return self._open(char)
        node, problems = scan(self.text, self.at)
        self.at = node.span.end
        if problems:
            self.problems += problems
            self.damaged = max(self.damaged, self.at)
        return node

    # Brackets

    def _open(self, bracket: str, virtual: bool = False) -> Object | Array:
        """Open a container here; a virtual one although its bracket is not in the text."""
        node = Object(_NOWHERE) if bracket == "{" else Array(_NOWHERE)
        if virtual:
            self._unopened(bracket, self.at)
        self.stack.append(node)
        self.starts.append(self.at)
        self.indents.append(self.indent)
        self.at += not virtual
        self.wants_element = True
        self.comma = -1
        return node

    def _unopened(self, bracket: str, at: int) -> None:
        fix = replace(f"Insert {bracket}", at, at, bracket)
        self.problems.append(error(at, at + 1, "unopened", f"A {bracket} is missing before this", fix))
        self._settle(bracket, +1)

    def _open_lost_array(self, member: Member) -> None:
        """The values after `member` and a surplus ] further down say that its value was to be an array."""
        start = member.value.span.start
        self._unopened("[", start)
        array = Array(_NOWHERE, [member.value])
        member.value = array
        line = max(self.text.rfind("\n", 0, member.key.span.start), self.text.rfind("\r", 0, member.key.span.start))
        self.stack.append(array)
        self.starts.append(start)
        self.indents.append(max(member.key.span.start - line - 1, 0))

    def _bracket_for_key(self, bracket: str) -> None:
        """A bracket where a key belongs: too many, or the value of a key that is lost."""
        if self._balance(bracket) > 0:
            self._settle(bracket, -1)
            self._stray(self.at + 1, f"There is a {bracket} too many here")
            return
        self._report(self.at, self.at + 1, "unexpected-text", "A key belongs before this value")
        self.wants_element = False
        self._value()

    def _closing_bracket(self, char: str) -> None:
        opening = _PAIRS[char]
        matches = isinstance(self.stack[-1], Object) is (char == "}")
        if self._is_surplus(char) or (self.by_indent and self._closes_early()):
            self._settle(opening, +1)
            self._stray(self.at + 1, f"There is a {char} too many here")
        elif not matches:
            self._wrong_bracket(char, opening)
        elif len(self.stack) == 1 and _MORE_AHEAD.match(self.text, self.at):
            self._stray(self.at + 1, f"There is a {char} too many here")
        else:
            self._trailing_comma()
            self.at += 1
            self._close(self.at)

    def _wrong_bracket(self, char: str, opening: str) -> None:
        """Decide by what is missing in the whole text: a bracket too many, one typed wrong, or one forgotten before."""
        top = "{" if isinstance(self.stack[-1], Object) else "["
        wanted = Object if opening == "{" else Array
        depth = next((i for i in reversed(range(len(self.stack))) if isinstance(self.stack[i], wanted)), -1)
        if self._balance(top) > 0 and self._balance(opening) < 0:
            self._settle(top, -1)
            self._settle(opening, +1)
            right = _PAIRS[top]
            fix = replace(f"Change to {right}", self.at, self.at + 1, right)
            self._report(self.at, self.at + 1, "unexpected-text", f"A {right} belongs here, not a {char}", fix)
            self.at += 1
            self._close(self.at)
        elif depth < 0 or self._balance(opening) < 0:
            self._settle(opening, +1)
            self._stray(self.at + 1, f"There is a {char} too many here")
        else:
            self._close_unclosed(depth + 1)

    def _trailing_comma(self) -> None:
        if self.wants_element and self.comma >= 0 and self.damaged <= self.comma:
            fix = replace("Remove the comma", self.comma, self.comma + 1, "")
            message = "Olivine allows this trailing comma, Microsoft Olive refuses it"
            span = Span(self.comma, self.comma + 1)
            self.problems.append(Problem(span, Severity.WARNING, "trailing-comma", message, (fix,)))

    def _close(self, end: int, closed: bool = True) -> None:
        """Close the current container: its text ends at `end`."""
        container = self.stack.pop()
        container.span = Span(self.starts.pop(), end)
        self.indents.pop()
        self.wants_element = False
        if not closed:
            container.closed = False
        if type(container) is Object:
            members = container.members
            if len({member.key.value for member in members}) != len(members):
                self._duplicate_keys(container)

    def _close_unclosed(self, depth: int) -> None:
        """Close the containers from `depth` upwards, whose own brackets are not in the text."""
        start = self.starts[-1]
        missing = ""
        end = self._last_end()
        while len(self.stack) > depth:
            bracket = "{" if isinstance(self.stack[-1], Object) else "["
            self._settle(bracket, -1)
            missing += _PAIRS[bracket]
            self._close(self.at, closed=False)
        virtual = self.text[start] not in "{["  # reported when it was opened
        if not virtual and (self.damaged < len(self.text) or self.at < len(self.text)):
            fix = replace(f"Insert {missing}", end, end, missing)
            what = "bracket is" if len(missing) == 1 else "brackets are"
            self._report(start, start + 1, "unclosed", f"The closing {what} missing: {missing}", fix)

    def _end_of_text(self) -> None:
        self._close_unclosed(0)

    def _duplicate_keys(self, container: Object) -> None:
        seen: dict[object, Member] = {}
        for member in container.members:
            if member.key.value in seen:
                message = f"{member.name} stands here a second time; only the last one counts"
                span, before = member.key.span, seen[member.key.value]
                fixes = []
                if len(container.members) <= HAND_WRITTEN:
                    edits = remove_member(self.text, container, before)
                    fixes.append(Fix(f'Remove the "{member.name}" before', edits))
                self.problems.append(error(span.start, span.end, "duplicate-key", message, *fixes))
            seen[member.key.value] = member

    # Evidence

    def _balance(self, bracket: str) -> int:
        """How many more of `bracket` are in the text than of its counterpart, repairs so far included."""
        if self.balance is None:
            bare = _BESIDE_BRACKETS.sub("", self.text)
            self.balance = {"{": bare.count("{") - bare.count("}"), "[": bare.count("[") - bare.count("]")}
        return self.balance[bracket]

    def _settle(self, bracket: str, change: int) -> None:
        self._balance(bracket)
        assert self.balance is not None
        self.balance[bracket] += change

    def _dedented(self, char: str) -> bool:
        """Whether the indentation says that the current container ended before this line."""
        if not self.line_start or len(self.stack) == 1 or char == ",":
            return False
        return self.indent < self.indents[-1] if char in "}]" else self.indent <= self.indents[-1]

    def _is_surplus(self, char: str) -> bool:
        """Whether this closing bracket is one too many: so says the whole text, and the comma around it."""
        after_comma = self.wants_element and self.comma >= 0
        odd = after_comma or _ELEMENT_AHEAD.match(self.text, self.at) is not None
        return odd and self._balance(_PAIRS[char]) < 0

    def _closes_early(self) -> bool:
        """Whether the lines after this bracket are indented as if they were still inside its container."""
        following = _NEXT_LINE.match(self.text, self.at)
        return following is not None and len(following[1]) > self.indents[-1]
