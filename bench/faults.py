"""The fault table: runs that are killed, stopped, cancelled and starved, and what that leaves behind.

    python bench/faults.py [--times 20] [--only NAME …] [--jobs 2] [--seed 0]

Each fault strikes a run of its own: a two-layer model through LoRA, merge and int4 build, started over the standard
streams of the real server, in a workspace, a cache and a queue of its own. Afterwards a new server resumes what did not
succeed. Counted for each fault: processes that are alive after the run's end is told, states that are not the right
ones, finished passes that were made again, and result files that are not those of a run which nobody disturbed. Exits 1
on any, and 130 when it is interrupted. Needs Linux; full disks need the right to mount, and the clock a C compiler.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from trials import processes, surroundings
from trials.moments import MOMENTS
from trials.trial import FAILURES, Impossible, Outcome, Trial
from trials.undisturbed import Baseline, undisturbed

INTERRUPTED = 130
COUNTED = ("orphans", "states", "lost", "different")
FAULTS: dict[str, Callable[[Trial], None]] = {
    "server killed": processes.server_killed,
    "server killed while it starts a run": processes.server_killed_at_start,
    "run killed": processes.run_killed,
    "server and run killed": processes.both_killed,
    "SIGSTOP, then cancelled": processes.suspended,
    "disk full": surroundings.disk_full,
    "disk of the records full": surroundings.disk_of_records_full,
    "run folder deleted": surroundings.folder_deleted,
    "events cut mid-line": surroundings.events_cut,
    "killed and events cut": surroundings.events_cut_and_killed,
    "clock step": surroundings.clock_step,
    "two runs into one output": surroundings.one_output,
    **{f"cancel: {stage}": processes.cancelled(stage) for stage in ("first millisecond", *MOMENTS)},
}


def main() -> int:
    """Strike, and print the table; 1 if anything was left behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[], choices=list(FAULTS), metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--jobs", type=int, default=2, help="faults at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first time: the moments depend on it")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
    scratch = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        total = strike_all(args, scratch)
    except KeyboardInterrupt:
        print("interrupted; nothing is left alive")
        shutil.rmtree(scratch, ignore_errors=True)
        return INTERRUPTED
    if total == 0:
        shutil.rmtree(scratch)
    else:
        print(f"{total} faults; what they left is in {scratch}")
    return int(total > 0)


def strike_all(args: argparse.Namespace, scratch: Path) -> int:
    """Strike as often as is asked for, and print a row for each fault; how much is wrong."""
    baseline = undisturbed(scratch)
    numbers = range(args.first, args.first + args.times)
    print(f"{'fault':38} {'times':>5} {'orphans':>8} {'wrong states':>13} {'lost passes':>12} {'different files':>16}")
    # Leaving the pool, also by an interrupt, ends its processes by SIGTERM: what was not begun is not done.
    with multiprocessing.get_context("spawn").Pool(args.jobs, initializer=until_told_to_leave) as pool:
        begun = {
            name: [pool.apply_async(strike, (name, number, args.seed, scratch, baseline)) for number in numbers]
            for name in args.only or FAULTS
        }
        return sum(row(name, [each.get() for each in outcomes]) for name, outcomes in begun.items())


def until_told_to_leave() -> None:
    """A process of the pool leaves Ctrl-C to the one that made it, and cleans up when it is told to leave."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))


def strike(name: str, number: int, seed: int, scratch: Path, baseline: Baseline) -> Outcome:
    """One fault, once."""
    place = Path(tempfile.mkdtemp(dir=scratch))
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    with ExitStack() as after:
        trial = Trial(place, baseline, number, random.Random(f"{seed} {name} {number}"), after)
        try:
            FAULTS[name](trial)
        except Impossible as error:
            trial.outcome.impossible = str(error)
        except FAILURES:
            trial.outcome.states.append(traceback.format_exc())
        finally:
            trial.end_all()
    if not trial.outcome.faults:
        shutil.rmtree(place, ignore_errors=True)
    return trial.outcome


def row(name: str, outcomes: list[Outcome]) -> int:
    """Print a line of the table, and what is wrong below it; how much that is."""
    tried = [outcome for outcome in outcomes if not outcome.impossible]
    counts = [sum(len(getattr(outcome, column)) for outcome in tried) for column in COUNTED]
    print(f"{name:38} {len(tried):5} {counts[0]:8} {counts[1]:13} {counts[2]:12} {counts[3]:16}", flush=True)
    for reason in {outcome.impossible for outcome in outcomes} - {""}:
        print(f"    not tried: {reason}")
    for number, outcome in enumerate(outcomes):
        for column in COUNTED:
            for text in getattr(outcome, column):
                print(f"    time {number}, {column}: {text}", flush=True)
    return sum(counts)


if __name__ == "__main__":
    sys.exit(main())
