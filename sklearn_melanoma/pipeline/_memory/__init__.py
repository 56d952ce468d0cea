"""Cache of feature rows in one SQLite file: cache keys, store, in-process cache, and the results of a pipeline."""
