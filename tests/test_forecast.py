"""The time that is left of a run: from finished jobs only, without wild jumps."""

from __future__ import annotations

import itertools

import pytest

from snakemake_logger_plugin_lth.forecast import Forecast, in_words


def run(durations: list[tuple[str, float]], at_once: int = 1) -> list[tuple[float, float | None]]:
    """Run jobs in order, `at_once` at a time; returns (seconds that were left, seconds as forecast) after each."""
    counts = {rule: sum(name == rule for name, _ in durations) for rule, _ in durations}
    forecast, free, ends = Forecast(counts, began=0.0), [0.0] * at_once, []
    for rule, seconds in durations:
        begin = min(free)
        free[free.index(begin)] = begin + seconds
        ends.append((begin + seconds, begin, rule, seconds))
    forecasts = []
    ends.sort()
    for done, (now, _, rule, seconds) in enumerate(ends, start=1):
        forecast.finish(rule, seconds)
        running = [(rule, now - begin) for _, begin, rule, _ in ends[done:] if begin < now]
        forecast.update(now, running, len(durations) - done)
        forecasts.append((max(free) - now, forecast.seconds(now)))
    return forecasts


def test_nothing_is_said_before_finished_jobs_tell_of_those_that_are_left() -> None:
    quick = [("prepare", 1.0), ("initialize", 1.0), ("dense", 5.0)]
    forecasts = [left for _, left in run([*quick, *[("retrain", 10.0)] * 20])]
    assert forecasts[:3] == [None] * 3 and forecasts[3] is not None


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_equal_jobs_are_forecast_well_however_many_run_at_once(at_once: int) -> None:
    forecasts = run([("retrain", 10.0)] * 80, at_once)
    for left, forecast in forecasts[10:-1]:
        assert forecast == pytest.approx(left, abs=12.0)


def test_one_odd_job_does_not_make_it_jump() -> None:
    durations = [("retrain", 10.0)] * 30 + [("retrain", 120.0)] + [("retrain", 10.0)] * 30
    forecasts = [(left, forecast) for left, forecast in run(durations) if forecast is not None]
    for (_, before), (_, after) in itertools.pairwise(forecasts):
        assert after < 1.25 * before + 10


def test_jobs_that_take_less_and_less_time_are_forecast_within_a_factor_of_two_in_the_second_half() -> None:
    falling = [("retrain", 40.0 - 35.0 * number / 159) for number in range(160)]  # from 40 s to 5 s
    for left, forecast in run(falling, at_once=2)[80:-10]:
        assert forecast is not None and left / 2 < forecast < 2 * left


def test_the_first_job_of_a_rule_does_not_stand_for_all_others() -> None:
    quick, slow = [("retrain", 8.0)] * 30, [("branch", 68.0), *[("branch", 12.0)] * 29]
    assert run([*quick, *slow])[30][1] < 3 * 29 * 12.0


def test_it_counts_down_with_the_clock_and_never_below_0() -> None:
    forecast = Forecast({"retrain": 20}, began=0.0)
    for number in range(1, 6):
        forecast.finish("retrain", 10.0)
        forecast.update(10.0 * number, [], 20 - number)
    now = forecast.seconds(50.0)
    assert now is not None and forecast.seconds(80.0) == pytest.approx(now - 30)
    assert forecast.seconds(10_000.0) == 0


def test_jobs_that_need_not_run_after_all_are_not_waited_for() -> None:
    forecast = Forecast({"retrain": 100}, began=0.0)
    for _ in range(10):
        forecast.finish("retrain", 10.0)
    forecast.update(100.0, [], jobs_left=9)
    assert forecast.seconds(100.0) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (100, "about 2 min"),
        (3500, "about 58 min"),
        (7700, "about 2 h 10 min"),
        (86400, "about 24 h"),
    ],
)
def test_it_is_said_as_coarsely_as_it_is_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == f"{words} left"
