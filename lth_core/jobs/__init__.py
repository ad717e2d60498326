"""One module per job of the workflow: it reads files, computes, and writes files."""
