"""Parts by name: all are found, and a wrong name is answered."""

import importlib
import inspect
import pkgutil
import sys

import pytest

from aspis_mpi import registry
from aspis_mpi.registry import FAMILIES, UnknownPart

every_family = pytest.mark.parametrize('family', FAMILIES)
EVERY_PART = [pytest.param(family, part, id=f'{family}-{name}')
              for family in FAMILIES
              for name, part in registry.parts(family).items()]
every_part = pytest.mark.parametrize('family, part', EVERY_PART)


@every_family
def test_a_part_is_the_only_one_of_its_file(family):
    package = importlib.import_module(FAMILIES[family])
    homes = [part.__module__ for part in registry.parts(family).values()]
    assert homes
    assert len(set(homes)) == len(homes)
    files = {f'{package.__name__}.{module.name}'
             for module in pkgutil.iter_modules(package.__path__)}
    assert set(homes) <= files


@every_family
def test_no_part_hides_another(family):
    """Two classes of one name would silently be one part."""
    package = importlib.import_module(FAMILIES[family])
    names = [vars(part)['name']
             for module in pkgutil.iter_modules(package.__path__)
             for part in vars(importlib.import_module(
                 f'{package.__name__}.{module.name}')).values()
             if inspect.isclass(part) and 'name' in vars(part)
             and part.__module__.endswith(f'.{module.name}')]
    assert sorted(names) == sorted(registry.parts(family))


@every_part
def test_every_part_describes_itself(family, part):
    summary = registry.summary(part)
    assert summary.endswith('.') and len(summary) < 79
    assert part.name == part.name.lower().strip()


@every_part
def test_options_are_keywords_of_the_constructor(family, part):
    parameters = inspect.signature(part).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD,
                     inspect.Parameter.KEYWORD_ONLY}
    assert set(registry.options(part)) == {
        parameter.name for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY}


def test_what_the_design_lists_is_there():
    there = {family: set(registry.parts(family)) for family in FAMILIES}
    assert there['assignment'] >= {'subset', 'uncoded', 'repetition'}
    assert there['collection'] >= {'all'}
    assert there['transfer'] >= {'replicas'}
    assert there['detection'] >= {'clique', 'core', 'none'}
    assert there['aggregation'] >= {
        'mean', 'median', 'median-of-means', 'trimmed-mean',
        'geometric-median', 'krum', 'multi-krum', 'bulyan', 'meamed', 'mda',
        'smea', 'monna', 'caf', 'centered-clipping', 'sign-majority'}
    assert there['pre-aggregation'] >= {'nnm', 'bucketing', 'clipping', 'arc'}
    assert there['who'] >= {'fixed', 'random', 'window', 'worst'}
    assert there['files'] >= {'all', 'fixed-disagreement', 'majorities',
                              'framing', 'sacrifice', 'quiet', 'random'}
    assert there['value'] >= {'reversed', 'constant', 'alie', 'foe',
                              'bit-flip', 'nan', 'ipm', 'mimic', 'gaussian',
                              'min-max', 'min-sum', 'optimal-alie',
                              'optimal-ipm'}
    assert there['problem'] >= {'digits', 'linear-regression', 'quadratic'}
    assert there['model'] >= {'logistic', 'mlp', 'convnet'}
    assert there['schedule'] >= {'step', 'warm-up', 'cosine'}


@every_part
def test_find_gives_the_part_of_the_name(family, part):
    assert registry.find(family, part.name) is part


@every_family
def test_an_unknown_name_is_answered_with_the_nearest(family):
    known = sorted(registry.parts(family), key=len)[-1]
    with pytest.raises(UnknownPart, match=f"did you mean '{known}'"):
        registry.find(family, known + 'x')
    with pytest.raises(UnknownPart, match=f'known: .*{known}'):
        registry.find(family, '?????')


def test_a_part_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / 'own_parts.py').write_text(
        'class Mine:\n'
        "    '''Mine.'''\n"
        '    def __init__(self, n, *, depth: int = 3):\n'
        '        self.depth = depth\n')
    monkeypatch.syspath_prepend(tmp_path)
    part = registry.find('problem', 'own_parts:Mine')
    assert part(1, depth=5).depth == 5
    assert registry.options(part)['depth'].default == 3
    assert registry.summary(part) == 'Mine.'
    del sys.modules['own_parts']


@pytest.mark.parametrize('path', [
    'no_such_module:x', 'math:no_such', 'math:', ':x', ':', '.rel:x',
    'a b:x', 'os.path.:x', 'os..path:x'])
def test_what_cannot_be_imported_is_told(path):
    with pytest.raises(UnknownPart, match='problem|cannot|form') as error:
        registry.find('problem', path)
    assert path in str(error.value)


BROKEN = {
    'raise ValueError("inside")': 'ValueError: inside',
    'def f(:': 'SyntaxError: invalid syntax',
    'import math\nmath.no_such': 'AttributeError: module',
    'import no_such_module': 'ModuleNotFoundError: No module named',
    'import sys\nsys.exit(0)': 'SystemExit: 0'}


@pytest.mark.parametrize('text', BROKEN)
def test_an_error_inside_the_users_module_has_its_own_lines(
        tmp_path, monkeypatch, text):
    """Also one of another module, or one that would end the process."""
    (tmp_path / 'broken_part.py').write_text(text + '\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownPart) as error:
        registry.find('problem', 'broken_part:x')
    assert f"'broken_part:x' cannot be imported: {BROKEN[text]}" in str(
        error.value)
    trace = error.value.trace
    assert 'broken_part.py' in trace and text.splitlines()[-1] in trace
    assert 'aspis_mpi' not in trace and 'importlib' not in trace


def test_a_module_that_is_not_there_needs_no_traceback():
    for path in 'no_such_module:x', 'os.no_such:x':
        with pytest.raises(UnknownPart) as error:
            registry.find('problem', path)
        assert not error.value.trace


def test_a_misspelt_class_is_answered(tmp_path, monkeypatch):
    (tmp_path / 'spelt_part.py').write_text(
        'import numpy as np\nclass Circle:\n    pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownPart, match="module 'spelt_part' has no "
                       "'Circel'; did you mean 'Circle'?"):
        registry.find('problem', 'spelt_part:Circel')


def test_a_dot_in_place_of_the_colon_is_told():
    with pytest.raises(UnknownPart, match="'mymod.Circle'; known: digits.*; "
                       "write 'mymod:Circle' for a class of your own"):
        registry.find('problem', 'mymod.Circle')


@pytest.mark.parametrize('word, known, answer', [
    ('quadratik', ['quadratic', 'digits'], "did you mean 'quadratic'?"),
    ('zzz', ['b', 'a'], 'known: a, b')])
def test_nearest(word, known, answer):
    assert registry.nearest(word, known) == answer


def test_a_part_without_documentation_has_an_empty_summary():
    class Bare:
        __doc__ = None
    assert registry.summary(Bare) == ''
