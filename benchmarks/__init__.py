"""`make bench`: what is measured, each row against what a user would otherwise run."""
