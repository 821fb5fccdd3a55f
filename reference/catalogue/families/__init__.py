"""One file per family of components; each defines FAMILY."""
