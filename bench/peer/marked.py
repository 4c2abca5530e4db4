"""Run a Python program and write down when its training begins and ends.

usage: python marked.py MARKS_FILE -m MODULE ARGUMENT...

Imports nothing that the program does not import: it waits for `transformers.trainer` to be imported and wraps
`Trainer.train` and `Trainer.training_step` there. Times are seconds since the epoch, so that another process can relate
them to its own.
"""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

MODULE = "transformers.trainer"


class _Watch(MetaPathFinder):
    """Finds the trainer's module like everyone else, and wraps the trainer once it is loaded."""

    def __init__(self, marks: Path) -> None:
        self._marks = marks

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_wrap(module: Any) -> None:
                load(module)
                _wrap(module.Trainer, self._marks)

            spec.loader.exec_module = load_and_wrap  # type: ignore[method-assign]
        return spec


def _wrap(trainer: Any, marks: Path) -> None:
    steps: list[tuple[float, float, int]] = []
    train, training_step = trainer.train, trainer.training_step

    def marked_step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        begin, tokens = time.time(), inputs["input_ids"].numel()
        result = training_step(self, model, inputs, *args, **kwargs)
        steps.append((begin, time.time(), tokens))
        return result

    def marked_train(self: Any, *args: Any, **kwargs: Any) -> Any:
        begin = time.time()
        result = train(self, *args, **kwargs)
        losses = [entry["loss"] for entry in self.state.log_history if "loss" in entry]
        marks.write_text(json.dumps({"train": [begin, time.time()], "steps": steps, "losses": losses}))
        return result

    trainer.train, trainer.training_step = marked_train, marked_step


if __name__ == "__main__":
    marks_file, flag, module_name, *arguments = sys.argv[1:]
    assert flag == "-m", __doc__
    sys.meta_path.insert(0, _Watch(Path(marks_file).resolve()))
    sys.argv = [module_name, *arguments]
    sys.path[0] = ""
    runpy.run_module(module_name, run_name="__main__", alter_sys=True)
