"""Flow: what one cell does with names, as values."""

from __future__ import annotations

from attrs import define, field, frozen

Names = dict[str, int]  # name → line (from 1) where it is first seen


@frozen(kw_only=True)
class Import:
    """An import as a statement that can be run again elsewhere."""

    names: tuple[str, ...]  # what it binds; empty for `from x import *`
    code: str
    root: str  # top-level package
    line: int
    star: bool = False


@frozen
class Load:
    """Where a name is first looked up, and what is bound for sure by then."""

    line: int
    bound: frozenset[str]


@frozen(kw_only=True)
class Call:
    """A call by a plain name, `f(a, k=b)`, with the plain names among its arguments."""

    function: str
    args: tuple[str | None, ...]
    named: dict[str, str] = field(eq=False)
    line: int

    def __str__(self) -> str:
        given = [argument or "…" for argument in self.args]
        return f"{self.function}({', '.join([*given, *(f'{name}={value}' for name, value in self.named.items())])})"


@define(kw_only=True)
class Deferred:
    """What the body of a function, lambda or class does with globals when it is called."""

    reads: Names = field(factory=dict)
    binds: Names = field(factory=dict)  # by `global`
    touches: Names = field(factory=dict)
    opaque: bool = False  # it runs code that cannot be seen
    touched_params: set[int | str] = field(factory=set)  # positions and names of parameters it may change in place


@define(kw_only=True)
class Flow:
    """What one cell does with names; filled by `analyse`, read-only afterwards."""

    reads: Names = field(factory=dict)
    loads: dict[str, Load] = field(factory=dict)  # every name looked up
    binds: Names = field(factory=dict)
    definite: set[str] = field(factory=set)  # bound on every path
    deletes: Names = field(factory=dict)
    touches: Names = field(factory=dict)  # objects that may be changed in place
    definitions: dict[str, Deferred] = field(factory=dict)
    classes: set[str] = field(factory=set)  # those of the definitions that are classes
    anonymous: Deferred = field(factory=Deferred)  # lambdas without a name: they may be called at once
    calls: list[Call] = field(factory=list)
    imports: list[Import] = field(factory=list)
    session: list[str] = field(factory=list)  # line magics that set up the session, such as `%matplotlib inline`
    mentions: Names = field(factory=dict)  # names in formulas, such as `y ~ log(x)`: of columns, or of the notebook
    strings: set[str] = field(factory=set)  # constants, among which file names may be
    saved: set[str] = field(factory=set)  # those that are handed to something that writes a file
    variables: set[str] = field(factory=set)  # of the environment, by the names that are written out
    sources: dict[str, str] = field(factory=dict)  # name of a function or class → statements that make it
    registers: list[tuple[str, str]] = field(factory=list)  # name whose `register` decorates a definition, and its code
    hooks: list[tuple[int, str]] = field(factory=list)  # lines that change how the process itself works, and what it is
    traces: Names = field(factory=dict)  # exceptions of which it looks at where they were raised
    unpickles: int | None = None  # line where objects of the notebook's classes may be made from bytes
    patches: Names = field(factory=dict)  # attributes that are set, as `module.name`
    fits: list[Fit] = field(factory=list)
    quotes: bool = False  # it looks at the text of what is defined above
    shows: bool = False  # its last line may have a value that is shown
    opaque: int | None = None  # line where code runs that cannot be seen (exec, globals(), %run)


@frozen(kw_only=True)
class Fit:
    """A method call on a plain name: `receiver.method(args)`."""

    receiver: str
    method: str
    args: tuple[str | None, ...]
    target: str | None  # the name the result is assigned to
    line: int
