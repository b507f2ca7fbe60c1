"""A study: schemes × run seeds at equal compute, resumable, reported with paired intervals."""
