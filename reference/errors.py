"""What a framework can lack on a machine, under one name for all of them."""

from __future__ import annotations


class DeviceMissing(RuntimeError):
    """The device asked for is not there."""


class NotImportable(ImportError):
    """The framework is there and cannot be imported."""
