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
                "text_template": "### Text: {phrase}\\n### Tone:\\n{tone}",
                "text_cols": ["phrase", "tone"],
                "strategy": "line-by-line",
                "max_seq_len": 64
            }
        }
    ],
    "passes": {
        "tune": {
            "type": "LoRAx",
            "r": 16,
            "target_modules": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
            "train_data_config": "phrases",
            "eval_dataset_size": 4,
            "training_args": {
                "max_steps": 300,
                "logging_steps": 5,
                "eval_steps": 50,
                "save_steps": 50,
                "per_device_train_batch_size": 4,
                "learning_rate": 0.002,
                "seed": 0
            }
        },
        "merge": { "type": "MergeAdapterWeights" },
        "build": { "type": "ModelBuilder", "precision": "int4" }
    },
    "evaluators": {
        "tone": {
            "metrics": [
                {
                    "name": "accuracy",
                    "type": "accuracy",
                    "data_config": "phrases",
                    "sub_types": [{ "name": "accuracy_score" }]
                }
            ]
        }
    },
    "evaluator": "tone",
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
    build_model(folder / "model")


def build_model(folder: Path) -> None:
    """A random model whose words weigh enough that a minute's training of an adapter makes it answer."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(build_tiny_model(folder, hidden=192))
    with torch.no_grad():
        model.lm_head.weight.mul_(8)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
