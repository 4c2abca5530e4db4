"""The stages of a run, and how a trial waits for one."""

from __future__ import annotations

import time
from collections.abc import Callable

from olivine_schemas.runs import ACTIVE, RunState

from .trial import PATIENCE, Trial, Wrong
from .undisturbed import STEPS


def started(name: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "pass-started" and e["name"] == name for e in trial.events())


def done(name: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "pass-finished" and e["name"] == name for e in trial.events())


def doing(what: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "progress" and e["doing"].startswith(what) for e in trial.events())


def waits(trial: Trial, _: int) -> bool:
    return any(e["type"] == "log" and e["message"].startswith("waiting behind") for e in trial.events())


def trains(trial: Trial, step: int) -> bool:
    return any(e["type"] == "metric" and e["step"] >= step for e in trial.events())


def saves(trial: Trial, step: int) -> bool:
    return any((trial.place / "cache" / "work").glob("*/checkpoints/*"))


MOMENTS: dict[str, tuple[Callable[[Trial, int], bool], float]] = {
    "queued": (waits, 0.3),
    "planning": (lambda trial, _: trial.record.state is not RunState.QUEUED, 0.3),
    "importing": (doing("loading libraries"), 2.0),
    "loading": (started("tune"), 0.2),
    "training": (trains, 0.1),
    "saving": (saves, 0.02),
    "merging": (started("merge"), 0.05),
    "int4 build": (started("build"), 0.5),
    "measuring": (doing("measuring"), 1.0),
    "publishing": (done("build"), 0.2),
}
"""How a stage is known to have begun, and how many seconds it lasts or so."""
CACHED = {
    "merging": ("tune",),
    "int4 build": ("tune", "merge"),
    "publishing": ("tune", "merge"),
    "measuring": ("tune",),
}
"""Passes that are in the cache already when a stage is waited for: others have been there before it."""
AT_WORK = ("importing", "training", "saving", "training", "merging", "int4 build", "publishing")
"""Stages that faults strike in turn, with a run that begins at its beginning."""


def stage_of(trial: Trial) -> str:
    """The stage whose turn it is."""
    return AT_WORK[trial.number % len(AT_WORK)]


def comes_to(trial: Trial, stage: str) -> None:
    """Wait until a run has come to a random moment of a stage."""
    reached, seconds = MOMENTS[stage]
    step = trial.chance.randint(1, STEPS - 2)
    end = time.monotonic() + PATIENCE
    while not reached(trial, step):
        if time.monotonic() > end or trial.record.state not in ACTIVE:
            raise Wrong(f"{trial.record.state.value} before {stage}")
        time.sleep(0.003)
    time.sleep(trial.chance.uniform(0, seconds))
    trial.look()


def under_way(trial: Trial, stage: str = "") -> None:
    """Start a run in a new workspace, and wait until it has come to a stage: the one whose turn it is, or another."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    comes_to(trial, stage or stage_of(trial))
