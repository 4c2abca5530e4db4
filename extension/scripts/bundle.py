"""Puts the server and the packages it needs into bundled/libs: `python scripts/bundle.py TARGET`.

All packages but one are the same for every Python, or their compiled part is (psutil's stable ABI). That one, rpds, is
compiled for each Python: its modules lie side by side and each Python finds its own. PyYAML does without its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parents[2]
LIBS = REPOSITORY / "extension" / "bundled" / "libs"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""The oldest decides the versions of the packages: it has the fewest to choose from."""
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64"),
    "darwin-x64": ("macosx_11_0_x86_64",),
    "darwin-arm64": ("macosx_11_0_arm64",),
    "win32-x64": ("win_amd64",),
}
"""What pip calls the machines of an editor's target."""
COMPILED_EACH = "rpds-py"
NOT_NEEDED = ("bin", "_yaml", "yaml/_yaml*", "psutil/tests", "**/__pycache__", "**/*.pyi", "**/*.pth", "**/py.typed")
RUNS_ONLY = {"rich"}
"""Requirements of the project that the server does not import."""


def main(arguments: list[str]) -> int:
    """Make the folder anew for a target."""
    if len(arguments) != 1 or arguments[0] not in PLATFORMS:
        print(f"usage: bundle.py {{{','.join(PLATFORMS)}}}", file=sys.stderr)
        return 2
    platforms = PLATFORMS[arguments[0]]
    shutil.rmtree(LIBS, ignore_errors=True)
    install(LIBS, requirements(), PYTHONS[0], platforms)
    while left := left_out():
        install(LIBS, left, PYTHONS[0], platforms)
    pinned = f"{COMPILED_EACH}=={version_of(COMPILED_EACH)}"
    for python in PYTHONS[1:]:
        with TemporaryDirectory() as folder:
            install(Path(folder), [pinned], python, platforms)
            for module in compiled(Path(folder) / "rpds"):
                shutil.copy(module, LIBS / "rpds")
    for pattern in NOT_NEEDED:
        for path in list(LIBS.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_server()
    check(arguments[0])
    return 0


def requirements() -> list[str]:
    """What the project needs without extras, less what only runs need."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found, "pyproject.toml has no dependencies"
    names = re.findall(r'"([^"]+)"', found[1])
    return [name for name in names if re.split(r"[<>=!~]", name)[0] not in RUNS_ONLY]


def install(folder: Path, wanted: list[str], python: str, platforms: tuple[str, ...]) -> None:
    """Install wheels for another machine; what has none fails, as building it here would make it fit this one only."""
    where = [f"--platform={platform}" for platform in platforms]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    options = ["--only-binary=:all:", f"--python-version={python}", *where, f"--target={folder}"]
    subprocess.run([*pip, *options, *wanted], check=True)


def left_out() -> list[str]:
    """Required packages that are not there.

    pip judges conditions such as "before Python 3.11" by the Python that it runs in.
    """
    there = {metadata.parent.name.split("-")[0].lower() for metadata in LIBS.glob("*.dist-info/METADATA")}
    found = set()
    for metadata in LIBS.glob("*.dist-info/METADATA"):
        head = metadata.read_text(encoding="utf-8").split("\n\n")[0]
        for requirement, name, condition in re.findall(r"^Requires-Dist: (([\w.-]+)[^;\n]*)(.*)$", head, re.MULTILINE):
            if "extra ==" not in condition and re.sub(r"[-.]", "_", name).lower() not in there:
                found.add(requirement.strip())
    return sorted(found)


def version_of(package: str) -> str:
    """The version that was installed."""
    stem = package.replace("-", "_")
    return next(LIBS.glob(f"{stem}-*.dist-info")).name.removesuffix(".dist-info").removeprefix(f"{stem}-")


def compiled(folder: Path) -> list[Path]:
    """The compiled modules in a folder."""
    return [path for path in folder.iterdir() if path.suffix in (".so", ".pyd")]


def copy_server() -> None:
    """The project's own packages."""
    clean = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room, package in (("schemas", "olivine_schemas"), ("server", "olivine_server")):
        shutil.copytree(REPOSITORY / room / package, LIBS / package, ignore=clean)


def check(target: str) -> None:
    """That the compiled parts are there for every Python."""
    rpds, psutil = len(compiled(LIBS / "rpds")), len(compiled(LIBS / "psutil"))
    if rpds != len(PYTHONS) or psutil != 1:
        raise SystemExit(f"{target}: rpds is compiled for {rpds} Pythons, not {len(PYTHONS)}; psutil {psutil} times")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
