"""Course of a run from Snakemake's events: what the bars show, and the sentence for each failure."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from nernstfit.running import failures, locks
from nernstfit.running.bar import Bar
from nernstfit.running.course import Course

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: no such thing\n'


def event(kind: str, **told: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"event": kind, "levelno": logging.INFO, "msg": ""} | told)


def error(text: str, exception: str = "") -> logging.LogRecord:
    return event("error", levelno=logging.ERROR, msg=text, exception=exception)


def begun() -> Course:
    """Return the course of a run that reads two of three batches and has begun."""
    course = Course({"0000": 100, "0001": 100, "0002": 7})
    course.take(event("run_info", stats={"ingest": 2, "fit": 1, "default": 1, "total": 4}))
    course.take(event("job_info", jobid=3, rule_name="ingest", wildcards={"batch": "0002"}))
    course.take(event("job_info", jobid=4, rule_name="ingest", wildcards={"batch": "0001"}))
    return course


def test_recordings_and_stages_are_counted() -> None:
    course = begun()
    assert (course.stages, course.done, course.to_read) == (3, 0, 200)
    assert set(course.running.values()) == {"ingest"}
    course.take(event("job_finished", job_id=4))
    course.take(event("job_finished", job_id=3))
    course.take(event("job_info", jobid=5, rule_name="fit", wildcards={}))
    course.take(event("job_error", jobid=5, rule_name="fit"))
    course.take(event("job_info", jobid=0, rule_name="default", wildcards={}))
    course.take(event("job_finished", job_id=0))
    assert (course.done, course.have_read, course.failed, course.running) == (2, 107, ["fit"], {})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, course = Terminal(), begun()
    course.take(event("job_finished", job_id=4))
    with Bar(terminal) as bar:
        bar.show(course)
    shown = terminal.getvalue()
    assert "Measurements" in shown
    for words in ("100/200", "1/3", "ingest"):
        assert words in shown


def told(course: Course, folder: Path = Path("mine"), text: str = "") -> list[str]:
    return list(failures.sentences(course, folder, Path("mine/logs/run.log"), text))


@pytest.mark.parametrize("how", ["died with <Signals.SIGKILL: 9>.", "returned non-zero exit status 137."])
def test_a_killed_job_is_told_with_its_stage(how: str) -> None:
    course = begun()
    course.take(error(f"Command 'set -e; python /a/.snakemake/scripts/tmpab_1.fit.py' {how}", "RuleException"))
    course.take(event("job_error", jobid=5, rule_name="fit"))
    (sentence,) = told(course, text=TRACEBACK)
    assert sentence.startswith("The job of stage 'fit' was killed (SIGKILL)")


def test_a_failed_job_is_told_with_the_last_line_of_its_traceback() -> None:
    course = begun()
    course.take(event("job_error", jobid=5, rule_name="fit"))
    (sentence,) = told(course, text=f"Building\n{TRACEBACK}RuleException:\n")
    assert sentence.startswith("Stage 'fit' failed: ValueError: no such thing; mine/logs/run.log has the whole message")
    assert "ValueError" not in told(course, text=TRACEBACK * 2)[0]  # which of the two is not known


def test_what_stops_snakemake_before_any_job_is_told_by_its_own_words() -> None:
    course = Course({})
    assert told(course, text="usage\n  [targets ...]\nsnakemake: error: unrecognized arguments: --corse\n\n") == [
        "snakemake: error: unrecognized arguments: --corse",
        "mine/logs/run.log has the lines of Snakemake.",
    ]
    course.take(error("WorkflowError:\nno profile 'slurm'"))
    assert told(course, text="usage\n")[0] == "WorkflowError:\nno profile 'slurm'"


def test_a_lock_that_is_left_is_told_with_the_command_that_takes_it_away(tmp_path: Path) -> None:
    course = Course({})
    course.take(error("Error: Directory cannot be locked.", "LockException"))
    assert told(course, tmp_path) == [
        f"{tmp_path}: the folder is locked by a run that was killed, or that runs on another machine; where none does, "
        f"unlock it with: nernstfit run {tmp_path} --unlock"
    ]


def test_the_run_in_a_folder_is_found_by_its_place(tmp_path: Path) -> None:
    program = "import sys; print(1, flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", program, "nernstfit"]
    runs = [
        subprocess.Popen(words, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for place in (tmp_path, tmp_path.parent)
    ]
    for run in runs:
        assert run.stdout is not None
        run.stdout.readline()
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(psutil.Process(runs[0].pid).create_time()))
    assert locks.living_run(tmp_path) == f"process {runs[0].pid}, since {since}"
    for run in runs:
        run.communicate()
    assert locks.living_run(tmp_path) == ""
