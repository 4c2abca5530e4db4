"""The program as a person and a build job meet it: real command lines on real files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olivine_pipeline.cli import COMMANDS
from olivine_pipeline.commands.chat import find_model
from olivine_pipeline.commands.check import compatible_edits
from olivine_pipeline.manual import MANUAL, manual
from olivine_schemas.problems import Edit, Fix, Span

SOUND = {
    "input_model": {"type": "HfModel", "model_path": "model"},
    "data_configs": [
        {
            "name": "phrases",
            "type": "HuggingfaceContainer",
            "load_dataset_config": {"data_name": "json", "data_files": "data/train.json", "split": "train"},
            "pre_process_data_config": {"text_template": "{phrase} {tone}", "max_seq_len": 32},
        }
    ],
    "passes": {"ft": {"type": "LoRA", "train_data_config": "phrases", "torch_dtype": "float32"}},
}


def olivine(
    *arguments: object, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program and return what it wrote and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "olivine_pipeline", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "XDG_STATE_HOME": str(cwd / "state"), **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path, phrases: Path, tiny_model: Path) -> Path:
    """A workspace: `olive-config.json` without errors, its model and its data."""
    (tmp_path / "model").symlink_to(tiny_model)
    (tmp_path / "olive-config.json").write_text(json.dumps(SOUND, indent=4), encoding="utf-8")
    return tmp_path


def spoilt(folder: Path, old: str, new: str, name: str = "olive-config.json") -> Path:
    """The sound config with a text replaced."""
    text = (folder / "olive-config.json").read_text(encoding="utf-8")
    assert old in text
    path = folder / name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_help_tells_the_commands_and_the_exit_codes(tmp_path: Path) -> None:
    done = olivine("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("run", "check", "doctor", "exit codes", "130  cancelled"):
        assert word in done.stdout


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = olivine(command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: olivine {command}" in done.stdout


def test_the_manual_is_current() -> None:
    assert MANUAL.read_text(encoding="utf-8") == manual()


def test_a_mistyped_command_gets_the_near_one(tmp_path: Path) -> None:
    done = olivine("chek", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_the_version(tmp_path: Path) -> None:
    assert olivine("--version", cwd=tmp_path).stdout.startswith("olivine 0.")


def test_a_sound_config_is_accepted(folder: Path) -> None:
    done = olivine("check", "olive-config.json", cwd=folder)
    assert (done.stdout, done.stderr, done.returncode) == ("No problems found.\n", "", 0)


def test_a_problem_stands_under_its_place(folder: Path) -> None:
    spoilt(folder, '"train_data_config"', '"lora_dropuot": 0.1, "train_data_config"')
    done = olivine("check", "olive-config.json", cwd=folder)
    lines = done.stdout.splitlines()
    assert done.returncode == 2
    place, _, severity, code, *_ = lines[0].replace(": ", ":  ").split(" ", 4)
    file, line, column, _ = place.split(":")
    assert (file, severity, code) == ("olive-config.json", "error", "unknown-key")
    source = (folder / "olive-config.json").read_text().splitlines()[int(line) - 1]
    assert source[int(column) - 1 :].startswith('"lora_dropuot"')
    shown, carets = lines[1], lines[2]
    assert shown.endswith(source)
    assert shown[carets.index("^") : carets.rindex("^") + 1] == '"lora_dropuot"'
    assert "\x1b" not in done.stdout


def test_carets_stand_right_after_tabs_and_wide_letters(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{\t"感情": 1, "input_model": {"type": "HfModel", "model_path": "m/x"}}')
    shown, carets = olivine("check", "c.json", cwd=tmp_path).stdout.splitlines()[1:3]
    assert shown.index("\t") == carets.index("\t")
    assert carets.count("^") == 6  # two quotes and two letters that take two cells each


def test_problems_as_json_can_be_applied(folder: Path) -> None:
    path = spoilt(folder, '"train_data_config"', '"lora_dropuot": 0.1, "train_data_config"')
    done = olivine("check", "olive-config.json", "--format", "json", cwd=folder)
    problems: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == 2
    problem = next(problem for problem in problems if problem["code"] == "unknown-key")
    assert (problem["file"], problem["severity"]) == ("olive-config.json", "error")
    (edit,) = problem["fixes"][0]["edits"]
    lines = path.read_text().split("\n")
    line = lines[edit["line"] - 1]
    assert edit["line"] == edit["endLine"]
    lines[edit["line"] - 1] = line[: edit["column"] - 1] + edit["newText"] + line[edit["endColumn"] - 1 :]
    assert json.loads("\n".join(lines))["passes"]["ft"]["lora_dropout"] == 0.1


def test_problems_as_sarif(folder: Path) -> None:
    spoilt(folder, '"train_data_config"', '"lora_dropuot": 0.1, "train_data_config"', "with space.json")
    done = olivine("check", "with space.json", "olive-config.json", "--format", "sarif", cwd=folder)
    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    (result,) = (r for r in log["runs"][0]["results"] if r["ruleId"] == "unknown-key")
    place = result["locations"][0]["physicalLocation"]
    assert (result["level"], place["artifactLocation"]["uri"]) == ("error", "with%20space.json")
    assert place["region"]["startColumn"] + len('"lora_dropuot"') == place["region"]["endColumn"]
    assert result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert result["ruleId"] in {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}


def test_strict_refuses_warnings_too(folder: Path) -> None:
    training = (
        '"training_args": {"max_steps": 10, "eval_strategy": "steps", "eval_steps": 187}, "eval_dataset_size": 4,'
    )
    spoilt(folder, '"train_data_config"', f'{training} "train_data_config"')
    assert olivine("check", "olive-config.json", cwd=folder).returncode == 0
    assert olivine("check", "olive-config.json", "--strict", cwd=folder).returncode == 2


THEIRS = """
import time
from olivine_schemas.language.passes import PassParameters
from olivine_pipeline.passes.base import PassType

