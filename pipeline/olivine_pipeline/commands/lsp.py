"""`olivine lsp`: the language server, for editors that start it by a command line."""

from __future__ import annotations

import argparse
import runpy
import sys

from olivine_pipeline.cli import DONE


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; editors pass it")
    parser.add_argument("--tcp", metavar="HOST:PORT", help="wait there for one client, for debugging")


def execute(args: argparse.Namespace) -> int:
    """Serve until the editor leaves. The server runs as a program: pipeline and server do not import each other."""
    sys.argv = ["olivine_server", *(["--tcp", args.tcp] if args.tcp else [])]
    runpy.run_module("olivine_server", run_name="__main__")
    return DONE
