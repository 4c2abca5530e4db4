"""What a training pass is told to do, for the rules about `training_args`."""

from __future__ import annotations

from olivine_schemas.tree import Member, Node, text_of

from .reading import PassEntry, is_given, number


def positive(node: Node | None) -> float | None:
    """The value of a number above zero."""
    value = number(node)
    return value if value is not None and value > 0 else None


def strategy(entry: PassEntry, name: str) -> Member | None:
    """The member that says when to evaluate or save, unless it is null."""
    member = entry.training.member(name)
    return member if member and is_given(member.value) else None


def has_evaluation_data(entry: PassEntry) -> bool:
    """Whether there is data to evaluate on while training."""
    return is_given(entry.config.get("eval_data_config")) or is_given(entry.config.get("eval_dataset_size"))


def evaluation_strategy(entry: PassEntry) -> str:
    """no, steps or epoch: as written, else by steps where there is evaluation data."""
    written = strategy(entry, "eval_strategy")
    return (text_of(written.value) or "no") if written else "steps" if has_evaluation_data(entry) else "no"
