"""Training: the loop, its optimizers and schedules, and how it resumes."""
