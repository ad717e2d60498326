"""A source file taken apart: its definitions, what each refers to, and what runs whenever the file is imported.

Comments, docstrings, formatting and what only type checkers read leave no trace.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

Reference = tuple[str, str]
"""A module and what is taken from it; "" stands for the module itself."""

EVERYTHING = "*"
"""Among the names that a definition refers to: it may refer to any."""
REGISTRIES = "lth_core.registry"
REFLECTION = {"globals", "vars", "eval", "exec"}
NAME = re.compile(r"\bName\(id='(\w+)'")
"""A name in the text of a statement: to look there is several times as fast as to visit the nodes of its expressions.
What a string has of this form only adds a name."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Definition:
    """One top-level function, class or constant, or all statements that count whenever the file is imported."""

    digest: str = ""
    names: list[str] = field(default_factory=list)
    """Other definitions of the file that it refers to."""
    references: list[Reference] = field(default_factory=list)
    """What it refers to in other modules."""


@dataclass(frozen=True)
class Source:
    """What a file consists of."""

    digest: str
    """Of all of its code."""
    imports: list[str]
    """Dotted names imported anywhere in it."""
    runs: list[str]
    """Dotted names imported when it is imported itself."""
    effects: Definition
    """Statements that do more than to define something: a definition depends on them whatever it refers to."""
    definitions: dict[str, Definition]
    aliases: dict[str, list[Reference]]
    """Names that the file takes from other modules."""


def take_apart(content: bytes, package: str) -> Source:
    """Parse a source file; its relative imports are from `package`. Raises SyntaxError."""
    tree = ast.parse(content)
    _simplify(tree)
    statements = [_Statement(node, package) for node in tree.body]
    aliases: dict[str, list[Reference]] = {}
    for statement in statements:
        for name, reference in statement.imported.items() if statement.is_import else ():
            aliases.setdefault(name, []).append(reference)
    uses = Counter(chain.from_iterable(statement.names for statement in statements))
    defining: dict[str, list[_Statement]] = {}
    effects = []
    for statement in statements:
        if statement.has_effect(aliases, uses):
            effects.append(statement)
        for name in statement.defines:
            defining.setdefault(name, []).append(statement)
    subclasses: dict[str, set[str]] = {}  # of a class that is used its subclasses may be, too, if they have no name
    for statement in statements:
        for base in set() if statement.is_registered(aliases) else statement.bases & defining.keys():
            subclasses.setdefault(base, set()).update(statement.defines)
    return Source(
        digest=short("\n".join(statement.text for statement in statements).encode(), 16),
        imports=sorted({name for statement in statements for name in statement.modules}),
        runs=sorted({name for statement in statements if not statement.is_deferred for name in statement.modules}),
        effects=_definition(effects, defining, aliases, set()) if effects else Definition(),
        definitions={
            name: _definition(parts, defining, aliases, subclasses.get(name, set())) for name, parts in defining.items()
        },
        aliases=aliases,
    )


