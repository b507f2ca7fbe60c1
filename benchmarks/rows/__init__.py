"""One file a row. Each has `measure(bench)`, which returns a `Row`."""
