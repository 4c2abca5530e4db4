"""What can be folded: blocks of several lines."""

from __future__ import annotations

from olivine_schemas.tree import Array, Object, walk
from olivine_server.workspace import Document


def foldings(document: Document) -> list[tuple[int, int]]:
    """First and last line of every block of several lines; a closing bracket stays in sight."""
    found: dict[int, int] = {}
    for _, node in walk(document.tree):
        if isinstance(node, (Object, Array)):
            written = document.text[node.span.start : node.span.end].rstrip()
            first, _ = document.lines.position(node.span.start)
            last, _ = document.lines.position(node.span.start + len(written))
            last -= written.endswith(("}", "]")) and written.startswith(("{", "["))
            if last > first:
                found.setdefault(first, last)  # of two that start on a line, an editor folds the outer one
    return sorted(found.items())
