"""Python targets, `package.module:function` or `path/model.py:Net` → the module that they make.

Building one runs the user's own code. Only the commands `import` and `diff` do so.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from shapecalc.errors import ArchitectureError, UsageError, nearest, quoted, shorten
from shapecalc.importing.torch_module import without_log
from shapecalc.zoo.index import exists

_FORM = "write package.module:name or path/model.py:name, the name a class, a function or a module"


T = TypeVar("T")


def run(target: str, arguments: Mapping[str, Any], use: Callable[[Any], T]) -> T:
    """What a use of a target's module gives; if that asks for values, of one whose constants have theirs.

    Raises:
        UsageError: there is no such target, or what it makes is no module.
        ArchitectureError: the user's code fails.
    """
    try:
        return _used(target, use, build(target, arguments))
    except ArchitectureError as error:
        if type(error.__context__).__name__ not in _DEPENDS:
            raise
        first = error
    try:
        return _used(target, use, build(target, arguments, known=True))
    except ArchitectureError:
        raise first from None


def _used(target: str, use: Callable[[Any], T], module: Any) -> T:
    with users_code(f"running {target}"):
        return use(module)


def build(target: str, arguments: Mapping[str, Any], known: bool = False) -> Any:
    """The torch module that a target is, or makes when it is called with `arguments`; no weight is allocated.

    `known`: what it makes beside weights has its values.

    Raises:
        UsageError: there is no such target, or what it makes is no module.
        ArchitectureError: the user's code fails.
    """
    maker = _find(target)
    if isinstance(maker, torch.nn.Module):
        return maker
    made = _built(target, lambda: maker(**arguments), known)
    if not isinstance(made, torch.nn.Module):
        message = f"{target} gives {type(made).__name__}, where a torch.nn.Module is needed"
        raise UsageError(message, hint=_FORM)
    return made


def _find(target: str) -> Any:
    where, colon, name = target.rpartition(":")
    if not colon or not where or not name:
        raise UsageError(f"{quoted(target)} is no Python target", hint=_FORM)
    with users_code(f"importing {where}"):
        found: Any = _file(where) if where.endswith(".py") else _module(where)
    for part in name.split("."):
        if not hasattr(found, part):
            hint = nearest(part, [known for known in dir(found) if not known.startswith("_")])
            raise UsageError(f"{where} has no {quoted(part)}", hint=hint or _FORM)
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{target} is {type(found).__name__}, which can't be called", hint=_FORM)
    return found


def _file(where: str) -> Any:
    path = Path(where)
    if not (exists(path) and path.is_file()):
        raise UsageError(f"there is no file {quoted(where)}", hint=_FORM)
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))  # as `python path/model.py` does
    spec.loader.exec_module(module)
    return module


def _module(where: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and where.startswith(error.name):
            raise UsageError(f"there is no module {quoted(error.name)}", hint=_FORM) from None
        raise


@contextmanager
def own_modules() -> Iterator[None]:
    """What a target's file imports from beside it is its own: another's may have the same names."""
    paths, before = [*sys.path], {*sys.modules}
    try:
        yield
    finally:
        added = sys.path[: max(0, len(sys.path) - len(paths))]
        sys.path[:] = paths
        folders = {Path(path).resolve() for path in added if path}  # "" is the same for all targets
        new = [name for name in sys.modules if name not in before]
        own = {name for name in new if _folder_of(sys.modules[name]) in folders}
        for name in new:
            if name.partition(".")[0] in own:
                del sys.modules[name]


def _folder_of(module: Any) -> Path | None:
    """The folder in which a module's file is, or a package as a folder."""
    file = getattr(module, "__file__", None)
    places = [Path(file)] if file else [Path(place) for place in getattr(module, "__path__", [])[:1]]
    for place in places:
        whole = place.parent if place.stem == "__init__" else place
        return whole.resolve().parent
    return None


@contextmanager
def _aside() -> Iterator[None]:
    """What the user's code prints is no output, and it reads nothing: a question would wait for an answer.

    Where it goes to another folder, files are written where they were to be.
    """
    given, sys.stdin = sys.stdin, io.StringIO()
    try:
        with redirect_stdout(sys.stderr), chdir("."):
            yield
    finally:
        sys.stdin = given


