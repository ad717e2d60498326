"""The page that shows figures and claims of a run."""
