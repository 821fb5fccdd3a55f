"""Step 1, imports: is everything there, in the versions, on the device and with the settings asked for?"""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import imports
from conformance.laboratory import Laboratory, Verify
from conformance.options import Options


@pytest.mark.each("framework")
def test_environment(case: Case, laboratory: Laboratory, verify: Verify, options: Options) -> None:
    """Versions, device, threads and default dtype."""
    threads = options.subjects[case.framework, case.device].threads
    verify(imports.environment(case, laboratory.observe(case, "imports"), threads))


@pytest.mark.each("framework")
def test_variants(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The variants that this suite plans with are the ones that the references offer."""
    verify(imports.variants(case, laboratory.observe(case, "imports")))
