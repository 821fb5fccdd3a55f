"""Subjects: what is observed, and the environment variables under which its worker runs."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

FRAMEWORKS = ("tensorflow", "pytorch")
BUILT_IN = ("oracle", "numpy")
ALIASES = {"torch": "pytorch", "tf": "tensorflow"}
DEVICES = ("cpu", "cuda")

_SECRET = re.compile(
    r"SECRET|TOKEN(?!IZ)|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|_(KEY|PASS|PWD)$|_AUTH(_|$)|^AUTH"
    r"|JWT|CONNECTION_?STRING|WEBHOOK",
    re.IGNORECASE,
)
_ADDRESS_WITH_CREDENTIALS = re.compile(r"://[^/\s]*@")


@dataclass(frozen=True)
class Subject:
    """A framework under one interpreter, on one device, with its own settings.

    `environment` holds this side's own variables, which win over the caller's and over our pins;
    `pass_environment` names variables that are handed on although they look like secrets.
    """

    framework: str
    interpreter: str = sys.executable
    device: str = "cpu"
    environment: Mapping[str, str] = field(default_factory=dict)
    pass_environment: tuple[str, ...] = ()

    @property
    def threads(self) -> int:
        """Threads of every pool: one, unless this side sets OMP_NUM_THREADS itself."""
        value = self.environment.get("OMP_NUM_THREADS", "1")
        if not value.isdigit() or value == "0":
            raise ValueError(f"OMP_NUM_THREADS={value}: give a whole number of threads, 1 or more")
        return int(value)

    @property
    def is_built_in(self) -> bool:
        """Whether the subject is ours (oracle, numpy) and no framework."""
        return self.framework in BUILT_IN

    def pins(self) -> dict[str, str]:
        """The variables that the suite sets for every worker of this subject."""
        threads = str(self.threads)
        pins = {
            "KERAS_BACKEND": "tensorflow",
            "MKL_NUM_THREADS": threads,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONHASHSEED": "0",
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        if self.device == "cpu":
            pins["CUDA_VISIBLE_DEVICES"] = "-1"
        else:
            pins["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
            pins["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        return pins

    def worker_environment(self, caller: Mapping[str, str] | None = None) -> dict[str, str]:
        """The caller's variables without those that look like secrets, then our pins, then this side's own."""
        variables = {
            name: value
            for name, value in (os.environ if caller is None else caller).items()
            if not (_SECRET.search(name) or _ADDRESS_WITH_CREDENTIALS.search(value)) or name in self.pass_environment
        }
        return {**variables, **self.pins(), **self.environment}


def looks_secret(name: str) -> bool:
    """Whether a variable of this name looks as if it held a secret."""
    return _SECRET.search(name) is not None


def framework_named(name: str) -> str:
    """The framework's full name. Raises ValueError, offering the names there are."""
    full = ALIASES.get(name.strip().lower(), name.strip().lower())
    if full not in (*FRAMEWORKS, *BUILT_IN):
        near = difflib.get_close_matches(full, [*FRAMEWORKS, *ALIASES], 1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(FRAMEWORKS)} (torch means pytorch)"
        raise ValueError(f"unknown framework {name!r}: {hint}")
    return full
