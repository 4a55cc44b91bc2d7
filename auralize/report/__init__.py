"""The report of a run: one HTML file to look at and listen to, without a network."""

from auralize.report.page import Report, ReportPlayer, write_report

__all__ = ["Report", "ReportPlayer", "write_report"]
