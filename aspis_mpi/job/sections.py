"""The sections of a job file, and the keys that every part in them shares."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    # Built when used: what is used are models with the options of parts.
    model_config = ConfigDict(extra='forbid', frozen=True, strict=True,
                              arbitrary_types_allowed=True,
                              protected_namespaces=(), defer_build=True)


class _Run(_Section):
    steps: int = Field(gt=0)
    seed: int = 0
    out: str | None = None
    evaluate_every: int = Field(20, ge=0)
    checkpoint_every: int = Field(100, ge=0)
    keep: int = Field(3, ge=1)
    model_out: str | None = None
    ledger: str | None = None
    # Files, by the names that the job has for them, and modules that may be
    # others than when the run began.
    accept_changes: str | list[str] = []


class _Problem(_Section):
    name: str
    model: str | None = None
    batch_size: int | None = Field(None, gt=0)
    micro_batch: int = Field(64, gt=0)
    file_sizes: str = 'equal'
    summation: Literal['flat', 'tree'] = 'flat'


class _Optimizer(_Section):
    name: str = 'sgd'
    schedule: str = 'constant'


class _Scheme(_Section):
    name: str | None = None
    workers: int | None = Field(None, gt=0)
    adversaries: int = Field(0, ge=0)


class _Named(_Section):
    name: str


class _Assignment(_Named):
    order: str | None = None
    reorder: int = Field(0, ge=0)
    rename: bool = False
    placement: Literal['ranks', 'hosts'] = 'ranks'
    adapt: int = Field(0, ge=0)
    split: bool = False


class _Collection(_Named):
    copies: int = Field(1, gt=0)
    skip_covered: bool = False
    thinning: bool = False


class _Transfer(_Named):
    code: str | None = None
    challenge: bool = False
    sketches: int = Field(8, ge=1, le=64)
    sketch_type: Literal['float64', 'float32'] = 'float64'
    max_epochs: int = Field(3, ge=1)


class _Compression(_Section):
    name: str = 'none'
    keep: float = 1.0


class _Detection(_Named):
    equality: Literal['bits', 'tolerance'] = 'bits'
    tolerance: float | None = Field(None, gt=0, le=1e-4)
    disagreement: float | None = Field(None, gt=0)
    memory: Literal['step', 'window', 'forever'] | None = None
    window: int = Field(15, ge=1)
    budget: Literal['step', 'fixed'] = 'step'
    audits: Literal['contested', 'none'] | None = None
    random_audits: int = Field(0, ge=0)


class _Aggregation(_Named):
    before: list[str] = []


class _Adversary(_Section):
    count: int = Field(0, ge=0)
    who: str = 'fixed'
    files: str = 'all'
    value: str = 'reversed'
    protocol: str = 'none'


class _Delay(_Section):
    name: str = 'none'
    silent: int | list[int] = 0
    silent_from: int = 0
    silent_after: int | Literal['encode'] = 0


class _Faults(_Section):
    silence: float = Field(60.0, gt=0)
    grace: float = Field(0.05, gt=0)
    patience: float | None = Field(None, ge=0, lt=1)
    tolerate: int = Field(0, ge=0)
    approximate: bool = False


class _Runtime(_Section):
    threads: int = Field(1, gt=0)
    device: str = 'cpu'


class _Network(_Section):
    latency: float = Field(0.0, ge=0)
    bandwidth: float = Field(float('inf'), gt=0)
    hosts: list[int] | None = None


class _Log(_Section):
    detail: Literal['steps', 'arrivals'] = 'steps'
    flush_seconds: float = Field(1.0, ge=0)


#: Keys of each section that hold for every part.
SECTIONS = {
    'run': _Run, 'problem': _Problem, 'optimizer': _Optimizer,
    'scheme': _Scheme, 'assignment': _Assignment,
    'collection': _Collection, 'transfer': _Transfer,
    'compression': _Compression, 'detection': _Detection,
    'aggregation': _Aggregation, 'adversary': _Adversary, 'delay': _Delay,
    'faults': _Faults, 'runtime': _Runtime, 'network': _Network,
    'log': _Log,
}

#: Keys that name a part, or several in a list, and the family in which it
#: is found.
PARTS = {
    'problem': {'name': 'problem', 'model': 'model'},
    'optimizer': {'name': 'optimizer', 'schedule': 'schedule'},
    'assignment': {'name': 'assignment', 'order': 'order'},
    'collection': {'name': 'collection'},
    'transfer': {'name': 'transfer', 'code': 'code'},
    'compression': {'name': 'compression'},
    'detection': {'name': 'detection'},
    'aggregation': {'name': 'aggregation', 'before': 'pre-aggregation'},
    'adversary': {'who': 'who', 'files': 'files', 'value': 'value',
                  'protocol': 'protocol'},
    'delay': {'name': 'delay'},
}

#: Options of parts that another section sets for all of them.
ELSEWHERE = {'device'}


def chosen(section, key):
    """True if a key is not what it is where nobody names it."""
    return getattr(section, key) != type(section).model_fields[key].default