class Parameters(PassParameters):
    strength: int = 1
    obeys: bool = True

def run(job):
    for step in range(600):
        job.journal.progress("working", step, 600, "step")
        time.sleep(0.1)
        if job.parameters.obeys:
            job.cancel.check()
    return {}

THEIRS = PassType("Theirs", Parameters, frozenset({"transformers"}), "transformers", run)
"""


def add_package(folder: Path, **parameters: object) -> dict[str, str]:
    """Make a package that brings a pass and a config that uses it; returns the environment that has the package."""
    theirs = folder / "theirs"
    (theirs / "theirs-1.0.dist-info").mkdir(parents=True)
    (theirs / "theirs-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (theirs / "theirs-1.0.dist-info" / "entry_points.txt").write_text("[olivine.passes]\nTheirs = theirs:THEIRS\n")
    (theirs / "theirs.py").write_text(THEIRS)
    config = {"input_model": SOUND["input_model"], "passes": {"p": {"type": "Theirs", **parameters}}}
    (folder / "olive-config.json").write_text(json.dumps(config, indent=4))
    return {"PYTHONPATH": str(theirs)}


def test_the_settings_of_a_pass_from_another_package_are_checked(folder: Path) -> None:
    environment = add_package(folder, strength="high")
    unknown = olivine("check", "olive-config.json", cwd=folder)
    assert "Theirs" in unknown.stdout.splitlines()[0] and unknown.returncode == 2
    known = olivine("check", "olive-config.json", cwd=folder, environment=environment)
    assert known.returncode == 2
    assert "high" in known.stdout.splitlines()[1] and "Theirs" not in known.stdout.splitlines()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize(("obeys", "interrupts"), [(True, 1), (False, 2)])
def test_an_interrupt_ends_a_run_and_a_second_one_at_once(obeys: bool, interrupts: int, folder: Path) -> None:
    environment = {**os.environ, **add_package(folder, obeys=obeys)}
    command = [sys.executable, "-m", "olivine_pipeline", "run", "--events", "events.jsonl"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    path = folder / "events.jsonl"
    told = '"working"'
    for _ in range(interrupts):
        wait_until(lambda: path.exists() and told in path.read_text(), process)  # noqa: B023
        process.send_signal(signal.SIGINT)
        told = "asked to stop"
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output and "stopping" in output
    if obeys:
        last = events(path)[-1]
        assert (last["type"], last["state"]) == ("run-finished", "cancelled")
        assert output.splitlines()[-1].endswith("the same command goes on from what is finished")


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does."""
    end = time.monotonic() + 60
    while not happened():
        assert process.poll() is None and time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"\xff\xfe{\x00}\x00", "is UTF-16 text; save it as UTF-8"),
        (b'{\n"a": "\xe4"}', "is not UTF-8 text (line 2, byte 8)"),
    ],
)
def test_an_unreadable_file_costs_one_line_and_the_others_are_checked(
    content: bytes | None, message: str, folder: Path
) -> None:
    if content is not None:
        (folder / "bad.json").write_bytes(content)
    done = olivine("check", "bad.json", "olive-config.json", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"olivine: bad.json: {message}" + ("; save it as UTF-8" * ("byte" in message))]
    assert done.stdout == "No problems found.\n"


