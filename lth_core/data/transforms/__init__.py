"""Transforms: a data set made from another one (a part of it, other labels, other pixels), one module per family.

A new module here is noticed by itself. Transforms apply in the config's order, once, when the data file is prepared,
before normalization is measured. Each is registered with `changes`: what it makes of the facts known before anything is
read (any of classes, input_shape, train_examples), raising DataError when they show that it cannot work. Those that
look at labels alone also take image folders whose pixels stay in their files.
"""
