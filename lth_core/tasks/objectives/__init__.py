"""The built-in objectives, one module per family; a new module here is noticed by itself.

An objective is a function of a network's outputs and a batch, one value per example: what is minimised ("loss"), and
every metric. torch waits until it is called.
"""
