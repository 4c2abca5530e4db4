"""Stands in for Python on the double's compute: tells the events of a training and makes results, in a second.

The tests of what goes wrong around a job need a job that is quick; that the real one works is tested by itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

STEPS = 6


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="module", required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    args, _ = parser.parse_known_args()
    # Only the shell that starts this program knows where the snapshot has Olivine's packages.
    sys.path.insert(0, os.environ["PYTHONPATH"].partition(os.pathsep)[0])
    from olivine_pipeline.errors import RunError
    from olivine_pipeline.hosts.azureml.job import keep_results
    from olivine_pipeline.journal import EventFile, Journal
    from olivine_schemas.runs import PassInfo, RunState

    journal = Journal([EventFile("-")])
    journal.run_started(str(args.config), [PassInfo("tune", "LoRA")], "a small processor", {})
    journal.pass_started("tune", "LoRA", 1, 1)
    for step in range(1, STEPS + 1):
        print(f"line {step}", file=sys.stderr, flush=True)
        journal.metric("loss", 3.0 / step, step)
        journal.progress("training", step, STEPS, "step")
        time.sleep(float(os.environ.get("SMALL_JOB_SECONDS", "0.1")))
        if os.environ.get("SMALL_JOB_ENDS") == "told" and step == 3:
            journal.failed(RunError("out-of-memory", "There is not enough memory.", "A smaller batch may fit."))
            return 3
        if os.environ.get("SMALL_JOB_ENDS") == "crash" and step == 3:
            print("Segmentation fault of the driver", file=sys.stderr, flush=True)
            os._exit(139)
    output = args.config.parent / "models"
    (output / "adapter").mkdir(parents=True)
    (output / "adapter" / "weights.bin").write_bytes(bytes(range(256)) * (9 << 12))
    (output / "report.html").write_text("<p>report</p>")
    (output / "report.json").write_text('{"stages": [], "samples": []}')
    journal.pass_finished("tune", "LoRA", 1, 1, 1.0, "key")
    journal.artifact("adapter", "LoRA", output / "adapter", 9 << 20)
    if os.environ.get("RANK", "0") == "0":
        keep_results(output, args.results)
    journal.finished(RunState.SUCCEEDED, 1.0, str(output))
    journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
