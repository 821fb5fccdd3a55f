"""Step imports: what must hold of the environment before anything is calculated."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from conformance.cases import Case
from conformance.checks import Check, Step
from conformance.contracts.filing import exactly, holds
from conformance.observations import Observation
from conformance.variants import EVALUATE, TRAIN

PACKAGES = {"tensorflow": ("tensorflow", "keras", "numpy"), "pytorch": ("torch", "torchvision", "numpy")}


def environment(case: Case, observed: Observation, threads: int) -> Iterator[Check]:
    """Versions are known and those installed; device, thread count and default dtype are the ones asked for."""
    versions, settings = observed.facts["versions"], observed.facts["settings"]
    missing = [name for name in PACKAGES[case.framework] if not versions.get(name)]
    yield holds(
        case,
        Step.IMPORTS,
        "versions",
        not missing,
        f"no version of {', '.join(missing)} is known",
        elements=len(PACKAGES[case.framework]),
    )
    yield _loaded(case, observed)
    expected = {
        "device": case.device,
        "intra_op_threads": threads,
        "inter_op_threads": threads,
        "default_dtype": "float32",
        "deterministic": True,
        "tf32": False,
    }
    if case.framework == "pytorch":
        # TensorFlow takes subnormals for 0 on some devices, and goes without oneDNN where a variable says so.
        expected |= {"subnormals": True, "onednn_enabled": True}
    if case.framework == "tensorflow":
        expected |= {"dtype_policy": "float32", "image_data_format": "channels_last"}
    yield exactly(case, Step.IMPORTS, "settings", {name: settings.get(name) for name in expected}, expected)
    found = any(device.startswith(case.device) for device in observed.facts["devices"])
    yield holds(case, Step.IMPORTS, "device", found, f"{case.device} is not among {observed.facts['devices']}")


def _loaded(case: Case, observed: Observation) -> Check:
    """What was imported is what was installed: no other copy on the path, no module that tells another version."""
    loaded, expected = {}, {}
    for name in PACKAGES[case.framework]:
        installed = [_public(text) for text in observed.facts["installed"].get(name, ())]
        if installed:
            loaded[name] = _public(observed.facts["loaded"][name])
            expected[name] = loaded[name] if loaded[name] in installed else installed[0]
    return exactly(case, Step.IMPORTS, "loaded", loaded, expected)


def _public(version: str) -> str:
    """The version without what a build adds to it: torch 2.15.0 from PyPI calls itself 2.15.0+cu130."""
    try:
        return Version(version).public
    except InvalidVersion:
        return version


def variants(case: Case, observed: Observation) -> Iterator[Check]:
    """The variants planned for this framework are the ones that its steps offer; a user's may offer more."""
    planned = {
        "train": sorted({variant.name for variant in TRAIN if variant.framework == case.framework} - {"tutorial"}),
        "evaluate": sorted(EVALUATE[case.framework]),
    }
    offered = observed.facts["variants"]
    if not case.has_oracle:
        offered = {step: [name for name in names if name in planned[step]] for step, names in offered.items()}
    yield exactly(case, Step.IMPORTS, "variants", offered, planned)
