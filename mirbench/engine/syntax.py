"""A module read into plain data: its definitions, each with a hash of what it says and the names that it refers to.

The hash is of the syntax tree, the same in every Python: without comments, docstrings, `pass`, annotations (where nothing evaluates
them) and the texts of what is raised. So it changes with what the code does, and hardly with anything else.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

MODULE = "<module>"  # the statements of a module that are run when it is imported, besides definitions

Summary: TypeAlias = dict[str, Any]
"""names: what each name of the module is bound to, keys of `defs` or imports `module:name`; defs: key -> [digest, references]; classes: key
-> bases (references), members (name -> keys of `defs`) and always (members that are used wherever the class is); decorated: key -> the
decorators; touches: what importing the module imports, where no name of it is used.

A reference is `name.attribute` of the same module, `module:name.attribute` of another, `@attribute` of the class around it, `@^attribute`
of the classes above, `@` whatever is done with the object, `!module:name` what importing that does, `*` anything in the module.
"""

Around: TypeAlias = "tuple[Mapping[str, Sequence[str]], ...]"
"""The scopes of the functions that something stands in, the nearest last: name -> the imports that it is bound to, "@" for the object."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SAYS_NOTHING = frozenset({"ctx", "kind", "type_comment", "type_params", "simple"})
_ANNOTATIONS = frozenset({"annotation", "returns"})


@functools.lru_cache(maxsize=1024)
def summary_of(source: bytes, module: str, is_package: bool) -> Summary:
    """Of a file that is no Python that can be read, its bytes. It is to be read only, as it is kept: a process may look at several caches.

    >>> found = summary_of(b"import math\\ndef area(r): return math.pi * r * r", "circles", False)
    >>> found["names"], found["defs"]["area"][1]
    ({'math': ['math:'], 'area': ['area']}, ['math.pi'])
    """
    try:
        return _Module(source, module, is_package).summary()
    except (SyntaxError, ValueError, RecursionError):
        defs = {MODULE: [hashlib.sha256(source).hexdigest()[:32], []]}
        return {"names": {}, "defs": defs, "classes": {}, "decorated": {}, "touches": []}


def joined(target: str, *rest: str) -> str:
    """A reference to an attribute of what a reference is to."""
    return target + ("" if target[-1] in ":@^" or not rest else ".") + ".".join(rest)


def _chain(node: ast.AST) -> tuple[ast.AST, list[str]]:
    """What `x.a.b` is of, and ["a", "b"]."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return node, names


def _name_of(node: ast.AST) -> str:
    """Of a name, or of what is called, as a reference; "" where it has none."""
    while isinstance(node, ast.Call):
        node = node.func
    base, names = _chain(node)
    return joined(base.id, *names) if isinstance(base, ast.Name) else ""


def _moving(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that do something at run time."""
    for node in statements:
        if isinstance(node, ast.If) and _name_of(node.test).split(".")[-1] == "TYPE_CHECKING":
            yield from _moving(node.orelse)
        elif not isinstance(node, ast.Pass) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node


