"""The ledger accepts what it describes, is held to its word, and refuses entries that make no sense."""

from __future__ import annotations

from datetime import date
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from conformance.checks import Check, Kind, Step, Verdict
from conformance.ledger import Entry, Problem, RunFacts, applies, apply
from conformance.ledger_file import OWN, LedgerError, accept, load

TODAY = date(2026, 6, 1)
VERSIONS = {"tensorflow": "2.21.0", "keras": "3.15.1", "torch": "2.15.0+cpu"}
KNOWN = {
    "data/preprocessing_inside",
    "evaluate/shipped_defaults",
    "objective/legacy_arguments/*",
    "objective/edge_cases/*",
}
ENTRY: dict[str, Any] = {
    "id": "clip",
    "step": "objective",
    "contract": "edge_cases/zero_probability",
    "subjects": ["tensorflow", "pytorch"],
    "versions": {"tensorflow": ">=2.16", "torch": ">=2.2"},
    "cause": "framework-default",
    "band": [16.0, 16.2],
    "reason": "Keras floors probabilities",
    "evidence": "measured",
}


def check(**changes: Any) -> Check:
    values: dict[str, Any] = {
        "step": Step.OBJECTIVE,
        "contract": "edge_cases/zero_probability",
        "kind": Kind.ROUNDING,
        "subjects": ("tensorflow", "pytorch"),
        "verdict": Verdict.BREAK,
        "workload": "mnist_mlp",
        "framework": "tensorflow",
        "measured": 16.118,
        "allowed": 0.0,
    }
    return Check(**{**values, **changes})


def write(path: Path, *tables: dict[str, Any]) -> Path:
    path.write_text(tomlkit.dumps({"entry": list(tables)}), encoding="utf-8")
    return path


def entries(path: Path, *changes: dict[str, Any]) -> tuple[Entry, ...]:
    return load(write(path / "ledger.toml", *({**ENTRY, **change} for change in changes)), KNOWN)


def judge(
    ledger: tuple[Entry, ...], *checks: Check, strict: bool = True, complete: bool = True, today: date = TODAY
) -> tuple[list[str | None], tuple[Problem, ...]]:
    run = RunFacts.of(checks, VERSIONS, complete)
    judged, problems = apply(ledger, checks, run, strict=strict, today=today)
    return [check.ledger_id for check in judged], problems


def test_our_own_ledger_loads() -> None:
    ledger = load(OWN, KNOWN)
    assert {"sgd-lr-refused", "sgd-lr-ignored", "zero-probability-clipped", "shipped-initialisers"} <= {
        entry.id for entry in ledger
    }
    for entry in ledger:
        assert entry.low <= entry.high
        assert len(entry.evidence) > 10


def test_our_own_ledger_accepts_what_was_measured() -> None:
    """Sizes measured with TensorFlow 2.21.0 and torch 2.15.0."""
    checks = [
        check(measured=16.11809539794922),
        check(contract="edge_cases/zero_probability_gradient", measured=0.0),
        check(contract="edge_cases/unnormalised_probabilities", measured=0.9162907600402832),
        check(contract="edge_cases/saturated_probabilities", measured=16.11809539794922),
        check(contract="edge_cases/saturated_logits", measured=0.0, verdict=Verdict.IDENTICAL),
        check(step=Step.OBJECTIVE, contract="legacy_arguments/lr", subjects=("tensorflow",), measured=inf),
        check(step=Step.DATA, contract="preprocessing_inside", measured=5.9604645e-08),
        check(step=Step.EVALUATE, contract="shipped_defaults", measured=0.0101, verdict=Verdict.DRIFT),
    ]
    accepted, problems = judge(load(OWN, KNOWN), *checks)
    assert problems == ()
    assert [bool(name) for name in accepted] == [True] * 4 + [False] + [True] * 3
    assert "sgd-lr-refused" in accepted


