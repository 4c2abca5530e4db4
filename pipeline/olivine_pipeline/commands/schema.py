"""`olivine schema`: the JSON schema of the config language, for editors and other programs."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files

from olivine_pipeline.cli import DONE

SCHEMA = "olive-config.schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def execute(args: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write((files("olivine_schemas") / SCHEMA).read_text(encoding="utf-8"))
    return DONE
