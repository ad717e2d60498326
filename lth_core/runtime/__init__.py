"""The machine: GPUs, memory, processes, progress and time."""
