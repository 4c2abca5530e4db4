"""Makes a folder with a config, its data and a small model that really trains: `python workspace.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tests" / "pipeline"))

from tiny_model import PHRASES, build_tiny_model

CONFIG = """\
{
    "input_model": { "type": "HfModel", "model_path": "model" },
    "data_configs": [
        {
            "name": "phrases",
            "type": "HuggingfaceContainer",
            "load_dataset_config": { "data_name": "json", "data_files": "phrases.jsonl", "split": "train" },
            "pre_process_data_config": {
                "text_template": "### Text: {phrase}\\n### Tone: {tone}",
                "text_cols": ["phrase", "tone"],
                "max_seq_len": 64
            }
        }
    ],
    "passes": {
        "tune": {
            "type": "LoRAx",
            "r": 8,
            "train_data_config": "phrases",
            "training_args": {
                "max_steps": 120,
                "logging_steps": 2,
                "save_steps": 20,
                "per_device_train_batch_size": 2,
                "learning_rate": 0.001,
                "seed": 0
            }
        },
        "merge": { "type": "MergeAdapterWeights" }
    },
    "cache_dir": "cache",
    "output_dir": "models"
}
"""


def main(folder: Path) -> None:
    """Fill the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "olive-config.json").write_text(CONFIG, encoding="utf-8")
    lines = [json.dumps(row) for row in PHRASES]
    (folder / "phrases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    build_tiny_model(folder / "model")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
