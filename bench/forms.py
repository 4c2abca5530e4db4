"""Both forms of the demo's config, each with a cache of its own, must make the very same adapter and ONNX files.

    python bench/forms.py [--steps N] [--model FOLDER] [--keep FOLDER]

Runs examples/phrase-tone with olive-config.json and with olive-config.today.json on the demo's model (`make demo`
obtains it) or the one of `--model`. `--steps` trains for fewer steps than the configs say, the same in both. Prints a
hash a file; exits 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))

from runs import hashes  # noqa: E402

EXAMPLE = ROOT / "examples" / "phrase-tone"
FORMS = ("olive-config.json", "olive-config.today.json")
COMPARED = ("*.safetensors", "adapter_config.json", "*.onnx", "*.onnx.data", "genai_config.json", "tokenizer.json")


def make(form: str, model: Path, folder: Path, steps: int | None) -> dict[str, str]:
    """Run one form in a folder of its own; hashes of what it made."""
    folder.mkdir(parents=True)
    (folder / "model").symlink_to(model.resolve())
    shutil.copytree(EXAMPLE / "dataset", folder / "dataset")
    config = json.loads((EXAMPLE / form).read_text(encoding="utf-8"))
    if steps is not None:
        tune = next(iter(config["passes"].values()))
        tune.get("config", tune)["training_args"]["max_steps"] = steps
    (folder / "olive-config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "olivine_pipeline", "run", "--plain"], cwd=folder, check=True)
    print(f"{form}: {time.monotonic() - began:.1f} s", flush=True)
    return hashes(folder / "models", *COMPARED)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="train for so many steps")
    parser.add_argument("--model", type=Path, default=EXAMPLE / "model", metavar="FOLDER", help="model to train")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the files in FOLDER, and keep them")
    args = parser.parse_args()
    if not (args.model / "config.json").is_file():
        sys.exit(f"There is no model in {args.model}: run `make demo` first.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        old, today = (make(form, args.model, folder / Path(form).stem, args.steps) for form in FORMS)
    for name in sorted(old.keys() | today.keys()):
        same = old.get(name) == today.get(name)
        print(f"{'same' if same else 'DIFFERENT':9}  {old.get(name, '-')[:16]}  {today.get(name, '-')[:16]}  {name}")
    return 0 if old == today else 1


if __name__ == "__main__":
    sys.exit(main())
