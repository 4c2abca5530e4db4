"""What an editor can ask of a document: pure functions on offsets and plain data, one file a feature."""
