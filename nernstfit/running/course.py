"""Course of a run, as Snakemake's events tell it: what is done, what runs, and what failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

TARGETS = {"default", "all"}
"""Rules that name what is wanted, and compute nothing."""

OUTCOME = "check_outcome"
"""Rule that fails where a run has no result."""

READING = "ingest"
"""Rule whose jobs read the recordings."""


@dataclass
class Course:
    """Account of a run, which grows with each event.

    Attributes
    ----------
    batches : mapping of str to int
        Number of recordings of each batch that a job reads.
    stages : int
        Number of jobs of the run; 0 until Snakemake has planned them.
    done : int
        Number of those that have ended.
    to_read, have_read : int
        Recordings of the jobs that read recordings.
    running : dict of int to str
        Rule of each job that runs, by the number of the job.
    failed : list of str
        Rules of the jobs that failed.
    errors : list of tuple of str
        Name of the exception, or '', and text of each error.
    """

    batches: Mapping[str, int]
    stages: int = 0
    done: int = 0
    to_read: int = 0
    have_read: int = 0
    running: dict[int, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    _sizes: dict[int, int] = field(default_factory=dict)

    def take(self, record: logging.LogRecord) -> None:
        """Take an event, as the interface of Snakemake's logger plugins describes them."""
        event, told = getattr(record, "event", None), record.__dict__
        if event == "run_info":
            self._plan(told["stats"])
        elif event == "job_info":
            self._begin(told["jobid"], told["rule_name"], told["wildcards"])
        elif event == "job_finished":
            self._end(told["job_id"])
        elif event == "job_error":
            self.running.pop(told["jobid"], None)
            self.failed.append(told["rule_name"])
        elif record.levelno >= logging.ERROR:
            self.errors.append((told.get("exception", ""), record.getMessage()))

    def _plan(self, jobs: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule."""
        self.stages = sum(number for rule, number in jobs.items() if rule not in {*TARGETS, "total"})
        # Which batches are read is told as their jobs begin; the last batch may be smaller than the others.
        largest = sorted(self.batches.values(), reverse=True)
        self.to_read = sum(largest[: jobs.get(READING, 0)])

    def _begin(self, job: int, rule: str, wildcards: Mapping[str, str]) -> None:
        if rule not in TARGETS:
            self.running[job] = rule
            self._sizes[job] = self.batches.get(wildcards.get("batch", ""), 0) if rule == READING else 0

    def _end(self, job: int) -> None:
        if self.running.pop(job, None):
            self.done += 1
            self.have_read += self._sizes[job]
