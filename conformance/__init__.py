"""Conformance tests for deep-learning frameworks; see README.md."""

from reference.workloads import Parameter, Workload

__all__ = ["Parameter", "Workload"]
