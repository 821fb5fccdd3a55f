"""What an entry gets wrong is a break of that entry alone, which says what and where."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator

import pytest

from conformance.catalogue import asking
from conformance.catalogue.cases import entry_case
from conformance.checks import Check
from conformance.contracts import catalogue as contracts
from conformance.observations import Key, Observation
from conformance.subjects import FRAMEWORKS, Subject
from conformance.worker import Worker, stage_code
from reference.catalogue.drawing import normal
from reference.catalogue.entries import Entry, Form, MalformedEntry
from tests import bad_entries
from tests.bad_entries import FAMILY


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Observation]:
    """The bad family in both frameworks and by its formulas."""
    directory = tmp_path_factory.mktemp("bad entries")
    code = stage_code(directory / "code")
    shutil.copy(inspect.getfile(bad_entries), code / "reference" / "catalogue" / "families")
    found = {}
    for subject in ("oracle", *FRAMEWORKS):
        with Worker(Subject(subject), code, directory / f"{subject}.stderr") as worker:
            reply = worker.request("catalogue", asking.arguments(FAMILY, "catalogue"), asking.tensors(FAMILY, 0))
        key = Key("catalogue", subject, "catalogue", FAMILY.name)
        found[subject] = Observation(key, reply.facts, reply.tensors)
    return found


def failing(observed: dict[str, Observation], framework: str, name: str) -> list[Check]:
    (entry,) = (entry for entry in FAMILY.entries if entry.name == name)
    case = entry_case(FAMILY, entry, framework)
    checks: Iterator[Check] = contracts.entry(case, observed[framework], observed["oracle"])
    return [check for check in checks if check.failed]


@pytest.mark.catalogue
def test_sound_entries_beside_bad_ones_pass(observed: dict[str, Observation]) -> None:
    for framework in FRAMEWORKS:
        for name in ("sound", "NaN-goes-through"):
            assert failing(observed, framework, name) == []


@pytest.mark.catalogue
@pytest.mark.parametrize(
    ("framework", "name", "contract", "words"),
    [
        ("tensorflow", "shapes-differ", "observed", ["kernel has shape (4, 6)", "the entry's is (4, 5)"]),
        ("pytorch", "shapes-differ", "observed", ["weight has shape (5, 4)", "the mapping gives (4, 5)"]),
        ("pytorch", "name-unknown", "observed", ["none of the component's weights, weight, is called wait"]),
        ("pytorch", "NaN-is-lost", "output", ["the oracle is not finite here"]),
        ("tensorflow", "oracle-raises", "observed", ["oracle raised AttributeError", "no_such_method"]),
        ("pytorch", "oracle-raises", "observed", ["oracle raised AttributeError", "no_such_method"]),
        ("tensorflow", "oracle-of-another-shape", "output", ["shape (1, 3) where (1, 2) is expected"]),
        ("pytorch", "raises", "observed", ["pytorch raised AttributeError", "no_such_method"]),
        ("pytorch", "absent", "observed", ["torch.no_such_function does not exist"]),
    ],
)
def test_a_bad_entry_says_what_is_wrong(
    observed: dict[str, Observation], framework: str, name: str, contract: str, words: list[str]
) -> None:
    (check,) = failing(observed, framework, name)
    assert check.contract == f"catalogue/{name}/{contract}"
    for text in words:
        assert text in check.reason


def test_an_entry_without_a_partner_is_refused() -> None:
    with pytest.raises(MalformedEntry, match="entry Alone has no torch form: an entry needs both"):
        Entry("Alone", keras=Form("made()"), inputs={"x": normal(2)})
    with pytest.raises(MalformedEntry, match="entry Alone has no keras form: an entry needs both"):
        Entry("Alone", torch=Form("made()"), inputs={"x": normal(2)})
