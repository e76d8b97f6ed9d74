"""`verify`: verdicts as a table, as JSON, and as the JUnit file that CI systems read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from shapecalc.analysis.compare.verdicts import Mismatch, Report, Usage, Verdict
from shapecalc.errors import UsageError, written
from shapecalc.render.grid import Column, Grid, Line, count, print_json, print_table, size
from shapecalc.render.streams import complain, interrupts_raised

_COLUMNS = (
    Column("name", "Architecture"),
    Column("status", "Status"),
    Column("layers", "Layers checked", count),
    Column("mismatches", "Figures that differ", count),
    Column("seconds", "Time"),
)


def print_verdicts(report: Report, form: str) -> None:
    """Print a report; what differs follows its table line by line, what failed goes to standard error."""
    for verdict in report.verdicts:
        if verdict.error is not None:
            complain(f"error: {verdict.error}")
    if form == "json":
        print_json(report.to_dict())
        return
    lines = [_line(verdict) for verdict in report.verdicts]
    heading = f"Verified against torch {report.torch} on {report.device}"
    print_table(Grid(heading, _COLUMNS, lines, _notes(report)))


def _line(verdict: Verdict) -> Line:
    seconds = f"{verdict.seconds:.2f} s"
    return Line((verdict.name, verdict.status, verdict.layers_checked, len(verdict.mismatches), seconds))


def _notes(report: Report) -> list[str]:
    notes = [f"{v.name}: {mismatch_text(mismatch)}" for v in report.verdicts for mismatch in v.mismatches]
    notes += [usage_text(v.name, usage) for v in report.verdicts for usage in v.usages]
    checked = sum(verdict.layers_checked for verdict in report.verdicts)
    good = sum(verdict.status == "ok" for verdict in report.verdicts)
    total = f"{good} of {len(report.verdicts)} architectures agree with torch in every figure"
    return [*notes, f"{total}; {count(checked)} layers checked"]


def usage_text(name: str, usage: Usage) -> str:
    """What a device had in use, beside what is predicted."""
    more = usage.measured - usage.predicted
    share = f"{100 * more / usage.predicted:+.2f} %"
    return (
        f"{name}, {usage.what}: {size(usage.predicted)} predicted, {size(usage.measured)} in use at most"
        f" ({share}: workspace of libraries {size(more)})"
    )


def mismatch_text(mismatch: Mismatch) -> str:
    """A figure that differs, in one line: path, what, expected, measured."""
    where = f"{mismatch.path}: " if mismatch.path else ""
    expected, measured = written(mismatch.expected), written(mismatch.measured)
    heaviest = ", ".join(f"{path} ({figure})" for path, figure in mismatch.heaviest)
    most = f"; most in {heaviest}" if heaviest else ""
    return f"{where}{mismatch.what}: expected {expected}, measured {measured}{most}"


def write_junit(report: Report, path: Path) -> None:
    """Write the report in JUnit's XML: an architecture is a test case.

    Raises:
        UsageError: the file can't be written.
    """
    from xml.etree import ElementTree as Xml

    found = [verdict.status for verdict in report.verdicts]
    suite = Xml.Element(
        "testsuite",
        name=_xml_text(f"shapecalc verify --device {report.device}"),
        tests=str(len(found)),
        failures=str(found.count("mismatch")),
        errors=str(found.count("error")),
        time=f"{sum(verdict.seconds for verdict in report.verdicts):.3f}",
    )
    for verdict in report.verdicts:
        name, seconds = _xml_text(verdict.name), f"{verdict.seconds:.3f}"
        case = Xml.SubElement(suite, "testcase", classname="shapecalc.verify", name=name, time=seconds)
        texts = [mismatch_text(mismatch) for mismatch in verdict.mismatches]
        if verdict.error is not None:
            texts = [verdict.error]
        if texts:
            kind = "failure" if verdict.error is None else "error"
            message = _xml_text(texts[0].splitlines()[0])
            Xml.SubElement(case, kind, message=message).text = _xml_text("\n".join(texts))
    root = Xml.Element("testsuites")
    root.append(suite)
    write_file(path, Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def write_file(path: Path, content: bytes = b"") -> None:
    """Write a file, or with no content find out whether it can be written.

    Raises:
        UsageError: it can't.
    """
    try:
        path.write_bytes(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--junit: {path} can't be written: {reason}") from None


def _xml_text(text: str) -> str:
    """The text with what XML has no place for, even escaped, replaced."""
    return "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)


def with_progress(names: Sequence[str], verify: Callable[[str], Verdict], quiet: bool) -> list[Verdict]:
    """Verify one after another, with a progress bar on a terminal and none in a pipe."""
    if quiet or len(names) < 2 or not sys.stderr.isatty():
        return [verify(name) for name in names]
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    with interrupts_raised():  # the bar hides the cursor, and shows it when it ends
        return [verify(name) for name in track(names, "Verifying", console=console, transient=True)]
