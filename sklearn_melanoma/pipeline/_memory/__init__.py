"""Cache of feature rows in a folder: cache keys, SQLite store, in-process cache, and their use by `ImagePipeline`."""
