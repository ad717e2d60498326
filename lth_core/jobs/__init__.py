"""One module per rule: read files, call one verb, write files."""
