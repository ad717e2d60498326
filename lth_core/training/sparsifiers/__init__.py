"""Sparsifiers: masks that change while a network trains. One module per paper; a new one is noticed by itself."""
