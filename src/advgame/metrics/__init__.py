"""Numbers about a run, computed from values; none of these modules knows torch."""
