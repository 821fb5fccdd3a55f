"""The catalogue: common components of both frameworks, one by one."""

from __future__ import annotations

import pytest

from conformance.catalogue.cases import EntryCase
from conformance.census import NotRun
from conformance.contracts import catalogue, catalogue_examples
from conformance.laboratory import Laboratory, NotAvailable, Verify
from conformance.observations import Observation


@pytest.mark.catalogue
@pytest.mark.each("catalogue entry")
def test_entry(case: EntryCase, laboratory: Laboratory, verify: Verify) -> None:
    """Outputs and gradients by the entry's formula, the bits of repeated calls, the defaults."""
    observed = laboratory.observe(case, "catalogue", case.family.name)
    _skip_absent(case, laboratory, observed)
    verify(catalogue.entry(case, observed, _oracle(case, laboratory)))


@pytest.mark.catalogue
@pytest.mark.each("catalogue pair")
def test_frameworks_agree(case: EntryCase, laboratory: Laboratory, verify: Verify) -> None:
    """Outputs and gradients of the two forms; where they cannot agree, by what the entry declares."""
    observed = laboratory.observe(case, "catalogue", case.family.name)
    other = laboratory.partner(case, "catalogue", case.family.name)
    for side in (observed, other):
        _skip_absent(case, laboratory, side)
    verify(catalogue.pair(case, observed, other, _oracle(case, laboratory)))


@pytest.mark.catalogue
@pytest.mark.each("catalogue entry varied")
def test_examples(case: EntryCase, laboratory: Laboratory, verify: Verify) -> None:
    """Outputs and gradients by the entry's formula, on shapes and edge values that hypothesis draws."""
    observed = laboratory.examples(case, case.family.name, case.framework)
    _skip_absent(case, laboratory, observed)
    oracle = laboratory.examples(case, case.family.name, "oracle")
    verify(catalogue_examples.checks(case, observed, oracle, laboratory.drawn(case, case.family.name)))


@pytest.mark.compiled
@pytest.mark.each("catalogue entry compiled")
def test_compiled(case: EntryCase, laboratory: Laboratory, verify: Verify) -> None:
    """The entries that are also run compiled: by tf.function, XLA, torch.compile."""
    observed = laboratory.observe(case, "catalogue_compiled", case.family.name)
    _skip_absent(case, laboratory, observed)
    verify(catalogue.compiled(case, observed, laboratory.formulas(case, case.family.name)))


def _oracle(case: EntryCase, laboratory: Laboratory) -> Observation | None:
    return laboratory.formulas(case, case.family.name) if case.entry.oracle is not None else None


def _skip_absent(case: EntryCase, laboratory: Laboratory, observed: Observation) -> None:
    reason = catalogue.absence(case, observed, lambda: laboratory.versions(case))
    if reason:
        framework = observed.key.framework
        raise NotAvailable(NotRun(case.entry.name, reason, framework=framework, variant=case.family.name))
