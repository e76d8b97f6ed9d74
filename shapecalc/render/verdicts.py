"""`verify` and `check`: verdicts as a table, as JSON, and as the JUnit file that CI systems read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path

from shapecalc.analysis.compare.verdicts import Checked, Mismatch, Report, Timed, Usage, Verified
from shapecalc.errors import UsageError, short_path, written
from shapecalc.language.expectation import Bounds
from shapecalc.render.cells import count, duration, percent, shape, size
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.progress import with_bar
from shapecalc.render.streams import complain, interrupts_raised

_VERIFIED = (
    Column("name", "Architecture"),
    Column("status", "Status"),
    Column("layers", "Layers checked", count),
    Column("mismatches", "Figures that differ", count),
    Column("seconds", "Time"),
)
_CHECKED = (
    Column("name", "Architecture"),
    Column("status", "Status"),
    Column("checked", "Figures checked", spare=1),
    Column("broken", "Figures broken", count),
)


def print_report(report: Report, form: str) -> None:
    """Print a report; what differs follows its table line by line, what failed goes to standard error."""
    for verdict in report.verdicts:
        if verdict.error is not None:
            complain(f"error: {verdict.error}")
    print_as(form, report.to_dict, partial(_verification if report.judge else _check, report))


def _verification(report: Report) -> Grid:
    verdicts = [verdict for verdict in report.verdicts if isinstance(verdict, Verified)]
    lines = [
        Line((v.name, v.status, v.layers_checked, len(v.mismatches), f"{v.seconds:.2f} s")) for v in verdicts
    ]
    notes = [f"{v.name}: {_in_one_line(mismatch)}" for v in verdicts for mismatch in v.mismatches]
    notes += [_stored(v.name, v.schemes) for v in verdicts if v.schemes]
    notes += [_usage(v.name, usage) for v in verdicts for usage in v.usages]
    notes += [_timed(v.name, v.timed) for v in verdicts if v.timed]
    checked = count(sum(verdict.layers_checked for verdict in verdicts))
    total = f"{_good(report)} agree with torch in every figure; {checked} layers checked"
    heading = "Verified against torch {torch} on {device}".format(**report.judge)
    return Grid(heading, _VERIFIED, lines, [*notes, total])


def _check(report: Report) -> Grid:
    verdicts = [verdict for verdict in report.verdicts if isinstance(verdict, Checked)]
    lines = [Line((v.name, v.status, ", ".join(v.checked) or "none", len(v.mismatches))) for v in verdicts]
    notes = [note for v in verdicts for mismatch in v.mismatches for note in _with_parts(v.name, mismatch)]
    total = f"{_good(report)} are as their files expect"
    return Grid("Checked against what the files expect", _CHECKED, lines, [*notes, total])


def _good(report: Report) -> str:
    good = sum(verdict.status == "ok" for verdict in report.verdicts)
    return f"{good} of {len(report.verdicts)} architectures"


def _stored(name: str, schemes: Sequence[str]) -> str:
    """What was done with matrices that are stored as whole numbers."""
    packed = f"matrices in {', '.join(schemes)} are packed in torch for their bytes"
    return f"{name}: {packed}, and run as float32"


def _usage(name: str, usage: Usage) -> str:
    """The bytes that a device had in use, beside those that are predicted."""
    share = f"{100 * usage.workspace / usage.predicted:+.2f} %"
    return (
        f"{name}, {usage.what}: {size(usage.predicted)} predicted, {size(usage.measured)} in use at the peak"
        f" ({share}: workspace of libraries {size(usage.workspace)})"
    )


def _timed(name: str, timed: Timed) -> str:
    """How long a pass took, beside the time that the device can't be below."""
    took = duration(Fraction(timed.measured, 10**9))
    return (
        f"{name}: a pass in {timed.dtype} took {took}, at least {duration(timed.at_least)} on {timed.device}"
    )


def _in_one_line(mismatch: Mismatch) -> str:
    """A figure that differs from torch's: path, what, expected, measured, the heaviest layers."""
    where = f"{mismatch.path}: " if mismatch.path else ""
    expected, measured = written(mismatch.expected), written(mismatch.found)
    heaviest = ", ".join(f"{path} ({figure})" for path, figure in mismatch.heaviest)
    most = f"; most in {heaviest}" if heaviest else ""
    return f"{where}{mismatch.what}: expected {expected}, measured {measured}{most}"


def _with_parts(name: str, mismatch: Mismatch) -> list[str]:
    """A figure that is not as the file expects, and a line for each of the heaviest layers."""
    expected, computed = _text(mismatch.expected), _text(mismatch.found)
    head = f"{name}: {mismatch.what} {computed}, expected {expected}{_distance(mismatch)}"
    total = mismatch.found if isinstance(mismatch.found, int) else 0
    parts = [(path, count(part), percent(part / total)) for path, part in mismatch.heaviest]
    widths = [max((len(part[column]) for part in parts), default=0) for column in range(3)]
    rows = [f"  {path:<{widths[0]}}  {own:>{widths[1]}}  {share:>{widths[2]}}" for path, own, share in parts]
    return [head, *rows]


def _distance(mismatch: Mismatch) -> str:
    """By how much a bound is broken."""
    bounds, figure = mismatch.expected, mismatch.found
    if not isinstance(bounds, Bounds) or not isinstance(figure, int):
        return ""
    if bounds.max is not None and figure > bounds.max:
        return f": {count(figure - bounds.max)} too many"
    return f": {count((bounds.min or 0) - figure)} too few"


def _text(figure: object) -> str:
    if isinstance(figure, Bounds):
        return figure.text(count)
    if isinstance(figure, list):
        return shape(tuple(figure))
    return count(figure) if isinstance(figure, int) else written(figure)


def write_junit(report: Report, path: Path) -> None:
    """Write the report in JUnit's XML: an architecture is a test case.

    Raises:
        UsageError: the file can't be written.
    """
    from xml.etree import ElementTree as Xml

    verdicts = [verdict for verdict in report.verdicts if isinstance(verdict, Verified)]
    found = [verdict.status for verdict in verdicts]
    suite = Xml.Element(
        "testsuite",
        name=_xml_text(f"shapecalc verify --device {report.judge['device']}"),
        tests=str(len(found)),
        failures=str(found.count("mismatch")),
        errors=str(found.count("error")),
        time=f"{sum(verdict.seconds for verdict in verdicts):.3f}",
    )
    for verdict in verdicts:
        name, seconds = _xml_text(verdict.name), f"{verdict.seconds:.3f}"
        case = Xml.SubElement(suite, "testcase", classname="shapecalc.verify", name=name, time=seconds)
        texts = [str(verdict.error)] if verdict.error else [_in_one_line(m) for m in verdict.mismatches]
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
        raise UsageError(f"--junit: {short_path(path)} can't be written: {reason}") from None


def _xml_text(text: str) -> str:
    """The text with what XML has no place for, even escaped, replaced."""
    return "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)


def with_progress(names: Sequence[str], verify: Callable[[str], Verified], quiet: bool) -> list[Verified]:
    """Verify one after another, with a progress bar on a terminal and none in a pipe."""
    if quiet or len(names) < 2:
        return [verify(name) for name in names]
    # The bar hides the cursor, and shows it when it ends.
    with interrupts_raised(), closing(with_bar(names, "Verifying", len(names))) as shown:
        return [verify(name) for name in shown]