def test_an_ignored_learning_rate_has_its_own_versions() -> None:
    legacy = check(step=Step.OBJECTIVE, contract="legacy_arguments/lr", subjects=("tensorflow",), measured=0.24)
    run = RunFacts.of([legacy], {"tensorflow-cpu": "2.15.1", "keras": "2.15.0"})
    judged, problems = apply(load(OWN, KNOWN), [legacy], run, today=TODAY)
    assert (judged[0].ledger_id, problems) == ("sgd-lr-ignored", ())


def test_an_accepted_check_no_longer_fails(tmp_path: Path) -> None:
    failing = check()
    assert failing.failed
    judged, _ = apply(entries(tmp_path, {}), [failing], RunFacts.of([failing], VERSIONS))
    assert not judged[0].failed


@pytest.mark.parametrize(
    "other",
    [
        {"step": Step.TRAIN},
        {"contract": "edge_cases/saturated_logits"},
        {"subjects": ("tensorflow", "oracle")},
        {"workload": "fashion_mlp"},
        {"variant": "eager"},
        {"device": "cuda"},
    ],
)
def test_an_entry_accepts_only_what_it_describes(tmp_path: Path, other: dict[str, Any]) -> None:
    ledger = entries(tmp_path, {"workload": "mnist_*", "variant": "tape*", "device": "cpu"})
    described = check(variant="tape")
    accepted, problems = judge(ledger, described, check(**{"variant": "tape", **other}))
    assert accepted == ["clip", None]
    assert problems == ()


def test_the_sides_of_a_gate_are_their_frameworks(tmp_path: Path) -> None:
    accepted, _ = judge(entries(tmp_path, {}), check(subjects=("tensorflow@baseline", "pytorch")))
    assert accepted == ["clip"]


BETWEEN = ("tensorflow@candidate", "tensorflow@baseline")


@pytest.mark.parametrize(
    ("accepted", "others"),
    [
        (BETWEEN, [BETWEEN[::-1], BETWEEN[:1], ("tensorflow@candidate", "oracle")]),
        (("tensorflow@candidate", "oracle"), [BETWEEN, BETWEEN[:1], ("tensorflow",)]),
    ],
)
def test_a_waiver_between_sides_accepts_nothing_of_one_side(
    tmp_path: Path, accepted: tuple[str, ...], others: list[tuple[str, ...]]
) -> None:
    path = tmp_path / "new.toml"
    failing = check(subjects=accepted)
    accept(path, failing, "known", date(2026, 12, 31), {"tensorflow": "2.21.0"})
    entries = load(path, KNOWN)
    found, problems = judge(entries, failing, *(check(subjects=other) for other in others), strict=False)
    assert found == [entries[0].id] + [None] * len(others)
    assert problems == ()


