"""Parts of the user's own: imported by name, their options with types."""

import builtins
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache, partial, wraps
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar, cast, get_type_hints

from aspis_mpi.errors import UnknownPart
from aspis_mpi.parts import extras
from aspis_mpi.words import nearest

#: A class, or a function that makes an object.
Maker = Callable[..., Any]

F = TypeVar('F', bound=Callable[..., Any])


def load(path: str) -> Maker:
    """The class or function that `package.module:name` names.

    Raises
    ------
    UnknownPart
        Says what is wrong with the name, or what failed in the import.
    """
    part = attribute(path)
    try:
        signature(part)
    except (TypeError, ValueError) as error:
        raise UnknownPart(f"'{path}' must be a class or a function whose "
                          f'signature can be seen: {error}') from error
    return part


def attribute(path: str) -> Any:
    """Object that `package.module:name` names.

    Raises
    ------
    UnknownPart
        Says what is wrong with the name, or what failed in the import.
    """
    module, _, name = path.partition(':')
    if not all(word.isidentifier() for word in module.split('.')):
        raise UnknownPart(f"'{path}' is not of the form package.module:name")
    home = _imported(module, path)
    try:
        return getattr(home, name)
    except AttributeError as error:
        hint = nearest(name, [
            key for key, value in vars(home).items()
            if getattr(value, '__module__', None) == module])
        raise UnknownPart(f"'{path}' cannot be imported: module '{module}' "
                          f"has no '{name}'; {hint}") from error


def _imported(name: str, path: str) -> ModuleType:
    """A module of the user's own; what its lines raise is told with them."""
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        absent = isinstance(error, ModuleNotFoundError) and (
            f'{name}.'.startswith(f'{error.name}.'))
        remedy = _remedy(error)
        refusal = UnknownPart(f"'{path}' cannot be imported: " + (
            str(error) if absent else _in_one_line(error)) + remedy)
        refusal.trace = '' if absent or remedy else _own_lines(error)
        raise refusal from error


def _remedy(error: BaseException) -> str:
    """Advice on a failed import, as far as we know any."""
    # Only of libraries that we name: others may be misspelt.
    if (isinstance(error, ModuleNotFoundError)
            and error.name in extras.ADDED):
        return f'; install it with: {extras.command(error.name)}'
    return ''


def _in_one_line(error: BaseException) -> str:
    """The last line that Python has about an exception."""
    return ' '.join(traceback.format_exception_only(error)[-1].split())


def _own_lines(error: BaseException) -> str:
    """The traceback of an exception, from the first line of the user's."""
    frame, ours = error.__traceback__, str(Path(__file__).parents[1])
    while frame and frame.tb_frame.f_code.co_filename.startswith(
            (ours, '<frozen importlib', importlib.__file__)):
        frame = frame.tb_next
    return ''.join(traceback.format_exception(type(error), error, frame))


def signature(part: Maker) -> inspect.Signature:
    """The signature of a part; names that only its module knows stay names."""
    if sys.version_info < (3, 14):
        return inspect.signature(part)
    from annotationlib import Format
    return inspect.signature(part, annotation_format=Format.FORWARDREF)


def remembered(make: F) -> F:
    """Decorator of what is made of parts: once, but for parts without hash."""
    known = lru_cache(maxsize=256)(make)

    @wraps(make)
    def of(*arguments: Any) -> Any:
        if all(isinstance(argument, Hashable) for argument in arguments):
            return known(*arguments)
        return make(*arguments)
    return cast(F, of)


@remembered
def options(part: Maker) -> Mapping[str, inspect.Parameter]:
    """The keyword-only parameters of a part's constructor, by name.

    Returns
    -------
    mapping of str to inspect.Parameter
        Their annotations are the types that a job file must give, also
        where the module postpones them.

    Raises
    ------
    UnknownPart
        An annotation says no type that is known when the job is read.
    """
    return MappingProxyType({
        key: option.replace(annotation=_type(part, option))
        for key, option in signature(part).parameters.items()
        if option.kind is option.KEYWORD_ONLY})


def _type(part: Maker, option: inspect.Parameter) -> Any:
    """The annotation of an option, its names looked up where it stands."""
    def annotated() -> None:
        """Carries the annotation to where Python resolves them."""

    if option.annotation is option.empty:
        return option.empty
    annotated.__annotations__ = {option.name: option.annotation}
    try:
        return get_type_hints(annotated, _names(part),
                              include_extras=True)[option.name]
    except Exception as error:
        hint = ('import what it names outside of TYPE_CHECKING'
                if isinstance(error, NameError | AttributeError) else
                'give a type, or leave the annotation out')
        raise UnknownPart(
            f"its option '{option.name}' has the annotation "
            f'{option.annotation}, which is no type where the job is read: '
            f'{_in_one_line(error)}; {hint}') from error


def _names(part: Maker) -> dict[str, Any]:
    """Names for the annotations of a part: of its module, its class."""
    while isinstance(part, partial):
        part = part.func
    maker: Any = part
    within: dict[str, Any] = {}
    if inspect.isclass(part):
        maker = part.__init__
        for cls in reversed(part.__mro__):
            within |= vars(cls)
    home = sys.modules.get(getattr(part, '__module__', None) or '')
    # A method that is called like a type hides none.
    return {**within, **vars(builtins), **(vars(home) if home else {}),
            **getattr(inspect.unwrap(maker), '__globals__', {})}


def misplaced(part: Maker, key: str) -> str:
    """The reason why a part does not take an option that its author wants.

    Returns
    -------
    str
        Empty where its signature does not speak of it.
    """
    parameters = signature(part).parameters
    if key in parameters:
        return (f"'{key}' stands before the * of its constructor, where a "
                'job gives no options')
    if any(parameter.kind is parameter.VAR_KEYWORD
           for parameter in parameters.values()):
        return ('its constructor must name its options after a *, which ** '
                'does not')
    return ''
