"""The double for whoever is no test of Python: `cd tests/azureml && python -m double FOLDER`.

Needs a Python with `olivine[azure]` in its pinned versions, and Node.js for Azurite. Makes in FOLDER, a new one:

    project/    a config for Azure ML, with its data: what to open
    python      a Python for `olivine.pipeline.interpreter` that is signed in and whose way to Azure is the double

and prints one line of JSON once all is ready: the two paths, and the variables that the Python adds to its environment.
Then each line of standard input is answered by one of JSON, until standard input ends, and the double with it:

    jobs        every job with its status: {"olivine-…": "Running"}
    hold        the jobs that come wait in the queue
    release     they go on
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from configs import small_workspace
from workspaces import signed_in, with_small_jobs

from . import Double, azurite, azurite_program, running


def main() -> int:
    parser = argparse.ArgumentParser(prog="double", description="A double of Azure Machine Learning.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where it keeps its files; made")
    parser.add_argument("--seconds", type=float, default=0.5, help="what a step of a job's training takes (0.5)")
    parser.add_argument("--real", action="store_true", help="run jobs as they are, not ones that pretend")
    args = parser.parse_args()
    folder, program = args.folder.absolute(), azurite_program()
    if program is None:
        sys.exit("Azurite is not there: Node.js is missing, or npm cannot install it")
    with azurite(program, folder / "azurite") as port, running(port, folder / "double") as double:
        if not args.real:
            with_small_jobs(double.workspace, folder / "bin", SMALL_JOB_SECONDS=str(args.seconds))
        tell({**make_project(double, folder), "environment": double.environment})
        answer(double, sys.stdin)
    return 0


def make_project(double: Double, folder: Path) -> dict[str, str]:
    """Write the workspace to open and the Python to run it with; their paths."""
    project, python = small_workspace(folder / "project"), folder / "python"
    own = signed_in(double.environment, folder / "state")
    lines = [f"unset {name}" for name in os.environ if name not in own]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in own.items() if os.environ.get(name) != value]
    python.write_text("\n".join(["#!/bin/sh", *lines, f'exec {shlex.quote(sys.executable)} "$@"', ""]))
    python.chmod(0o700)
    return {"project": str(project), "interpreter": str(python)}


def answer(double: Double, lines: Iterable[str]) -> None:
    """Do what the lines ask."""
    for line in lines:
        if line.strip() == "hold":
            double.workspace.nodes_free.clear()
        elif line.strip() == "release":
            double.workspace.nodes_free.set()
        tell({name: run.status for name, run in double.workspace.runs.items()})


def tell(what: object) -> None:
    """A line of JSON."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    sys.exit(main())