def short(content: bytes, size: int = 6) -> str:
    """The BLAKE2b digest of this many bytes, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=size).hexdigest()


def _definition(
    statements: list[_Statement],
    defining: dict[str, list[_Statement]],
    aliases: dict[str, list[Reference]],
    more: set[str],
) -> Definition:
    """What some statements are as one; they refer to `more` names besides."""
    names = set().union(*(statement.names for statement in statements)) | more
    references = {reference for name in names for reference in aliases.get(name, ())}
    references |= {reference for statement in statements for reference in statement.imported.values()}
    text = "\n".join(statement.text for statement in statements)
    return Definition(
        digest=short(repr((text, sorted(references))).encode(), 16),
        names=sorted(names & {*defining, EVERYTHING}),
        references=sorted(references),
    )


class _Statement:
    """A top-level statement: what it defines, and what it refers to."""

    def __init__(self, node: ast.stmt, package: str):
        self.node = node
        self.text = ast.dump(node)
        self.is_import = isinstance(node, ast.Import | ast.ImportFrom)
        self.is_deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        self.defines = _defined(node)
        self.imported: dict[str, Reference] = {}
        """By the name that it has here."""
        self.modules: list[str] = []
        """Dotted names that may be modules."""
        self.names = set(NAME.findall(self.text))
        if self.names & REFLECTION:
            self.names.add(EVERYTHING)
        for part in _statements(node):
            match part:
                case ast.Import(names=imported):
                    self.modules += [alias.name for alias in imported]
                    self.imported |= {_key(alias): (alias.name, "") for alias in imported}
                case ast.ImportFrom(module=module, names=imported, level=level):
                    above = package.rsplit(".", level - 1)[0] if level else ""
                    base = ".".join(filter(None, [above, module]))
                    self.modules += [base, *(f"{base}.{alias.name}" for alias in imported)]
                    self.imported |= {_key(alias): (base, alias.name.replace("*", "")) for alias in imported}

    @property
    def bases(self) -> set[str]:
        """The names of the classes that a class is made from."""
        bases = self.node.bases if isinstance(self.node, ast.ClassDef) else []
        return {base.id for base in bases if isinstance(base, ast.Name)}

    def decorators(self, aliases: dict[str, list[Reference]]) -> list[list[str]]:
        """Where each decorator of a definition may come from, as dotted names."""
        decorators = self.node.decorator_list if isinstance(self.node, DEFINITIONS) else []
        references = [aliases.get(_root(decorator), []) for decorator in decorators]
        return [[f"{module}.{name}".rstrip(".") for module, name in one] for one in references]

    def is_registered(self, aliases: dict[str, list[Reference]]) -> bool:
        """Whether a definition is known by a name of the config."""
        return any(_is_registry(origin) for origins in self.decorators(aliases) for origin in origins)

    def has_effect(self, aliases: dict[str, list[Reference]], uses: Counter[str]) -> bool:
        """Whether the statement may do more than to define names that others refer to.

        A decorator may keep what it decorates: those of the registries are known to, others are taken to unless they
        are of the standard library. A call whose result nobody in the file refers to may be there for what it does.
        """
        if isinstance(self.node, DEFINITIONS):
            return not all(_is_harmless(origins) for origins in self.decorators(aliases))
        if self.is_import:
            return "*" in self.imported
        return not self.defines or ("Call(" in self.text and all(uses[name] == 1 for name in self.defines))


def _key(alias: ast.alias) -> str:
    """The name that an import gives: `import a.b` gives `a`."""
    return alias.asname or alias.name.partition(".")[0]


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement defines and does no more; [] of a statement of another kind."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            parts = list(chain.from_iterable(t.elts if isinstance(t, ast.Tuple) else [t] for t in targets))
            names = [part.id for part in parts if isinstance(part, ast.Name)]
            return names if len(names) == len(parts) else []
    return []


def _root(expression: ast.expr) -> str:
    """The name that an expression begins with: `registry` in `registry.model("net")`; "" where it has none."""
    while isinstance(expression, ast.Call | ast.Attribute):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def _is_registry(origin: str) -> bool:
    return f"{origin}.".startswith(f"{REGISTRIES}.")


def _is_harmless(origins: list[str]) -> bool:
    """Whether what comes from there is a registry's or of the standard library."""
    known = [_is_registry(origin) or origin.partition(".")[0] in sys.stdlib_module_names for origin in origins]
    return bool(known) and all(known)


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement, or a part of one, holds others."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A statement, and those in it."""
    yield node
    for block in BLOCKS:
        if isinstance(statements := getattr(node, block, None), list):
            for statement in statements:
                yield from _statements(statement)


def _simplify(node: ast.AST) -> None:
    """Take docstrings, and what is for type checkers only, out of a tree."""
    for part in _statements(node):
        for block in BLOCKS:
            if isinstance(statements := getattr(part, block, None), list):
                setattr(part, block, [kept for statement in statements for kept in _run(statement)])


def _run(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements that run where this one stands."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
            for statement in otherwise:
                yield from _run(statement)
        case _:
            yield node