@contextmanager
def users_code(doing: str) -> Iterator[None]:
    """What the user's code raises becomes an error with its line."""
    try:
        with _aside():
            yield
    except (UsageError, ArchitectureError):
        raise
    except SystemExit:
        hint = "nothing in it may call exit: what is for a script stands below if __name__ == '__main__'"
        raise UsageError(f"{doing} ended the program", hint=hint) from None
    except Exception as error:
        raise ArchitectureError(
            f"{doing} failed{_where(error)}: {_reason(error)}", hint=_advice(error)
        ) from None


_DEPENDS = {
    **dict.fromkeys(
        ("DataDependentOutputException", "GuardOnDataDependentSymNode"),
        "a value is read out of a tensor, as `if`, `while`, item(), int() and tolist() do",
    ),
    "DynamicOutputShapeException": "how large a tensor is depends on values, as of nonzero() and x[mask]",
}
"""By the name of what torch raises where values are not known, what the code does."""


def _reason(error: BaseException) -> str:
    """What failed, in a line."""
    name = type(error).__name__
    said = shorten(str(error).strip().splitlines()[0] if str(error).strip() else "", 200)
    return _DEPENDS.get(name) or f"{name}: {said}".rstrip(": ")


def _where(error: BaseException) -> str:
    """File and line of the last frame that is the user's."""
    found, frame = "", error.__traceback__
    torch_home, own = str(Path(torch.__file__).parent), str(Path(__file__).parent.parent)
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if not name.startswith((torch_home, own, "<")) and Path(name).suffix == ".py":
            found = f" at {name}:{frame.tb_lineno}"
        frame = frame.tb_next
    return found


def _advice(error: BaseException) -> str | None:
    name = type(error).__name__
    if name in ("DataDependentOutputException", "GuardOnDataDependentSymNode"):
        return "the flow of control depends on values, which no formula knows"
    if name == "DynamicOutputShapeException":
        return "the shape of a result depends on values: as many as a mask has, which no formula knows"
    if isinstance(error, EOFError):
        return "nobody answers what a target asks: give it what it needs as --args '{name: value}'"
    if isinstance(error, TypeError) and "argument" in str(error):
        return "arguments of the target are given as --args '{name: value}'"
    if "CUDA" in str(error) or "cuda" in str(error):
        return "the module asks for a GPU: let it be built and run on the device of its inputs, the CPU"
    return None


_MOST = 2**28
"""Elements of weights that are allocated for a module that looks at them while it is built: 1 GiB."""


def _built(target: str, make: Callable[[], Any], known: bool) -> Any:
    """What a maker makes on fake tensors; where it looks at values, or `known`, with its weights on `meta`.

    Where that is no way either, as where it copies what it makes beside a weight, with real weights, if
    these are few.
    """
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    for weights in (*([] if known else [fake]), _registered(_on_meta)):
        try:
            with weights, _aside(), without_log():
                return make()
        except (Exception, SystemExit):
            continue
    with users_code(f"building {target}"), _registered(_Allocated(target)):
        return make()


def _on_meta(parameter: Any) -> Any:
    """No weight is filled; other tensors are real."""
    return torch.nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)


class _Allocated:
    """Leaves weights as they are, as long as they are few."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.elements = 0

    def __call__(self, parameter: Any) -> Any:
        self.elements += parameter.numel()
        if self.elements > _MOST:
            message = f"{self.target} looks at the values of its weights while it is built"
            hint = f"there are more than {_MOST:,} of them: give it fewer, or build it elsewhere"
            raise ArchitectureError(message, hint=hint)
        return parameter


@contextmanager
def _registered(change: Callable[[Any], Any]) -> Iterator[None]:
    """Parameters are changed as soon as a module has them."""
    register = torch.nn.Module.register_parameter

    def changed(module: Any, name: str, parameter: Any) -> None:
        if parameter is not None and parameter.device.type != "meta":
            parameter = change(parameter)
        register(module, name, parameter)

    torch.nn.Module.register_parameter = changed
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = register