def test_a_folder_is_no_config(folder: Path) -> None:
    assert olivine("check", ".", cwd=folder).stderr == "olivine: .: is a folder; name the config file in it\n"


def test_fix_mends_what_has_one_remedy_and_keeps_the_rest_of_the_file(folder: Path) -> None:
    path = spoilt(folder, '"train_data_config"', '"lora_r": 8, "lora_dropuot": 0.1, "train_data_config"')
    before = "\ufeff" + path.read_text().replace("\n", "\r\n")
    path.write_bytes(before.encode())
    path.chmod(0o640)
    done = olivine("check", "olive-config.json", "--fix", cwd=folder)
    after = path.read_bytes().decode()
    assert done.returncode == 0, done.stdout
    assert after == before.replace("lora_r", "r").replace("lora_dropuot", "lora_dropout")
    assert path.stat().st_mode & 0o777 == 0o640
    again = olivine("check", "olive-config.json", "--fix", cwd=folder)
    assert (again.returncode, path.read_bytes().decode()) == (0, after)
    assert [p.name for p in folder.iterdir() if p.name.startswith(".olive-config")] == []


def test_fix_writes_through_a_link(folder: Path) -> None:
    path = spoilt(folder, '"train_data_config"', '"lora_r": 8, "train_data_config"')
    (folder / "link.json").symlink_to(path)
    olivine("check", "link.json", "--fix", cwd=folder)
    assert (folder / "link.json").is_symlink()
    assert '"r": 8' in path.read_text()


def test_fixes_that_touch_wait_for_the_next_round() -> None:
    first, inside, beside, apart = (
        Fix("", (Edit(Span(start, end), ""),)) for start, end in [(0, 5), (2, 3), (5, 5), (6, 7)]
    )
    assert compatible_edits([first, inside, beside, apart]) == [*first.edits, *apart.edits]


@pytest.mark.parametrize("arguments", [["schema"], ["check", "olive-config.json"], ["--version"]])
def test_a_reader_that_leaves_early_is_no_error(arguments: list[str], folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "olivine_pipeline", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=folder, timeout=60)
    os.close(writer)
    assert (done.stderr, done.returncode) == (b"", 141)


def test_letters_that_a_console_lacks_are_no_error(folder: Path) -> None:
    spoilt(folder, '"train_data_config"', '"stärke": 1, "train_data_config"')
    done = olivine("check", "olive-config.json", cwd=folder, environment={"PYTHONIOENCODING": "ascii"})
    assert done.stderr == ""
    assert "st\\xe4rke" in done.stdout


def test_the_schema_is_json_schema(tmp_path: Path) -> None:
    schema = json.loads(olivine("schema", cwd=tmp_path).stdout)
    assert "passes" in schema["properties"]


