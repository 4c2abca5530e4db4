"""What a run tells when it is over: report.json, report.html, a table for the terminal and the model card."""

from __future__ import annotations

from .model_card import write_model_card
from .page import write_report
from .record import LossPoint, PassRecord, RunReport, SampleAnswers, Stage
from .table import answer_table, stage_table

__all__ = [
    "LossPoint",
    "PassRecord",
    "RunReport",
    "SampleAnswers",
    "Stage",
    "answer_table",
    "stage_table",
    "write_model_card",
    "write_report",
]
