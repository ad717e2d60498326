"""Studies: one package per paper; a new package here is noticed by itself. Nothing outside knows a paper's name.

`study.py` says which runs a study asks for (a `Design` of `base.py`), `tables.py` makes its tables of them, `claims.py`
compares those with what the paper says, `figures.py` draws them; the class in `__init__.py` puts the four together and
registers them under the name that configs use. `renda2020` is a short example.
"""
