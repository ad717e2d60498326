"""The engine: outputs and gradients of all replicates of a cohort at once, on dense and on sparse paths."""