def test_checking_loads_no_ml_library(folder: Path) -> None:
    code = (
        "import sys; from olivine_pipeline.cli import main; main(['check', 'olive-config.json'])\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'rich', 'onnxruntime', 'numpy', 'datasets', 'yaml', 'pygls'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_migrate_prints_or_writes_todays_form(folder: Path) -> None:
    path = spoilt(folder, '"train_data_config"', '"lora_r": 8, "train_data_config"')
    before = path.read_text()
    printed = olivine("migrate", "olive-config.json", cwd=folder)
    assert printed.returncode == 0 and path.read_text() == before
    assert json.loads(printed.stdout)["passes"]["ft"]["r"] == 8
    written = olivine("migrate", "olive-config.json", "--write", cwd=folder)
    assert written.returncode == 0
    assert path.read_text() == printed.stdout
    assert "nothing to rewrite" in olivine("migrate", "olive-config.json", "--write", cwd=folder).stdout


def test_migrate_leaves_a_damaged_config_alone(folder: Path) -> None:
    path = spoilt(folder, '"passes": {', '"passes": ')
    before = path.read_text()
    done = olivine("migrate", "olive-config.json", "--write", cwd=folder)
    assert (done.returncode, path.read_text()) == (2, before)
    assert "syntax errors" in done.stderr


def test_plan_lists_passes_and_what_is_cached(folder: Path) -> None:
    done = olivine("plan", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "olive-config.json on cpu" in done.stdout
    assert re.search(r"1\. ft +LoRA +to run +\S+ s +\S+ MB +\S+ [kM]B\n", done.stdout)


def test_plan_shows_why_a_config_is_refused(folder: Path) -> None:
    spoilt(folder, '"LoRA"', '"LoRAA"')
    done = olivine("plan", cwd=folder)
    assert done.returncode == 2
    assert "LoRAA" in done.stdout and "^^^" in done.stdout


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_run_refuses_a_config_with_errors_before_anything_starts(folder: Path) -> None:
    spoilt(folder, '"phrases",\n            "type"', '"phases",\n            "type"')
    done = olivine("run", "olive-config.json", "--events", "out/events.jsonl", cwd=folder)
    assert done.returncode == 2
    (failed,) = events(folder / "out" / "events.jsonl")
    assert (failed["type"], failed["code"]) == ("run-failed", "config-refused")
    line = (folder / "olive-config.json").read_text().splitlines()[failed["location"]["line"] - 1]
    assert "train_data_config" in line
    assert "^^^" in done.stdout and "nothing was run" in done.stdout
    assert not (folder / ".olive-cache" / "artifacts").exists()


@pytest.mark.parametrize("arguments", [["run"], ["run", "none.json"], ["run", "--config", "none.json"]])
def test_run_without_a_config_says_so(arguments: list[str], tmp_path: Path) -> None:
    done = olivine(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.rstrip().endswith(".json: there is no such file")


def test_run_names_the_passes_that_up_to_may_name(folder: Path) -> None:
    done = olivine("run", "--up-to", "merge", cwd=folder)
    assert done.returncode == 2
    assert '"merge"' in done.stdout and "ft" in done.stdout


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_package_that_is_missing_is_named_with_what_installs_it(command: str, folder: Path) -> None:
    (folder / "light").mkdir()
    (folder / "light" / "sitecustomize.py").write_text("import sys\nsys.modules['pydantic'] = None\n")
    done = olivine(command, "olive-config.json", cwd=folder, environment={"PYTHONPATH": str(folder / "light")})
    told = done.stdout + done.stderr
    assert done.returncode == 3
    assert "'pydantic' is not installed" in told and "pip install 'olivine[pipeline]'" in told


def test_an_unexpected_error_is_one_line_and_a_log_file(folder: Path) -> None:
    blocked = {"PYTHONPATH": str(folder / "broken")}
    (folder / "broken").mkdir()
    (folder / "broken" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'olivine_schemas.check': raise RuntimeError('boom hf_' + 'a1B2' * 9)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    for arguments, code in ((["check", "olive-config.json"], 3), (["run", "--events", "run/events.jsonl"], 3)):
        done = olivine(*arguments, cwd=folder, environment=blocked)
        assert done.returncode == code
        assert "Traceback" not in done.stdout + done.stderr
        log = next(Path(word.rstrip(".")) for word in (done.stdout + done.stderr).split() if "olivine.log" in word)
        kept = (folder / log).read_text()
        assert "RuntimeError: boom ***" in kept and "Traceback" in kept
    assert (folder / "run" / "olivine.log").exists()
    assert [event["code"] for event in events(folder / "run" / "events.jsonl")] == ["unexpected"]


def made(cache: Path, name: str, megabytes: float, days_old: float, kind: str = "artifacts") -> Path:
    """A cached result of a size and age."""
    entry = cache / kind / name
    entry.mkdir(parents=True)
    (entry / "model.bin").write_bytes(b"0" * int(megabytes * 1e6))
    then = time.time() - days_old * 86_400
    os.utime(entry / "model.bin", (then, then))
    return entry


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--all"], set()),
        (["--older-than", "30d"], {"new", "middle"}),
        (["--older-than", "2w"], {"new"}),
        (["--max-size", "2.5MB"], {"new", "middle"}),
        (["--max-size", "1.5 MB"], {"new"}),
        (["--max-size", "1GB"], {"new", "middle", "old", "unfinished"}),
        (["--all", "--dry-run"], {"new", "middle", "old", "unfinished"}),
    ],
)
def test_clean_removes_the_oldest(arguments: list[str], kept: set[str], tmp_path: Path) -> None:
    cache = tmp_path / ".olive-cache"
    made(cache, "new", 1, 0.1), made(cache, "middle", 1, 20), made(cache, "old", 1, 40)
    made(cache, "unfinished", 1, 50, "work")
    done = olivine("clean", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for kind in ("artifacts", "work") for path in (cache / kind).iterdir()} == kept
    assert done.stdout.count("remove") == (4 if "--dry-run" in arguments else 4 - len(kept))


def test_clean_spares_what_a_run_is_making(tmp_path: Path) -> None:
    from filelock import FileLock

    cache = tmp_path / ".olive-cache"
    made(cache, "busy", 1, 50, "work"), made(cache, "done", 1, 50)
    (cache / "locks").mkdir()
    with FileLock(cache / "locks" / "busy.lock"):
        done = olivine("clean", "--all", cwd=tmp_path)
    assert (cache / "work" / "busy").exists() and not (cache / "artifacts" / "done").exists()
    assert "kept work/busy" in done.stdout


@pytest.mark.parametrize("arguments", [["--all"], ["--older-than", "soon"], ["--max-size", "10"], []])
def test_clean_touches_nothing_that_is_no_cache_and_takes_no_guesses(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / ".olive-cache").mkdir()
    (tmp_path / ".olive-cache" / "precious").write_text("mine")
    assert olivine("clean", *arguments, cwd=tmp_path).returncode == 2
    assert (tmp_path / ".olive-cache" / "precious").exists()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["genai_config.json", "config.json"], "."),
        (["config.json", "onnx/genai_config.json"], "."),
        (["old/genai_config.json", "new/genai_config.json", "newest/config.json"], "new"),
        (["adapter/adapter_config.json", "merged/config.json"], "merged"),
        (["adapter_config.json"], "."),
        ([".olive-cache/artifacts/a/config.json"], None),
        (["report.json"], None),
    ],
)
def test_chat_finds_the_model_in_an_output_folder(files: list[str], found: str | None, tmp_path: Path) -> None:
    for age, name in enumerate(reversed(files)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (1000 - age, 1000 - age))
    assert find_model(tmp_path) == (tmp_path / found if found else None)


def test_chat_says_where_it_looked(tmp_path: Path) -> None:
    assert "there is no such folder" in olivine("chat", "models", cwd=tmp_path).stderr
    (tmp_path / "models").mkdir()
    done = olivine("chat", "models", cwd=tmp_path)
    assert done.returncode == 2
    assert "models holds no model" in done.stderr


def test_chat_answers_from_a_transformers_folder_below(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "merged").symlink_to(tiny_model)
    once = olivine("chat", "models/merged", "--prompt", "hello", "--max-tokens", "4", cwd=tmp_path)
    assert (once.returncode, once.stderr) == (0, "")
    assert once.stdout.endswith("\n")
