"""`olivine migrate`: a config of an earlier Olive in today's language."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.documents import BOM, is_yaml, read_config
from olivine_pipeline.errors import RunError
from olivine_schemas.files import write_whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="config to rewrite")
    parser.add_argument("--write", action="store_true", help="replace the file instead of printing the new text")


def execute(args: argparse.Namespace) -> int:
    """Print or write the rewritten config, and say what is lost on the way."""
    from olivine_schemas.migrate import migration

    try:
        original = read_config(args.file)
    except RunError as error:
        print(f"olivine: {error.message}", file=sys.stderr)
        return REFUSED
    if is_yaml(args.file):
        print(f"olivine: {args.file}: only JSON configs can be rewritten", file=sys.stderr)
        return REFUSED
    text = original.removeprefix(BOM)
    migrated = migration(text)
    for note in migrated.notes:
        print(f"{args.file}: {note}", file=sys.stderr)
    changed = migrated.text != text
    if not args.write:
        sys.stdout.write(migrated.text)
    elif changed:
        new = re.sub(r"\r?\n", "\r\n", migrated.text) if "\r\n" in text else migrated.text
        write_whole(args.file, (BOM if original.startswith(BOM) else "") + new)
    if args.write:
        print(f"{args.file}: {'rewritten' if changed else 'nothing to rewrite'}")
    return REFUSED if migrated.notes and not changed else DONE
