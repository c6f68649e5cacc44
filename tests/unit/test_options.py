"""Options of a user's parts: their types, their names, what a log keeps."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import sys
import tomllib
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Callable, Literal, Optional

import numpy as np
import pytest
from pydantic import Field

from aspis_mpi import JobError, Problem, simulate
from aspis_mpi.job import loading
from aspis_mpi.job.differences import difference
from aspis_mpi.plan import forecast
from aspis_mpi.runlog.reader import load_run

if TYPE_CHECKING:
    from numpy.typing import NDArray  # noqa: F401  (only in annotations)


class Colour(Enum):
    RED = 'red'
    BLUE = 'blue'


class Plain(Problem):
    n_parameters, n_samples = 2, 1000

    def initial(self, generator):
        return np.zeros(2, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        out += len(samples) * (parameters - 1)

    def loss(self, parameters):
        return float(parameters @ parameters)


class Typed(Plain):
    """Annotations are texts here, as in every module of this kind."""

    Shape = tuple[int, ...]

    def __init__(self, seed, *, colour: Colour = Colour.RED,
                 data: Optional[Path] = None, files: list[Path] = (),
                 kind: Literal['a', 'b'] = 'a', shape: Shape = (3, 3),
                 seen: set[str] = frozenset({'b', 'a'}),
                 scale: float = None, rate: Annotated[float, Field(gt=0)] = 1,
                 day: datetime.date = datetime.date(2020, 1, 2),
                 table: dict[str, float] = {'a': 1.0}, anything=(1, 2)):
        self.options = {key: value for key, value in locals().items()
                        if key not in ('self', 'seed', '__class__')}


class Reserved(Plain):
    """Names that pydantic has use for itself."""

    def __init__(self, seed, *, model_config: int = 1, model_fields: int = 2,
                 model_dump: int = 3, model_depth: int = 4, copy: int = 5,
                 json: int = 6, dict: int = 7, schema: int = 8,
                 validate: int = 9, construct: int = 10, _depth: int = 11,
                 __deep: int = 12, self_: int = 13, root: int = 14):
        pass


class Odd(Plain):
    """Defaults that TOML has no exact word for, but a form."""

    def __init__(self, seed, *, array=np.arange(3.0), scalar=np.float32(0.1),
                 nan=float('nan'), inf=-float('inf'), huge=2 ** 200,
                 time=datetime.datetime(2020, 1, 2, 3, 4, 5), flag=np.True_,
                 nested={'a': [{'b': (1,)}]}):
        pass


def problem(default, annotation=None):
    """A class with one option."""
    def construct(self, seed, *, option=default):
        self.option = option
    if annotation is not None:
        construct.__annotations__ = {'option': annotation}
    return type('Made', (Plain,), {'__init__': construct})


@pytest.fixture
def job(tables, monkeypatch):
    """Makes the job of a problem of this module, with options."""
    monkeypatch.setitem(sys.modules, 'own_options', sys.modules[__name__])

    def make(part, **options):
        monkeypatch.setattr(sys.modules[__name__], 'Chosen', part,
                            raising=False)
        job = tables()
        job['problem'] = {'name': 'own_options:Chosen', **options}
        return loading.from_tables(job, 'job.toml')
    return make


@pytest.fixture
def refusal(job):
    """The one line with which a job is refused."""
    def refuse(part, **options):
        with pytest.raises(JobError) as refused:
            job(part, **options)
        text = str(refused.value)
        assert text.startswith('job.toml: ') and '\n' not in text
        return text
    return refuse


def options_of(job):
    return job.part('problem').options


def again(job):
    """The job that a run log would have."""
    return loading.from_tables(tomllib.loads(job.to_toml()), 'log')


# --- types -------------------------------------------------------------

GIVEN = {'colour': ('blue', Colour.BLUE), 'data': ('d.csv', Path('d.csv')),
         'files': (['a', 'b'], [Path('a'), Path('b')]), 'kind': ('b', 'b'),
         'shape': ([1, 2], (1, 2)), 'seen': (['z'], {'z'}),
         'scale': (2, 2.0), 'rate': (0.5, 0.5),
         'day': (datetime.date(2021, 1, 1),) * 2,
         'table': ({'b': 2}, {'b': 2.0}), 'anything': ([3], [3])}


def construct(seed, *, option: Path = Path('a')):
    return Plain()


class Heir(Typed):
    """Its constructor names what stands in the class above."""

    def list(self):
        """Hides no type."""


class Maker:
    def __call__(self, seed, *, option: Path = Path('a')):
        return Plain()


class Classy(Plain):
    @classmethod
    def make(cls, seed, *, option: Path = Path('a')):
        return cls()


@dataclasses.dataclass
class Equal(Maker):
    """Has no hash, since it can be changed."""


@pytest.mark.parametrize('part', [
    construct, Maker(), Equal(), Classy.make, functools.partial(construct),
    functools.wraps(construct)(lambda *a, **k: construct(*a, **k)),
    problem(Path('a'), Annotated[Path, Field(alias='lambda')])])
def test_whatever_makes_a_part_has_types(job, part):
    assert options_of(job(part, option='b')) == {'option': Path('b')}
    assert options_of(job(part)) == {'option': Path('a')}


def test_parts_of_one_name_have_options_of_their_own(job):
    for default in 2.5, 3.5, 2.5:
        def made(seed, *, depth: float = default):
            return Plain()
        assert options_of(job(made)) == {'depth': default}
        assert options_of(job(made, depth=7.0)) == {'depth': 7.0}


def test_an_inherited_constructor_is_typed_where_it_stands(job):
    assert options_of(job(Heir, shape=[1]))['shape'] == (1,)


def test_a_value_is_what_a_postponed_annotation_says(job):
    given = {key: value for key, (value, _) in GIVEN.items()}
    made = options_of(job(Typed, **given))
    for key, (_, expected) in GIVEN.items():
        assert made[key] == expected and type(made[key]) is type(expected)


def test_a_default_reaches_the_constructor_as_it_is(job):
    made = options_of(job(Typed))
    assert made['colour'] is Colour.RED and made['scale'] is None
    assert made['shape'] == (3, 3) and made['files'] == ()
    assert made['seen'] == {'a', 'b'} and made['anything'] == (1, 2)


@pytest.mark.parametrize('part, given', [
    (Typed, {}), (Odd, {}), (Reserved, {}),
    (Typed, {key: value for key, (value, _) in GIVEN.items()})])
def test_what_the_log_has_makes_the_same_options(job, part, given):
    first = job(part, **given)
    second = again(first)
    assert repr(options_of(second)) == repr(options_of(first))
    assert second.to_toml() == first.to_toml()
    assert difference(first, second, set()) is None


@pytest.mark.parametrize('key, value, told', [
    ('colour', 'green', "'red' or 'blue'"),
    ('data', 3, 'a valid string'),
    ('files', 'a', 'a valid list'),
    ('kind', 'c', "'a' or 'b'"),
    ('shape', 3, 'a valid list'),
    ('seen', 3, 'a valid list'),
    ('scale', '2', 'a valid number'),
    ('rate', 0, 'greater than 0'),
    ('day', '2020-13-01', 'a valid date'),
    ('table', 3, 'a valid table')])
def test_a_value_of_another_type_is_told(refusal, key, value, told):
    assert f'problem.{key} = {value!r}: should be {told}' in refusal(
        Typed, **{key: value})


@pytest.mark.parametrize('annotation, told', [
    ('NDArray', "name 'NDArray' is not defined; import what it names outside "
     'of TYPE_CHECKING'),
    ("list['NoSuch']", "name 'NoSuch' is not defined"),
    ('np.no_such', "has no attribute 'no_such'"),
    ('number of rows', 'give a type, or leave the annotation out'),
    (3, 'no value of a job file can be of its type, 3'),
    ('3', 'of its type, 3')])
def test_an_annotation_that_is_no_type_names_its_option(refusal, annotation,
                                                       told):
    text = refusal(problem(None, annotation))
    assert 'option' in text and told in text


def test_what_only_python_can_make_may_be_left_out(job, refusal):
    part = problem(None, Callable)
    assert options_of(job(part)) == {'option': None}
    assert "problem.option = 'len': should be callable" in refusal(
        part, option='len')
    assert 'problem.option = [1]: should be an instance of ndarray' in (
        refusal(problem(None, np.ndarray), option=[1]))


# --- what the log cannot keep ------------------------------------------

@dataclasses.dataclass
class Layer:
    width: int = 3


@pytest.mark.parametrize('default, kind', [
    (len, 'builtin_function_or_method'), (object(), 'object'),
    ([1, None], 'NoneType'), (b'abc', 'bytes'), (1j, 'complex'),
    (iter([1]), 'list_iterator'), (np.array([None]), 'ndarray'),
    ({1: 2}, 'dict'), (Layer, 'type'), ('\udc80', 'bytes that are not UTF-8'),
    (10 ** 5000, 'Exceeds the limit')], ids=range(11))
def test_a_default_that_the_log_cannot_keep_is_told_at_once(
        job, refusal, default, kind):
    part = problem(default)
    text = refusal(part)
    assert 'problem.option = ' in text and kind in text
    assert 'the run log cannot keep this: ' in text
    assert 'let the default be what a job file can say' in text
    # Where the job gives the option, the default does not matter.
    assert options_of(job(part, option=3)) == {'option': 3}


def test_a_value_of_python_that_the_log_cannot_keep_is_told(refusal):
    text = refusal(problem(3), option=len)
    assert 'problem.option = <built-in function len>' in text
    assert 'the run log cannot keep this: builtin' in text
    assert 'default' not in text


def test_a_default_that_cannot_be_shown_is_told(refusal):
    class Shy:
        def __repr__(self):
            raise RuntimeError('not me')
    assert 'Shy' in refusal(problem(Shy()))


def test_a_table_may_become_an_object(job):
    first = job(problem(Layer(), Layer), option={'width': 5})
    assert options_of(first) == {'option': Layer(5)}
    assert options_of(again(first)) == {'option': Layer(5)}
    assert options_of(again(job(problem(Layer(), Layer)))) == {
        'option': Layer()}


def test_plan_and_check_say_what_the_log_cannot_keep(refusal, tmp_path):
    refusal(problem(len))       # and leaves it in this module
    path = tmp_path / 'job.toml'
    path.write_text('[run]\nsteps = 1\n[scheme]\nworkers = 5\n'
                    '[problem]\nname = "own_options:Chosen"\n')
    for tried in (lambda: forecast(path),
                  lambda: simulate(path, out=tmp_path / 'a.h5', check=True)):
        with pytest.raises(JobError, match='the run log cannot keep'):
            tried()


def test_a_run_with_odd_options_is_in_its_log_and_goes_on(job, tmp_path):
    first = job(Odd)
    out = tmp_path / 'run.h5'
    assert simulate(first, out=out)[0] == 0
    with load_run(out) as run:
        kept = run.config['problem']
    assert kept['array'] == [0, 1, 2] and kept['huge'] == 2 ** 200
    assert simulate(first, out=out, resume=True)[0] == 0


# --- names -------------------------------------------------------------

def test_names_that_pydantic_uses_itself_are_options(job, recwarn):
    given = {key: 100 + value for key, value in
             options_of(job(Reserved)).items()}
    assert len(given) == 14
    made = job(Reserved, **given)
    assert options_of(made) == given
    assert tomllib.loads(made.to_toml())['problem'].items() >= given.items()
    assert not recwarn.list


def test_one_key_means_one_thing(refusal, job):
    class Named(Plain):
        def __init__(self, seed, *, batch_size: int = 32):
            pass
    assert ("problem.batch_size belongs to every [problem]; give the option "
            "of 'own_options:Chosen' another name") in refusal(Named)


@pytest.mark.parametrize('construct, told', [
    (lambda self, seed, scale=1.0: None, "'scale' stands before the *"),
    (lambda self, seed, **options: None, 'must name its options after a *')])
def test_an_option_in_another_place_is_told(refusal, construct, told):
    part = type('Made', (Plain,), {'__init__': construct})
    assert told in refusal(part, scale=2.0)