def test_a_waiver_of_one_side_holds_on_the_other(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    accept(path, check(subjects=("tensorflow@candidate", "oracle")), "known", date(2026, 12, 31), {"keras": "3.15.1"})
    found, _ = judge(load(path, KNOWN), check(subjects=("tensorflow@baseline", "oracle")))
    assert found == ["accepted-objective-edge-cases-zero-probability-mnist-mlp-tensorflow-candidate-vs-oracle-cpu"]


@pytest.mark.parametrize("measured", [15.9, 16.3, None, nan, inf])
def test_a_size_outside_the_band_fails(tmp_path: Path, measured: float | None) -> None:
    accepted, problems = judge(entries(tmp_path, {}), check(measured=measured), strict=False)
    assert accepted == [None]
    assert [problem.fails for problem in problems] == [True]
    assert "outside the band 16 to 16.2" in problems[0].message


def test_two_entries_share_a_check_by_their_bands(tmp_path: Path) -> None:
    ledger = entries(tmp_path, {}, {"id": "other", "band": [20.0, 21.0]})
    accepted, problems = judge(ledger, check(), check(workload="fashion_mlp", measured=20.5))
    assert accepted == ["clip", "other"]
    assert problems == ()


@pytest.mark.parametrize("strict", [True, False])
def test_an_entry_that_does_not_occur_is_stale(tmp_path: Path, strict: bool) -> None:
    accepted, problems = judge(entries(tmp_path, {}), check(verdict=Verdict.ROUNDING, measured=0.0), strict=strict)
    assert accepted == [None]
    assert [problem.fails for problem in problems] == [strict]
    assert "no longer diverges" in problems[0].message


def test_an_absent_check_is_a_problem_unless_the_run_is_filtered(tmp_path: Path) -> None:
    other = check(contract="first_batch", verdict=Verdict.IDENTICAL)
    _, problems = judge(entries(tmp_path, {}), other)
    assert "no check of objective/edge_cases/zero_probability" in problems[0].message
    assert judge(entries(tmp_path, {}), other, complete=False)[1] == ()


@pytest.mark.parametrize(
    "change",
    [
        {"versions": {"tensorflow": "<2.16"}},
        {"versions": {"tensorflow": ">=2.16", "jax": ">=0.4"}},
        {"subjects": ["tensorflow", "oracle"]},
        {"step": "data", "contract": "preprocessing_inside"},
        {"workload": "fashion_*"},
        {"device": "cuda"},
        {"variant": "eager"},
    ],
)
def test_an_entry_applies_only_where_everything_is_in_the_run(tmp_path: Path, change: dict[str, Any]) -> None:
    (entry,) = entries(tmp_path, change)
    assert not applies(entry, RunFacts.of([check()], VERSIONS))
    accepted, problems = judge((entry,), check())
    assert accepted == [None]
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "version"),
    [("tensorflow", "2.22.0.dev20260101"), ("tensorflow_cpu", "2.16.2"), ("tf-nightly", "2.22.0")],
)
def test_nightlies_and_other_builds_count(tmp_path: Path, name: str, version: str) -> None:
    for named in ("tensorflow", name):  # accept writes what is installed
        (entry,) = entries(tmp_path, {"versions": {named: ">=2.16"}})
        assert applies(entry, RunFacts.of([check()], {name: version}))


@pytest.mark.parametrize(
    ("expires", "accepted", "fails", "words"),
    [
        (date(2026, 12, 31), "clip", [], ""),
        (date(2026, 7, 1), "clip", [False], "expires on 2026-07-01"),
        (TODAY, "clip", [False], "expires on 2026-06-01"),
        (date(2026, 5, 31), None, [True], "expired on 2026-05-31"),
    ],
)
def test_a_waiver_warns_and_then_fails(
    tmp_path: Path, expires: date, accepted: str | None, fails: list[bool], words: str
) -> None:
    found, problems = judge(entries(tmp_path, {"expires": expires}), check(), strict=False)
    assert found == [accepted]
    assert [problem.fails for problem in problems] == fails
    assert all(words in problem.message for problem in problems)


def test_an_expired_waiver_whose_divergence_is_gone_only_warns(tmp_path: Path) -> None:
    ledger = entries(tmp_path, {"expires": date(2026, 1, 1)})
    _, problems = judge(ledger, check(verdict=Verdict.IDENTICAL, measured=0.0), strict=False)
    assert [problem.fails for problem in problems] == [False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contract": "edge_case"}, "no check is called objective/edge_case"),
        ({"step": "training"}, "step must be one of imports, data"),
        ({"cause": "bad luck"}, "cause must be one of framework-default"),
        ({"versions": {"tensorflow": ">=3,<2"}}, "no version of tensorflow satisfies '>=3,<2'"),
        ({"versions": {"tensorflow": "=2.16"}}, "'=2.16' is no version specifier"),
        ({"versions": {"tensorflow": 2.16}}, "2.16 is no version specifier"),
        ({"versions": {}}, "versions must map"),
        ({"subjects": "tensorflow"}, "subjects must be a list"),
        ({"subjects": []}, "subjects must be a list"),
        ({"band": [2.0, 1.0]}, "upside down: 2 is above 1"),
        ({"band": [1.0]}, "band must be two numbers"),
        ({"band": [1.0, nan]}, "band must be two numbers"),
        ({"band": 1.0}, "band must be two numbers"),
        ({"expires": "2026-12-31"}, "expires must be a date"),
        ({"expires": 2026}, "expires must be a date"),
        ({"reason": "  "}, "reason must be a text"),
        ({"reasons": "x", "until": "y"}, "unknown keys: reasons, until"),
    ],
)
def test_a_wrong_entry_is_named_at_load(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(LedgerError) as caught:
        entries(tmp_path, change)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'ledger.toml'}: entry clip: ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "l.toml", {name: value for name, value in ENTRY.items() if name != key})
    with pytest.raises(LedgerError, match=f"lacks {key}"):
        load(path, KNOWN)


