"""verdict.json: its verdicts follow from its checks, it survives JSON, and bad documents are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from conformance import verdict_file
from conformance.census import (
    CensusUnreadable,
    NotRun,
    census,
    census_text,
    compare_census,
    read_census,
)
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.divergence import command, first_divergence, first_divergences, stage
from conformance.verdict import Run, SpeedVerdict, Throughput
from conformance.verdict_file import VerdictUnreadable, from_json, to_json
from tests import synthetic_runs
from tests.synthetic_runs import RUNS, conforming, make_check, with_checks


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(verdict_file.SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(document)
    return document


@pytest.mark.parametrize("name", RUNS)
def test_document_follows_the_schema_and_comes_back(name: str, schema: dict[str, Any]) -> None:
    run = RUNS[name]()
    text = to_json(run)
    jsonschema.validate(json.loads(text, parse_constant=pytest.fail), schema)
    assert to_json(from_json(text)) == text


@pytest.mark.parametrize(
    ("name", "verdict", "status", "complete"),
    [
        ("conforming", "rounding", 0, True),
        ("drifting", "drift", 1, True),
        ("broken", "break", 1, True),
        ("not_finite", "break", 1, True),
        ("partial", "rounding", 0, False),
        ("with_ledger", "rounding", 0, True),
        ("lacking_a_framework", "rounding", 3, False),
        ("gate", "identical", 1, True),
        ("empty", None, 3, False),
    ],
)
def test_verdict_and_exit_status(name: str, verdict: str | None, status: int, complete: bool) -> None:
    document = json.loads(to_json(RUNS[name]()))
    assert (document["verdict"], document["exit_status"], document["complete"]) == (verdict, status, complete)


def test_non_finite_numbers_are_strings_and_come_back() -> None:
    run = synthetic_runs.not_finite()
    text = to_json(run)
    assert '"measured": "NaN"' in text
    assert '"ratio": "Infinity"' in text
    check = next(check for check in from_json(text).checks if check.failed)
    assert check.measured is not None
    assert math.isnan(check.measured)


def test_numpy_scalars_in_details_are_written_as_numbers() -> None:
    check = make_check(Step.DATA, "labels", details={"wrong": np.int64(1), "rows": np.float32(0.5), "at": (1, 2)})
    text = to_json(with_checks(conforming(), (check,)))
    details = json.loads(text)["checks"][-1]["details"]
    assert details == {"wrong": 1, "rows": 0.5, "at": [1, 2]}


def test_a_failure_that_the_ledger_accepts_does_not_count() -> None:
    run = synthetic_runs.with_ledger()
    refused = replace(run, checks=tuple(replace(check, ledger_id=None) for check in run.checks))
    assert run.verdict is Verdict.ROUNDING
    assert (refused.verdict, refused.exit_status) == (Verdict.DRIFT, 1)


def test_fail_on_decides_the_exit_status_and_not_the_verdict() -> None:
    tolerant = replace(synthetic_runs.drifting(), fail_on=("break",))
    assert (tolerant.verdict, tolerant.exit_status) == (Verdict.DRIFT, 0)


@pytest.mark.parametrize(("fail_on", "status"), [(("drift", "break", "slower"), 0), (("unresolved",), 1)])
def test_unresolved_speed_fails_only_where_asked(fail_on: tuple[str, ...], status: int) -> None:
    row = Throughput("load", ratio=1.1, low=0.9, high=1.3, verdict=SpeedVerdict.UNRESOLVED)
    run = replace(synthetic_runs.gate(), throughput=(row,), fail_on=fail_on)
    assert run.exit_status == status


def test_a_gate_accepts_no_partial_observation() -> None:
    run = replace(synthetic_runs.gate(), throughput=())
    assert run.exit_status == 0
    assert replace(run, partial=synthetic_runs.partial().partial).exit_status == 3


# The first divergence


def failing(step: Step, tensor: str, training_step: int | None = None, **changes: Any) -> Check:
    where = Where(tensor, (), training_step, 1.0, 2.0, 1.0)
    return make_check(step, tensor, verdict=Verdict.DRIFT, measured=1.0, where=where, **changes)


ORDER = [
    failing(Step.DATA, "data/train/images"),
    failing(Step.MODEL, "model/initial_weights/hidden/kernel"),
    failing(Step.MODEL, "model/logits"),
    make_check(Step.OBJECTIVE, "crash", verdict=Verdict.BREAK, measured=None),
    failing(Step.OBJECTIVE, "objective/configuration/learning_rate"),
    failing(Step.OBJECTIVE, "objective/loss"),
    failing(Step.OBJECTIVE, "objective/gradient/output/bias"),
    failing(Step.OBJECTIVE, "objective/optimizer/velocity/output/bias"),
    failing(Step.OBJECTIVE, "objective/updated/output/bias"),
    failing(Step.TRAIN, "train/losses", 2),
    failing(Step.TRAIN, "train/weights/000002/hidden/kernel"),
    failing(Step.TRAIN, "train/losses", 3),
    failing(Step.TRAIN, "train/epoch_losses"),
    failing(Step.EVALUATE, "evaluate/logits"),
    failing(Step.EVALUATE, "evaluate/predictions"),
]


@pytest.mark.parametrize("count", range(1, len(ORDER) + 1))
def test_first_divergence_follows_the_order_of_computing(count: int) -> None:
    late_to_early = list(reversed(ORDER[-count:]))
    found = first_divergence([make_check(Step.IMPORTS, "versions"), *late_to_early])
    assert found is not None
    assert found.id == late_to_early[-1].id


def test_no_divergence_where_nothing_failed() -> None:
    assert first_divergence(conforming().checks) is None
    assert first_divergence(synthetic_runs.with_ledger().checks) is None


def test_every_pair_has_its_own_first_divergence() -> None:
    across = failing(Step.TRAIN, "train/losses", 5, subjects=("pytorch", "tensorflow"))
    found = first_divergences([across, *reversed(ORDER)])
    assert [divergence.subjects for divergence in found] == [("pytorch", "oracle"), ("pytorch", "tensorflow")]
    assert found[1].training_step == 5


def test_a_divergence_shows_values_ratio_and_command() -> None:
    found = synthetic_runs.drifting().first_divergence
    assert found is not None
    assert (found.tensor, found.index) == ("objective/updated/output/bias", (3,))
    assert (found.value, found.other, found.oracle) == (-0.00116421, -0.00116304, -0.001163041)
    assert found.ratio == pytest.approx(712.3, abs=0.1)
    assert found.command.startswith("pytest conformance/test_objective.py --framework pytorch")


def test_a_command_filed_with_the_check_wins_and_names_are_quoted() -> None:
    assert command(make_check(Step.DATA, "images", details={"command": "pytest 'a[b]'"})) == "pytest 'a[b]'"
    assert "'my jobs.py'" in command(make_check(Step.DATA, "images", workload="my jobs.py"))


def test_what_is_allowed_nothing_and_differs_has_an_infinite_ratio() -> None:
    wrong_label = make_check(Step.DATA, "labels", kind=Kind.EXACT, verdict=Verdict.BREAK, measured=1.0, allowed=0.0)
    found = first_divergence([wrong_label])
    assert found is not None
    assert found.ratio == math.inf


def test_stages_rise_from_batch_to_weights() -> None:
    names = [
        "data/train/labels",
        "model/logits",
        "objective/loss",
        "objective/gradient/x",
        "objective/updated/x",
    ]
    stages = [stage(name) for name in names]
    assert stages == sorted(set(stages))


# The census


def test_census_counts_checks_and_elements_by_group() -> None:
    counts = census([make_check(Step.MODEL, "logits"), make_check(Step.MODEL, "loss", elements=7)])
    assert [(count.framework, count.step, count.checks, count.elements) for count in counts] == [
        ("pytorch", Step.MODEL, 2, 107)
    ]


def fewer_checks(checks: list[Check]) -> list[Check]:
    return checks[1:]


def fewer_elements(checks: list[Check]) -> list[Check]:
    return [replace(checks[0], elements=checks[0].elements - 1), *checks[1:]]


def a_framework_less(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.framework != "pytorch"]


@pytest.mark.parametrize("lose", [fewer_checks, fewer_elements, a_framework_less])
def test_a_short_census_breaks_the_run(lose: Callable[[list[Check]], list[Check]]) -> None:
    run = conforming()
    lost = tuple(lose(list(run.checks)))
    short = replace(run, checks=lost, census_comparison=compare_census(census(lost), census(run.checks)))
    assert short.census_comparison.short
    assert (short.verdict, short.exit_status, short.complete) == (Verdict.BREAK, 1, False)


def test_more_than_expected_is_told_and_passes() -> None:
    run = conforming()
    extra = (*run.checks, make_check(Step.DATA, "order"))
    compared = compare_census(census(extra), census(run.checks))
    assert compared.judged
    assert compared.short == ()
    assert any("data mnist_mlp pytorch" in line for line in compared.more)


def test_what_was_not_run_explains_its_own_absence_only() -> None:
    run = conforming()
    expected = census(run.checks)
    left = [check for check in run.checks if check.variant != "tensors" or check.framework != "pytorch"]
    excused = NotRun("pytorch tensors", "no compiler", framework="pytorch", variant="tensors")
    other = NotRun("pytorch compiled", "no compiler", framework="pytorch", variant="compiled")
    vague = NotRun("something", "somewhere")
    assert compare_census(census(left), expected, [excused]).short == ()
    assert compare_census(census(left), expected, [other]).short
    assert compare_census(census(left), expected, [vague]).short


def test_the_census_of_a_partial_run_is_not_judged() -> None:
    expected = census(conforming().checks)
    assert not compare_census((), expected, partial=True).judged
    assert not compare_census((), expected, [NotRun("torch", "missing", required=True)]).judged


def test_the_expectation_is_read_as_it_was_written(tmp_path: Path) -> None:
    counts = census(conforming().checks)
    path = tmp_path / "census.json"
    path.write_text(census_text(counts), encoding="utf-8")
    assert read_census(path) == counts


@pytest.mark.parametrize("text", ["", "[{}]", "{}", '[{"step": "bake"}]', "[1]"])
def test_a_malformed_expectation_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "census.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CensusUnreadable, match=r"census\.json"):
        read_census(path)


# Bad documents


def altered(change: Callable[[dict[str, Any]], None]) -> str:
    document = json.loads(to_json(synthetic_runs.drifting()))
    change(document)
    return json.dumps(document)


BAD = {
    "empty": "",
    "cut short": to_json(conforming())[:5000],
    "not a document": "[]",
    "no schema": "{}",
    "schema of tomorrow": altered(lambda document: document.update(schema=2)),
    "schema true": altered(lambda document: document.update(schema=True)),
    "bare NaN": '{"schema": NaN}',
    "nested": "[" * 100_000,
    "deep details": '{"schema": 1, "checks": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "a verdict that its checks do not give": altered(lambda document: document.update(verdict="rounding")),
    "a status that its checks do not give": altered(lambda document: document.update(exit_status=0)),
    "a foreign field": altered(lambda document: document.update(note="x")),
    "a missing field": altered(lambda document: document.pop("checks")),
    "text for a number": altered(lambda document: document["checks"][0].update(elements="many")),
    "an unknown step": altered(lambda document: document["checks"][0].update(step="bake")),
    "an id of another check": altered(lambda document: document["checks"][0].update(id="x")),
    "a list for a side": altered(lambda document: document.update(candidate=[])),
    "a huge integer": altered(lambda document: document["checks"][0].update(measured="9" * 400)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_is_one_line_naming_file_and_remedy(name: str, tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(BAD[name], encoding="utf-8")
    with pytest.raises(VerdictUnreadable) as caught:
        verdict_file.read(path)
    message = str(caught.value)
    assert "verdict.json" in message
    assert "run the suite again" in message
    assert "\n" not in message
    assert len(message) < 500


def test_missing_binary_and_oversized_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VerdictUnreadable, match="cannot be read"):
        verdict_file.read(tmp_path / "verdict.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VerdictUnreadable, match="UTF-8"):
        verdict_file.read(binary)
    monkeypatch.setattr(verdict_file, "LARGEST_FILE", 2)
    with pytest.raises(VerdictUnreadable, match="larger than"):
        verdict_file.read(binary)


def test_a_document_without_checks_cannot_claim_to_conform() -> None:
    document = json.loads(to_json(conforming()))
    document["checks"] = []
    with pytest.raises(VerdictUnreadable, match="contradicts itself"):
        from_json(json.dumps(document))


def test_every_field_of_a_run_is_in_the_document() -> None:
    document = verdict_file.to_document(conforming())
    assert set(Run.__dataclass_fields__) - set(document) == {"census_comparison"}
