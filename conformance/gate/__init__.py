"""The upgrade gate: two environments observed side by side, and one verdict."""