def test_an_id_belongs_to_one_entry(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="entry clip: another entry has the same id"):
        entries(tmp_path, {}, {"band": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[entry]\n", "cannot be read"),
        ("entry = 3\n", "tables only"),
        ("[[entries]]\nid = 'x'\n", "tables only, not entries"),
        ("entry = [1]\n", "entry number 1: is not a table"),
        ("[[entry]]\nexpires = 2026-13-01\n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_ledger(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "ledger.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError) as caught:
        load(path, KNOWN)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_an_empty_ledger_is_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.touch()
    assert load(path, KNOWN) == ()


def test_accept_adds_a_waiver_that_then_holds(tmp_path: Path) -> None:
    path = write(tmp_path / "ours.toml", {**ENTRY, "band": [1.0, 2.0]})
    path.write_text("# our team's exceptions\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    first = accept(path, check(), "known, ticket 12", date(2026, 12, 31), VERSIONS)
    second = accept(path, check(), "twice", date(2026, 12, 31), VERSIONS)
    assert path.read_text(encoding="utf-8").startswith("# our team's exceptions\n")
    ledger = load(path, KNOWN)
    assert [entry.id for entry in ledger] == ["clip", first, second]
    assert first != second
    assert ledger[1].expires == date(2026, 12, 31)
    assert (ledger[1].low, ledger[1].high) == pytest.approx((16.118 / 2, 16.118 * 2))
    assert judge(ledger[1:2], check())[0] == [first]
    assert judge(ledger[1:2], check(contract="edge_cases/saturated_logits"))[0] == [None]
    newer = RunFacts.of([check()], {**VERSIONS, "torch": "2.16.0"})
    assert not applies(ledger[1], newer)


def test_accept_makes_the_file_and_holds_an_exact_check_to_its_size(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    raised = check(
        step=Step.OBJECTIVE,
        contract="legacy_arguments/lr",
        kind=Kind.EXACT,
        subjects=("tensorflow@candidate",),
        measured=inf,
    )
    accept(path, raised, "we use learning_rate", date(2026, 12, 31), {"tensorflow": "2.21.0"})
    (entry,) = load(path, KNOWN)
    assert (entry.low, entry.high) == (inf, inf)
    assert entry.subjects == ("tensorflow",)
    assert judge((entry,), raised)[0] == [entry.id]
    assert [file.name for file in tmp_path.iterdir()] == ["new.toml"]


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (check(verdict=Verdict.ROUNDING), "did not fail"),
        (check(measured=None), "nothing was measured"),
        (check(measured=nan), "nothing was measured"),
    ],
)
def test_accept_refuses_what_no_entry_can_hold(tmp_path: Path, failing: Check, words: str) -> None:
    with pytest.raises(LedgerError, match=words):
        accept(tmp_path / "new.toml", failing, "x", date(2026, 12, 31), VERSIONS)
    assert not (tmp_path / "new.toml").exists()


@pytest.mark.parametrize("text", ["[[entry]\n", "entry = 3\n"])
def test_accept_leaves_a_broken_file_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match=r"broken\.toml"):
        accept(path, check(), "x", date(2026, 12, 31), VERSIONS)
    assert path.read_text(encoding="utf-8") == text


def test_accept_says_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be written"):
        accept(tmp_path / "no" / "such.toml", check(), "x", date(2026, 12, 31), VERSIONS)
