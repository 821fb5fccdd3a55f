"""Loads the plugin of this suite; one BLAS thread each, because pytest -n auto already uses every core."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

pytest_plugins = ["conformance.plugin"]
