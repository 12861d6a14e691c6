"""Local pipelines: one small file a family (`FAMILY`), shared plumbing in the underscored files."""
