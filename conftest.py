"""Loads the plugin of this suite."""

pytest_plugins = ["conformance.plugin"]