class _Scopes:
    """Which names a piece of a module binds, and to which imports."""

    def __init__(self, module: str, is_package: bool) -> None:
        self.package = module.split(".")[: None if is_package else -1]

    def imports(self, node: ast.Import | ast.ImportFrom) -> dict[str, str]:
        """name -> `module:name`, the latter empty for a module itself; `*` is a name too."""
        if isinstance(node, ast.Import):
            return {a.asname or a.name.split(".")[0]: (a.name if a.asname else a.name.split(".")[0]) + ":" for a in node.names}
        parents = self.package[: len(self.package) - node.level + 1] if node.level else []
        module = ".".join([*parents, *([node.module] if node.module else [])])
        return {a.asname or a.name: f"{module}:{a.name}" for a in node.names} if module != "__future__" else {}

    def touches(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        return [f"!{a.name}:" for a in node.names] if isinstance(node, ast.Import) else ["!" + t for t in self.imports(node).values()]

    def bound(self, nodes: Iterable[ast.AST]) -> dict[str, list[str]]:
        """The names that these bind in their own scope -> the imports that they are bound to."""
        targets_of: dict[str, list[str]] = {}
        elsewhere: set[str] = set()
        queue = list(nodes)
        while queue:
            node = queue.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, target in self.imports(node).items():
                    targets_of.setdefault(name, []).append(target)
            elif isinstance(node, _COMPREHENSIONS):
                queue += [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                elsewhere.update(node.names)
            elif not isinstance(node, ast.Lambda):
                stored = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
                for field in ("id",) * stored + ("name", "rest"):  # the latter of def, class, except and match
                    if isinstance(own := getattr(node, field, None), str):
                        targets_of.setdefault(own, [])
                if not isinstance(node, _DEFINITIONS):
                    queue.extend(ast.iter_child_nodes(node))
        return {name: targets for name, targets in targets_of.items() if name not in elsewhere}

    def inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> dict[str, list[str]]:
        targets_of = self.bound(node.body if isinstance(node.body, list) else [node.body])
        for arg in ast.walk(node.args):
            if isinstance(arg, ast.arg):
                targets_of.setdefault(arg.arg, [])
        return targets_of


class _Reader:
    """Walks a definition: what it says goes into `tokens`, what it refers to into `refs`.

    skipped: fields that are not read. method: a function whose first argument is an object of the class around it, or that class.
    """

    def __init__(self, scopes: _Scopes, skipped: frozenset[str], method: ast.AST | None = None) -> None:
        self.scopes, self.skipped, self.method, self.in_class = scopes, skipped, method, False
        self.tokens: list[str] = []
        self.refs: set[str] = set()

    def read(self, nodes: Iterable[ast.AST]) -> list[Any]:
        """[digest, references]"""
        for node in nodes:
            self.walk(node, ())
        return [hashlib.sha256("\n".join(self.tokens).encode(errors="backslashreplace")).hexdigest()[:32], sorted(self.refs)]

    def refer(self, name: str, rest: Sequence[str], around: Around) -> None:
        for scope in reversed(around):
            if name in scope:
                self.refs.update(joined(target, *rest) for target in scope[name])
                return
        self.refs.add("*" if name in ("globals", "eval", "exec") else joined(name, *rest))

    def walk(self, node: ast.AST, around: Around, sentence: bool = False) -> None:
        """sentence: whether it is raised, so that its texts are for people."""
        if isinstance(node, (ast.Name, ast.Attribute)):
            base, names = _chain(node)
            self.tokens.append(joined("Name", *names))
            if isinstance(base, ast.Name):
                self.tokens.append(base.id)
                if names or isinstance(node.ctx, ast.Load):
                    self.refer(base.id, names, around)
                return
            if isinstance(base, ast.Call) and _name_of(base) == "super":
                self.refs.add(joined("@^", *names))
            self.walk(base, around, sentence)
        elif isinstance(node, ast.Constant):
            self.tokens.append("text" if sentence and isinstance(node.value, str) else f"{type(node.value).__name__} {node.value!r}")
        elif isinstance(node, ast.JoinedStr):
            here = len(self.tokens)
            self.tokens.append("JoinedStr")
            self.each([each for each in node.values if getattr(each, "value", None) != ""], around, sentence)  # Python 3.12 has empty ones
            self.tokens[here:] = ["text"] if sentence else self.tokens[here:]
        elif isinstance(node, ast.AnnAssign) and not self.in_class:
            if node.value is not None:
                self.walk(ast.Assign(targets=[node.target], value=node.value), around, sentence)
        else:
            self.fields(node, around, sentence or isinstance(node, ast.Raise))

    def fields(self, node: ast.AST, around: Around, sentence: bool) -> None:
        inner, in_class = around, self.in_class
        self.tokens.append(f"({type(node).__name__}")
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            scope = self.scopes.inside(node)
            if node is self.method and (first := [*node.args.posonlyargs, *node.args.args][:1]):
                scope[first[0].arg] = ["@"]
            inner = (*around, scope)
        elif isinstance(node, _COMPREHENSIONS):
            self.walk(node.generators[0].iter, around, sentence)
            around = inner = (*around, self.scopes.bound(each.target for each in node.generators))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.refs.update(self.scopes.imports(node).values() if self.in_class else self.scopes.touches(node))
        elif isinstance(node, ast.Call):
            if _name_of(node).split(".")[-1] in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
                self.refs.add(f"{node.args[0].value!s}:")
        elif isinstance(node, ast.AnnAssign):
            names = {getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(node.annotation)}
            self.tokens.append(" ".join(sorted(names & {"ClassVar", "InitVar", "KW_ONLY"})))  # which make another class of a dataclass
        for field in node._fields:
            value = getattr(node, field, None)
            if field not in self.skipped and value is not None and value != []:
                self.tokens.append(field)
                self.in_class = isinstance(node, ast.ClassDef) if isinstance(node, _DEFINITIONS) else in_class
                self.each(value if isinstance(value, list) else [value], inner if field == "body" else around, sentence)
        self.in_class = in_class
        self.tokens.append(")")

    def each(self, values: Sequence[Any], around: Around, sentence: bool) -> None:
        self.tokens.append("[")
        for value in _moving(values) if values and isinstance(values[0], ast.stmt) else values:
            if isinstance(value, ast.AST):
                self.walk(value, around, sentence)
            else:
                self.tokens.append(repr(value))
        self.tokens.append("]")


class _Module:
    """Fills the summary of a module."""

    def __init__(self, source: bytes, module: str, is_package: bool) -> None:
        self.scopes, self.skipped = _Scopes(module, is_package), _SAYS_NOTHING
        self.names: dict[str, list[str]] = {}
        self.defs: dict[str, list[Any]] = {}
        self.classes: dict[str, Any] = {}
        self.decorated: dict[str, list[str]] = {}
        self.touches: set[str] = set()
        with warnings.catch_warnings(action="ignore"):  # of what Python itself warns of
            tree = ast.parse(source)
        futures = [alias.name for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__" for alias in n.names]
        self.skipped |= _ANNOTATIONS if "annotations" in futures else set()
        if run := [node for node in _moving(tree.body) if not self.define(node)]:
            self.defs[MODULE] = self.reader().read(run)
            for name, targets in self.scopes.bound(run).items():
                self.names.setdefault(name, []).extend(targets or [MODULE])

    def summary(self) -> Summary:
        for each in self.defs.values():
            each[1] = [ref for ref in each[1] if ref[0] in "@!*" or ":" in ref or ref.split(".")[0] in self.names]
        used = {ref.split(".")[0] for _, refs in self.defs.values() for ref in refs}
        unused = {"!" + target for name in self.names.keys() - used for target in self.names[name] if ":" in target}
        about = {"names": self.names, "defs": self.defs, "classes": self.classes}
        decorated = {key: names for key, names in self.decorated.items() if names}
        return {**about, "decorated": decorated, "touches": sorted(self.touches | unused)}

    def reader(self, method: ast.AST | None = None) -> _Reader:
        return _Reader(self.scopes, self.skipped, method)

    def key(self, name: str) -> str:
        return next(key for number in range(1, len(self.defs) + 2) if (key := f"{name}#{number}" if number > 1 else name) not in self.defs)

    def define(self, node: ast.stmt) -> bool:
        """Takes in a definition, an import or an assignment; False: it is a statement that is run."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.touches.update(self.scopes.touches(node) if isinstance(node, ast.Import) else [])
            targets = self.scopes.imports(node)
            for name in targets.keys() - {"*"}:
                self.names.setdefault(name, []).append(targets[name])
            self.touches.update(target for name, target in targets.items() if name == "*")
            return True
        if isinstance(node, _DEFINITIONS):
            key = self.key(node.name)
            self.names.setdefault(node.name, []).append(key)
            self.defs[key] = self.take(node, key) if isinstance(node, ast.ClassDef) else self.reader().read([node])
            self.decorated[key] = [name for each in node.decorator_list if (name := _name_of(each))]
            return True
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return False
        names: dict[str, None] = {}
        given: list[ast.expr] = list(node.targets) if isinstance(node, ast.Assign) else [node.target] if node.value is not None else []
        while given:
            base: ast.expr = given.pop(0)
            target = base
            if isinstance(target, (ast.Tuple, ast.List)):
                given[:0] = target.elts
                continue
            while isinstance(base, (ast.Attribute, ast.Subscript, ast.Starred)):
                base = base.value
            ours = isinstance(base, ast.Name) and all(":" not in each for each in self.names.get(base.id, [":"]))
            if not isinstance(base, ast.Name) or not (ours or isinstance(target, (ast.Name, ast.Starred))):
                return False  # it changes something of another module
            names[base.id] = None
        if names:
            self.defs[key := self.key(", ".join(names))] = self.reader().read([node])
            for name in {**names, **self.scopes.bound([node])}:
                self.names.setdefault(name, []).append(key)
        return True

    def take(self, node: ast.ClassDef, key: str) -> list[Any]:
        """A class without its methods, each of which is a definition of its own."""
        members: dict[str, list[str]] = {}
        always: set[str] = set()
        methods = [each for each in node.body if isinstance(each, _FUNCTIONS)]
        for method in methods:
            own, decorators = self.key(f"{key}.{method.name}"), [_name_of(decorator) for decorator in method.decorator_list]
            members.setdefault(method.name, []).append(own)
            self.defs[own] = self.reader(None if "staticmethod" in decorators else method).read([method])
            self.decorated[own] = [name for name in decorators if name]
            if method.name.startswith("__") or any("property" in name.split(".")[-1] for name in decorators):
                always.add(method.name)
        reader, bases = self.reader(), []
        for base in node.bases:
            reader.walk(base, ())
            bases += sorted(reader.refs)
            reader.refs.clear()
        rest = [each for each in node.body if each not in methods]
        bare = ast.ClassDef(node.name, bases=[], keywords=node.keywords, body=rest, decorator_list=node.decorator_list)
        digest, refs = reader.read([bare])
        self.classes[key] = {"bases": bases, "members": members, "always": sorted(always)}
        return [digest, [*refs, *(f"@{name}" for ref in refs if (name := ref.split(".")[0]) in members)]]
