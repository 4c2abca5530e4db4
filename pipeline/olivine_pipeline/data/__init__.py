"""From a data config to token sequences: load rows, make texts of them, cut the texts into sequences.

`load.py` reads rows, `text.py` turns a row into text, `sequences.py` turns texts into sequences and batches. Importing
this package loads neither `datasets` nor torch.
"""

from __future__ import annotations

from .files import fingerprint_files, in_datastore
from .load import load_rows
from .sequences import collate, prepare, split_eval
from .text import text_settings

__all__ = ["collate", "fingerprint_files", "in_datastore", "load_rows", "prepare", "split_eval", "text_settings"]
