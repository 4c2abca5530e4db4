"""Facts from this machine: the one place in this package that reads a person's files. Only the doors import it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from olivine_schemas.facts import DatasetFacts, DeviceFacts, ModelFacts

from .dataset import read_dataset
from .devices import find_devices
from .kept import Kept
from .model import find_model, find_models, read_model

MANY = 1000
"""Neighbours of a file that are looked at."""
SMALL = 256 << 10
"""Bytes up to which a file counts as small text."""


class DiskFacts:
    """Facts for a config in the folder `base`; relative paths start there, then in the working directory.

    `config` is the name of its file, which is no neighbour of the files that it names.

    What is read of a file is kept until the file changes, over all configs. Nothing here raises: what cannot be read
    is unknown.
    """

    def __init__(self, base: Path | str, config: str = "") -> None:
        base = Path(base).absolute()
        self._config = base / config if config else None
        self._folders = tuple(dict.fromkeys((base, Path.cwd())))

    def path_exists(self, path: str) -> bool | None:
        try:
            return self._find(path) is not None
        except (OSError, ValueError, RuntimeError):
            return None

    def neighbours(self, path: str) -> tuple[str, ...] | None:
        try:
            folder = self._find(str(Path(path).parent))
            found = sorted(islice(folder.iterdir(), MANY)) if folder and folder.is_dir() else []
        except (OSError, ValueError, RuntimeError):
            return None
        shown = [place for place in found if place.name[0] != "." and place != self._config]
        return tuple((Path(path).parent / place.name).as_posix() for place in shown)

    def entries(self, folder: str) -> tuple[str, ...] | None:
        try:
            found = self._find(folder)
            places = sorted(islice(found.iterdir(), MANY)) if found and found.is_dir() else []
            return tuple(place.name + "/" * place.is_dir() for place in places if place.name[0] != ".")
        except (OSError, ValueError, RuntimeError):
            return None

    def hub_models(self) -> tuple[str, ...] | None:
        try:
            return find_models()
        except (OSError, RuntimeError):
            return None

    def text(self, path: str) -> str | None:
        return self._kept(_TEXTS, path)

    def dataset(self, files: tuple[str, ...], loader: str) -> DatasetFacts | None:
        try:
            paths = [self._find(name) for name in files]
            found = tuple(path for path in paths if path is not None and path.is_file())
            return _DATASETS.get(found, loader) if found and len(found) == len(files) else None
        except (OSError, ValueError, RuntimeError):
            return None

    def model(self, path: str) -> ModelFacts | None:
        try:
            folder = self._find(path) or find_model(path)
            if folder is None or not folder.is_dir():
                return None
            return _MODELS.get((folder, *sorted(folder.glob("*.json"))), "")
        except (OSError, ValueError, RuntimeError):
            return None

    def devices(self) -> DeviceFacts | None:
        return find_devices()

    def _find(self, path: str) -> Path | None:
        places = (folder / Path(path).expanduser() for folder in self._folders)
        return next((place for place in places if place.exists()), None)

    def _kept(self, kept: Kept[str], path: str) -> str | None:
        try:
            found = self._find(path)
            return kept.get((found,), "") if found and found.is_file() else None
        except (OSError, ValueError, RuntimeError):
            return None


def _read_text(paths: tuple[Path, ...], _: str) -> str | None:
    (path,) = paths
    return path.read_text(encoding="utf-8") if path.stat().st_size <= SMALL else None


_TEXTS: Kept[str] = Kept(_read_text)
_DATASETS: Kept[DatasetFacts] = Kept(read_dataset)
_MODELS: Kept[ModelFacts] = Kept(lambda paths, _: read_model(paths[0]))
