"""Trials of the fault table: a workspace each, in which something goes wrong while a run is at work."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "pipeline")]
