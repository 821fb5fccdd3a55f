"""`conformance bisect`."""
