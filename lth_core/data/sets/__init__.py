"""The built-in data sets, one module per family; a new module here is noticed by itself.

A data set is a function from the folder of data sets to splits of images and labels; further arguments are options of
the config. Heavy libraries wait until one is read.
"""
