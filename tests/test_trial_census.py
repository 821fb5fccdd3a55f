"""The census holds: a suite that quietly checks less than was committed fails, whatever it leaves out and how."""

from __future__ import annotations

import pytest

from conformance.census import Count
from conformance.checks import Step
from tests.test_plugin import PRETENCE, Suite, told

pytest_plugins = ["pytester"]

_SUITE = """\
import numpy as np
import pytest
from conformance.checks import Kind, Step
from conformance.contracts.filing import file
from conformance.judge import exact

PARAMETERS = ("hidden/kernel", "hidden/bias", "output/kernel", "output/bias")
ELEMENTS = 6

@pytest.mark.each("framework")
def test_outputs(case, laboratory, verify):
    compared = exact.compare("model/logits", np.ones(ELEMENTS), np.ones(ELEMENTS))
    verify([file(case, Step.MODEL, "logits", Kind.EXACT, compared)])

@pytest.mark.each("framework")
def test_gradients(case, laboratory, verify):
    verify(gradient(case, name) for name in PARAMETERS)

def gradient(case, name):
    compared = exact.compare(f"objective/gradient/{name}", np.ones(3), np.ones(3))
    return file(case, Step.OBJECTIVE, f"gradient/{name}", Kind.EXACT, compared)
"""
_EXPECTED = [
    Count("mnist_mlp", framework, "", "cpu", step, checks, elements)
    for framework in ("pytorch", "tensorflow")
    for step, checks, elements in ((Step.MODEL, 1, 6), (Step.OBJECTIVE, 4, 12))
]


@pytest.fixture
def whole(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A small suite with a census of its own, which it keeps."""
    suite = Suite(pytester, monkeypatch)
    suite.pretend("tensorflow", PRETENCE)
    (suite.path / "test_imports.py").unlink()
    suite.write("test_model", _SUITE)
    monkeypatch.setattr("conformance.gathering.read_census", lambda: _EXPECTED)
    monkeypatch.setattr("conformance.gathering._environment", _nothing)
    monkeypatch.setattr("conformance.ledger.applies", lambda entry, run: False)
    return suite


def _nothing(observations: object, options: object) -> object:
    from conformance.verdict import Side

    return Side("nothing", {}, "cpu", {})


def test_the_suite_as_it_is(whole: Suite) -> None:
    result = whole.run()
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("before", "after", "told_of"),
    [
        pytest.param("def test_outputs", "def no_test_outputs", "model mnist_mlp", id="a contract is removed"),
        pytest.param(
            '"hidden/kernel", "hidden/bias", ', '"hidden/kernel", ', "objective mnist_mlp", id="a parameter is skipped"
        ),
        pytest.param("ELEMENTS = 6", "ELEMENTS = 5", "model mnist_mlp", id="an element is left out"),
        pytest.param("ELEMENTS = 6", "ELEMENTS = 0", "is empty: nothing was compared", id="an empty array is compared"),
        pytest.param(
            '    compared = exact.compare("model/logits"',
            "    pytest.skip('later')\n    compared = exact.compare(\"model/logits\"",
            "model mnist_mlp",
            id="a test skips itself",
        ),
        pytest.param(
            '@pytest.mark.each("framework")\ndef test_outputs',
            "@pytest.mark.skip(reason='later')\n@pytest.mark.each(\"framework\")\ndef test_outputs",
            "model mnist_mlp",
            id="a test is marked as skipped",
        ),
        pytest.param(
            '@pytest.mark.each("framework")\ndef test_outputs',
            '@pytest.mark.full\n@pytest.mark.each("framework")\ndef test_outputs',
            "model mnist_mlp",
            id="a test is left to another selection",
        ),
        pytest.param(
            "verify(gradient(case, name) for name in PARAMETERS)",
            "verify(gradient(case, name) for name in ())",
            "the contract compared nothing",
            id="a test checks nothing",
        ),
        pytest.param(
            "verify([file(case, Step.MODEL",
            "([file(case, Step.MODEL",
            "model mnist_mlp",
            id="a test keeps its checks to itself",
        ),
    ],
)
def test_a_suite_that_checks_less_fails(whole: Suite, before: str, after: str, told_of: str) -> None:
    assert _SUITE.count(before) == 1
    whole.write("test_model", _SUITE.replace(before, after))
    result = whole.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told_of in told(result)
