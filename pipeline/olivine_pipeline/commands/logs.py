"""`olivine logs`: what a run has printed."""

from __future__ import annotations

import argparse
import codecs
import sys
import time

from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.commands.runs import find, take_run
from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.redact import redact
from olivine_schemas.runs import ACTIVE

CHUNK = 1 << 18
POLL_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_run(parser, "read of")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")


def execute(args: argparse.Namespace) -> int:
    """Print the log of a run."""
    folder = find(args.run)
    if folder is None:
        return REFUSED
    try:
        with folder.console.open("rb") as file:
            rest = ""
            decode = codecs.getincrementaldecoder("utf-8")("replace").decode
            while True:
                goes_on = args.follow and is_active(folder)  # asked before reading: what comes after the end is none
                while chunk := file.read(CHUNK):
                    *lines, rest = (rest + decode(chunk)).rpartition("\n")  # a secret may be cut in two
                    sys.stdout.write(redact("".join(lines)))
                    if len(rest) > CHUNK:
                        sys.stdout.write(redact(rest))
                        rest = ""
                if not goes_on:
                    sys.stdout.write(redact(rest))
                    return DONE
                sys.stdout.flush()
                time.sleep(POLL_SECONDS)
    except FileNotFoundError:
        print(f"olivine: {folder.id} has no log yet", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return DONE


def is_active(folder: RunFolder) -> bool:
    """Whether something of the run is alive."""
    record = settled(folder)
    return record is not None and record.state in ACTIVE
