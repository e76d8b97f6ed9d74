"""The benchmark prints what it measures when it has it, and says why a row has no figures."""

from __future__ import annotations

import sys
import time

import pytest

from tests.benchmarks import measuring
from tests.benchmarks.measuring import Measurement, NotMeasuredError, Room, Row, in_turn, ms, turns, used
from tests.benchmarks.run import all_measurements, main, measured


def endless() -> Row:
    while True:
        time.sleep(0.01)


def test_help_lists_the_rows_and_measures_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    assert {one.name for one in all_measurements()} <= set(words)


def test_a_name_is_of_one_row() -> None:
    names = [one.name for one in all_measurements()]
    assert len(set(names)) == len(names)
    assert not set(names) & {one.room for one in all_measurements()}


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "cold_shoe"])
    assert ended.value.code == 2
    assert "there is no room and no row 'cold_shoe'; --help lists them" in capsys.readouterr().err


def test_one_row_is_measured_and_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "growth/times_1000", "--markdown"])
    live, table = capsys.readouterr().out.split("\n\n")
    assert live.startswith("growth/times_1000  1,000 layers, by `times` | ")
    head, rule, row = table.splitlines()
    assert [line.count("|") for line in (head, rule, row)] == [6, 6, 6]
    assert row.startswith("| 1,000 layers, by `times` | ")


def test_a_row_is_printed_before_the_next_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    room = Room("room")
    room.add("one", 60, lambda: Row("the first", "1 ms"))
    room.add("two", 60, lambda: Row(capsys.readouterr().out))
    _, second = measured(room.rows, minutes=1)
    assert second.what.startswith("room/one  the first | 1 ms  (")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5, "1,500.0 ms"), (0.0012, "1.2 ms"), (1e-4, "0.1 ms"), (99e-6, "99.0 µs"), (23.46e-6, "23.5 µs")],
)
def test_a_time_is_no_zero(seconds: float, text: str) -> None:
    assert ms(seconds) == text


def test_a_row_without_figures_says_why() -> None:
    def failing() -> Row:
        raise NotMeasuredError("there is no model")

    endless_row = Measurement("room", "endless", 0.05, endless)
    assert endless_row.row(60) == Row("endless", ratio="not measured: it took longer than 0.05 s")
    assert endless_row.row(0.02) == Row("endless", ratio="not measured: it took longer than 0.02 s")
    row = Measurement("room", "failing", 60, failing).row(60)
    assert row == Row("failing", ratio="not measured: there is no model")


def test_what_comes_after_the_end_of_the_run_is_not_begun() -> None:
    room = Room("room")
    room.add("one", 60, endless)
    [row] = measured(room.rows, minutes=0)
    assert row.ratio == "not measured: the 0 minutes of the run are over; try --minutes or --only one"


def test_a_process_that_takes_too_long_is_ended() -> None:
    def waiting() -> Row:
        return Row(str(used(sys.executable, "-c", "import time; time.sleep(600)")))

    start = time.process_time()
    row = Measurement("room", "waiting", 0.2, waiting).row(60)
    assert row.ratio == "not measured: it took longer than 0.2 s"
    assert time.process_time() - start < 5


def test_what_a_process_used_is_its_own() -> None:
    large = bytearray(400 * 2**20)
    large[:: 2**12] = b"1" * len(large[:: 2**12])
    process = used(sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.read()))", text="seven..")
    assert process.code == 7
    assert 1 < process.mebibytes < 200
    assert process.seconds < 30


def test_turns_are_taken_in_turn_and_the_first_does_not_count() -> None:
    assert list(turns(3)) == [0, 1, 2]
    calls: list[str] = []
    times = in_turn(lambda: calls.append("ours"), lambda: calls.append("theirs"), 2, calls=3)
    assert calls == (["ours"] * 3 + ["theirs"] * 3) * 3
    assert min(times) > 0


def test_two_turns_are_taken_even_where_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring.clock, "until", time.monotonic())
    assert list(turns(1000)) == [0, 1]
