"""The bisection on releases that are made up: the right pair, few probes, and every way in which none is found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from packaging.version import Version

from conformance.checks import Step, Verdict
from conformance.ending import NotPossible, SideNotHad
from conformance.environments import Release
from conformance.gate.bisection import Bisection, Found, Probe, departures
from conformance.verdict import Run
from tests.synthetic_runs import gate, make_check

BETWEEN = ("pytorch@candidate", "pytorch@baseline")


def run(*, departs: bool) -> Run:
    verdict = Verdict.DRIFT if departs else Verdict.ROUNDING
    return replace(gate(), checks=(make_check(Step.OBJECTIVE, "loss", subjects=BETWEEN, verdict=verdict),))


def releases(*versions: str, skipped: Collection[str] = ()) -> list[Release]:
    return [Release(Version(version), "yanked" if version in skipped else "") for version in versions]


def bisection(bad: Collection[str], impossible: Collection[str] = ()) -> Bisection:
    """A bisection in which these versions depart from the first, and those cannot be had."""

    def probe(version: str) -> Run:
        if version in impossible:
            raise SideNotHad("no wheel")
        return run(departs=version in bad)

    return Bisection(probe, lambda probe: None)


@pytest.mark.parametrize("count", [2, 3, 4, 9, 30])
def test_the_adjacent_pair_is_found_with_few_probes(count: int) -> None:
    versions = [f"1.{number}" for number in range(count)]
    for first_bad in range(1, count):
        search = bisection(versions[first_bad:])
        assert search.find(releases(*versions)) == Found(versions[first_bad - 1], versions[first_bad])
        assert [probe.version for probe in search.probes[:2]] == [versions[0], versions[-1]]
        assert len(search.probes) <= 2 + count.bit_length()


def test_releases_that_cannot_be_had_are_passed_over_and_logged() -> None:
    search = bisection({"1.3", "1.4", "1.5"}, impossible={"1.2"})
    found = search.find(releases("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", skipped={"1.3"}))
    assert found == Found("1.1", "1.4")
    skipped = {probe.version: probe.reason for probe in search.probes if probe.departs is None}
    assert skipped == {"1.3": "yanked", "1.2": "no wheel"}


def test_a_bad_release_that_agrees_ends_the_search() -> None:
    search = bisection(())
    assert search.find(releases("1.0", "1.1", "1.2")) is None
    assert len(search.probes) == 2


def test_a_good_release_that_departs_from_itself_judges_nothing() -> None:
    with pytest.raises(NotPossible, match="departs from itself"):
        bisection({"1.0", "1.1"}).find(releases("1.0", "1.1"))


def test_an_end_that_cannot_be_had() -> None:
    with pytest.raises(NotPossible, match="cannot be probed: no wheel"):
        bisection((), impossible={"1.1"}).find(releases("1.0", "1.1"))


def test_nothing_compared_is_no_agreement() -> None:
    failing = run(departs=False)
    alone = replace(failing, checks=(replace(failing.checks[0], subjects=("pytorch@candidate",)),))
    search = Bisection(lambda version: alone if version == "1.1" else run(departs=version == "1.2"), lambda probe: None)
    assert search.find(releases("1.0", "1.1", "1.2")) == Found("1.0", "1.2")
    assert [probe.reason for probe in search.probes if probe.departs is None] == ["nothing was compared"]
    with pytest.raises(NotPossible, match=r"1\.1 is an end .* nothing was compared"):
        search.find(releases("1.0", "1.1"))


def test_a_machine_that_refuses_ends_the_search() -> None:
    def probe(version: str) -> Run:
        if version == "1.1":
            raise NotPossible("No space left on device")
        return run(departs=version == "1.2")

    with pytest.raises(NotPossible, match="No space left"):
        Bisection(probe, lambda probe: None).find(releases("1.0", "1.1", "1.2"))


def test_every_probe_is_logged_as_it_is_made() -> None:
    seen: list[Probe] = []
    search = Bisection(lambda version: run(departs=version != "1.0"), seen.append)
    search.find(releases("1.0", "1.1"))
    assert seen == search.probes
    assert seen[1].reason.startswith("objective/loss[")


@pytest.mark.parametrize(
    ("failing", "counted"),
    [
        ([BETWEEN], 1),
        ([("pytorch@candidate", "oracle")], 1),
        ([("pytorch@baseline", "oracle")], 0),
        ([("pytorch@baseline", "oracle"), ("pytorch@candidate", "oracle")], 0),
    ],
    ids=["between the sides", "candidate alone", "baseline alone", "both alike"],
)
def test_what_both_sides_suffer_from_is_no_departure(failing: list[tuple[str, str]], counted: int) -> None:
    checks = [make_check(Step.TRAIN, "losses", subjects=subjects, verdict=Verdict.DRIFT) for subjects in failing]
    assert len(departures(replace(gate(), checks=tuple(checks)))) == counted
