"""Parametrizations: what is trained while a mask is looked for. One module per paper, each noticed by itself."""
