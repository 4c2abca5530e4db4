"""Write dataset/dataset-classification.json from the sentence templates. The same templates give the same file.

A template is a line of `dataset/templates/<tone>.txt`. `[a|b|c]` stands for one of its own wordings, `{who}` for a word
of the lists below, which all tones share: what tells the tones apart is what happens, not whom it happens to.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

DATASET = Path(__file__).parent / "dataset"
TONES = ("sad", "joy", "fear", "surprise")
VARIANTS = 3
"""Phrases made of one template."""

MEN = ["my brother", "my father", "my uncle", "my grandfather", "our landlord", "my nephew"]
WOMEN = ["my sister", "my mother", "my grandmother", "my aunt", "our landlady", "my niece"]
WORDS = {
    "he": MEN,
    "she": WOMEN,
    "who": [*MEN, *WOMEN, "my neighbour", "my best friend", "my cousin", "my old teacher", "my flatmate"],
    "man": ["Malik", "Tom", "Pavel", "Omar", "Diego", "Henrik"],
    "woman": ["Anna", "Ines", "Yuki", "Lena", "Grace", "Priya"],
    "name": ["Anna", "Malik", "Ines", "Tom", "Yuki", "Pavel", "Lena", "Omar", "Grace", "Diego", "Priya", "Henrik"],
    "when": ["this morning", "last night", "on Sunday", "yesterday", "an hour ago", "on Friday", "just before noon"],
    "month": ["March", "Easter", "the autumn", "last year", "the first of May"],
    "place": [
        "at the station", "in the garden", "by the harbour", "at the market", "behind the church", "in the car park",
        "at the lake", "in the old mill", "at the office",
    ],
    "room": ["kitchen", "hallway", "attic", "cellar", "garage", "bedroom", "living room", "bathroom"],
    "pet": ["dog", "cat", "parrot", "rabbit", "goat", "hamster"],
    "thing": ["letter", "parcel", "note", "card", "envelope", "package"],
    "n": ["two", "three", "four", "five", "six", "seven", "nine", "eleven"],
}  # fmt: skip
PLACEHOLDER = re.compile(r"\[([^\]]*)\]|\{(\w+)\}")


def phrase(template: str, number: int, variant: int) -> str:
    """The phrase that a template makes: `number` of the template and of its variant choose the words."""
    used: dict[str, int] = {}

    def word(match: re.Match[str]) -> str:
        own, name = match.groups()
        if own is not None:
            return own.split("|")[variant % (own.count("|") + 1)]
        key = name.lower().removesuffix("_")
        used[key] = used.get(key, 0) + 1
        words = WORDS[key]
        chosen = words[(5 * number + variant + 3 * (used[key] - 1)) % len(words)]
        return chosen if name == key else chosen[0].upper() + chosen[1:]

    # An own wording may hold a shared word, so placeholders are filled until none is left.
    text = template
    while PLACEHOLDER.search(text):
        text = PLACEHOLDER.sub(word, text)
    return text


def rows_of(tone: str) -> list[dict[str, str]]:
    """All different phrases of one tone, with their label."""
    templates = (DATASET / "templates" / f"{tone}.txt").read_text(encoding="utf-8").split("\n")[:-1]
    phrases = [phrase(each, number, variant) for number, each in enumerate(templates) for variant in range(VARIANTS)]
    return [{"phrase": each, "tone": tone} for each in dict.fromkeys(phrases)]


def dataset() -> list[dict[str, str]]:
    """As many rows of every tone, in an order that mixes them."""
    tones = [sorted(rows_of(tone), key=_shuffled) for tone in TONES]
    least = min(len(rows) for rows in tones)
    return sorted((row for rows in tones for row in rows[:least]), key=_shuffled)


def _shuffled(row: dict[str, str]) -> bytes:
    """A sort key without pattern that is the same on every machine."""
    return hashlib.sha256(row["phrase"].encode()).digest()


if __name__ == "__main__":
    lines = [json.dumps(row, ensure_ascii=False) for row in dataset()]
    (DATASET / "dataset-classification.json").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(lines)} phrases")
