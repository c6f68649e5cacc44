"""The command line: exit codes, one line for a bad job, what is printed."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from aspis_mpi import __version__, load_run, registry
from aspis_mpi.__main__ import main
from aspis_mpi.backends import launcher
from aspis_mpi.job import capabilities, presets
from aspis_mpi.job.sections import SECTIONS
from tests.support.limits import HANGS

JOB = '''
[run]
steps = 2
seed = 7
[problem]
name = "quadratic"
parameters = 12
[scheme]
name = "aspis"
workers = 5
adversaries = 2
[adversary]
count = 2
'''


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path):
    """No launcher around, an empty folder, the log level as it was."""
    names = [name for pair in launcher.VARIABLES for name in pair]
    for name in (*names, 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    level, handlers = logging.root.level, logging.root.handlers[:]
    yield
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers


@pytest.fixture
def job(tmp_path):
    """A job file that is fine."""
    path = tmp_path / 'job.toml'
    path.write_text(JOB)
    return str(path)


#: A file system with room for so many bytes a file.
SMALL = '''
import resource
import sys
from aspis_mpi.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1_750_000, 1_750_000))
sys.exit(main(['simulate', *sys.argv[1:]]))
'''


def test_a_log_that_cannot_grow_ends_the_run_in_a_line(job, tmp_path):
    """Exit 3, not a crash; the log is readable and the run goes on later."""
    log, whole = tmp_path / 'run.h5', tmp_path / 'whole.h5'
    more = ['--set', 'run.steps=200', '--set', 'log.detail=arrivals',
            '--set', 'run.checkpoint_every=50']
    done = subprocess.run(
        [sys.executable, '-c', SMALL, job, '--out', log, *more],
        capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 3, done.stderr
    assert 'Traceback' not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f'aspis_mpi: {log}: File too large; ')
    with load_run(log) as run:
        assert 0 < run.n_steps < 200
    assert main(['simulate', job, '--out', str(log), '--resume', *more]) == 0
    assert main(['simulate', job, '--out', str(whole), *more]) == 0
    models = [np.load(path.with_suffix('.npz')) for path in (log, whole)]
    for name in models[0]:
        assert np.array_equal(models[0][name], models[1][name])


def test_a_log_that_cannot_be_begun_leaves_nothing(job, tmp_path):
    log = tmp_path / 'run.h5'
    done = subprocess.run(
        [sys.executable, '-c', SMALL.replace('1_750_000', '9_000'), job,
         '--out', log], capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 3, done.stderr
    assert 'Traceback' not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ['job.toml']


@pytest.fixture
def launched(monkeypatch):
    """Makes this process one of several ranks, as Open MPI tells them."""
    def be(rank, size):
        monkeypatch.setenv('OMPI_COMM_WORLD_RANK', str(rank))
        monkeypatch.setenv('OMPI_COMM_WORLD_SIZE', str(size))
    return be


def refusal(capsys, *argv):
    """The line with which a command is refused, with exit code 2."""
    assert main(list(argv)) == 2
    printed = capsys.readouterr()
    assert printed.out == ''
    line, = printed.err.splitlines()
    assert line.startswith('aspis_mpi: ')
    return line


# --- what works --------------------------------------------------------

def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--help'])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    for command in ('run', 'simulate', 'plan', 'list', 'show', 'doctor'):
        assert f'    {command} ' in printed


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--version'])
    assert end.value.code == 0
    assert capsys.readouterr().out == f'aspis_mpi {__version__}\n'


@pytest.mark.parametrize('argv', [
    [], ['nonsense'], ['simulate'], ['list', 'nonsense'],
    ['simulate', 'job.toml', '--nonsense']])
def test_a_wrong_command_line(argv, capsys):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert 'usage: aspis_mpi' in capsys.readouterr().err


def test_list_prints_every_part_with_its_options(capsys):
    assert main(['list']) == 0
    printed = capsys.readouterr().out
    # The commands that install something are as long as their paths.
    assert max(len(line) for line in printed.splitlines()
               if 'not installed' not in line) < 100
    for family in registry.FAMILIES:
        assert f'{family}:' in printed.splitlines()
        for name, part in registry.parts(family).items():
            assert f'  {name} ' in printed
            assert registry.summary(part) in printed
            for option in registry.options(part):
                assert f'{option}: ' in printed


def test_list_of_one_family(capsys):
    assert main(['list', 'detection']) == 0
    printed = capsys.readouterr().out
    assert 'clique' in printed and 'median' not in printed


def test_list_of_a_part_of_ones_own(tmp_path, monkeypatch, capsys):
    (tmp_path / 'listed_part.py').write_text(
        'class Mine:\n    """Mine."""\n'
        '    def __init__(self, *, depth: int = 3, other=None):\n'
        '        pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert main(['list', 'listed_part:Mine']) == 0
    assert [line.strip() for line in capsys.readouterr().out.splitlines()
            ] == ['listed_part:Mine     Mine.', 'depth: int = 3',
                  'other: any = None']
    assert main(['list', 'listed_part:Mime']) == 2
    told, = capsys.readouterr().err.splitlines()
    assert "has no 'Mime'; did you mean 'Mine'?" in told
@pytest.mark.parametrize('family', registry.FAMILIES)
def test_list_of_a_family_ends_with_what_each_part_can(family, capsys):
    main(['list'])
    everything = capsys.readouterr().out
    main(['list', family])
    first, _, rest = capsys.readouterr().out.partition(
        f'{family}, which can what:\n')
    for piece in first.split(f'[{family}]:'):
        assert piece in everything
    table = capabilities.table(family)
    assert rest.splitlines() == table
    assert max(map(len, table), default=0) < 80

    names, found = list(registry.parts(family)), capabilities.capabilities(
        family)
    cells = [line.split() for line in table]
    if cells and cells[0] != names:
        # Capabilities stand in columns: turn it.
        cells[0].insert(0, '')
        cells = [list(row) for row in zip(*cells)]
        assert cells.pop(0)[1:] == names
    elif cells:
        cells.pop(0)
    assert cells == [[name, *words.values()] for name, words in found.items()]
    flags = {name for part in registry.parts(family).values()
             for name in dir(part) if not name.startswith('_')
             and isinstance(getattr(part, name), bool)}
    assert flags == set(found)


@pytest.mark.parametrize('family', registry.FAMILIES)
def test_a_flag_of_a_part_is_one_that_a_base_names(family):
    """Nobody reads another one: it would be an old name, or a mistake."""
    for name, part in registry.parts(family).items():
        named = set().union(*map(dir, part.__mro__[1:]))
        flags = {key for key, value in vars(part).items()
                 if isinstance(value, bool) and not key.startswith('_')}
        assert flags <= named, name


def test_list_tells_which_transfer_can_what(capsys):
    main(['list', 'transfer'])
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index('transfer, which can what:') + 1:]
    assert table[0].split() == ['coded', 'correcting', 'replicas', 'sums']
    rows = {name: words for name, *words in map(str.split, table[1:])}
    assert rows['sends_at_once'] == ['-', '-', 'yes', '-']
    assert rows['reassignable'] == ['-', '-', 'yes', 'yes']
    # What the options of a job decide is no property of the part.
    deadline = capabilities.capabilities('collection')['asks_whole_workers']
    assert deadline['deadline'] == 'depends'
    assert deadline['full-workers'] == 'yes' and deadline['coverage'] == '-'


def test_list_tells_what_each_preset_fills_in(capsys):
    assert main(['list', 'scheme']) == 0
    printed = capsys.readouterr().out
    for name in presets.PRESETS:
        assert f'\n  {name} ' in printed
    assert "  aspis                  [assignment] name = 'subset', " in printed
    assert 'robust-partial         where scheme.adversaries = 2:' in printed
    assert "[transfer] name = 'sums', challenge = true\n" in printed
    # What is too long goes on below, between two keys.
    assert ("[assignment] name = 'cyclic', load = 5,\n"
            + 27 * ' ' + "order = 'matching'\n") in printed


def test_list_tells_every_key_with_default_and_bounds(capsys):
    assert main(['list', 'keys']) == 0
    printed = capsys.readouterr().out
    for section, base in SECTIONS.items():
        assert f'[{section}]:' in printed.splitlines()
        for key in base.model_fields:
            assert f'\n  {section}.{key}: ' in printed
    assert main(['list', 'run']) == 0
    run = capsys.readouterr().out
    assert run in printed and 'faults' not in run
    assert '  run.steps: int, required, above 0\n' in run
    assert '  run.keep: int = 3, at least 1\n' in run
    assert ('  transfer.sketches: int = 8, at least 1, at most 64\n'
            in printed)
    assert "  log.detail: 'steps' | 'arrivals' = 'steps'\n" in printed
    assert ('  detection.name: str, from scheme.name, see list detection\n'
            in printed)


def test_list_tells_type_default_and_what_is_required(capsys):
    main(['list', 'assignment'])
    assert 'replication: int = 3' in capsys.readouterr().out
    main(['list', 'schedule'])
    assert 'milestones: list[int], required' in capsys.readouterr().out


def test_simulate_then_show(job, tmp_path, capsys):
    assert main(['simulate', job, '--out', 'run.h5']) == 0
    first = capsys.readouterr()
    assert (tmp_path / 'run.h5').is_file()
    assert (tmp_path / 'run.npz').is_file()
    assert 'step 2/2' in first.err
    assert 'run.h5' in first.out

    assert main(['show', 'run.h5']) == 0
    assert capsys.readouterr().out == first.out
    assert main(['show', 'run.h5', '--json']) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown['job']['n_workers'] == 5
    assert shown['truth']['recall'] == 1


def test_settings_of_the_command_line(job, capsys):
    assert main(['simulate', job, '--out', 'run.h5', '--set', 'run.steps=5',
                 '--set', 'adversary.count=0']) == 0
    capsys.readouterr()
    main(['show', 'run.h5', '--json'])
    shown = json.loads(capsys.readouterr().out)
    assert shown['pace']['steps'] == 5 and shown['job']['attack'] == ''


def test_check_computes_nothing(job, tmp_path, capsys):
    assert main(['simulate', job, '--out', 'new/run.h5', '--check']) == 0
    assert 'new/run.h5' in capsys.readouterr().out
    assert not [path for path in tmp_path.rglob('*') if path.is_file()
                and path.name != 'job.toml']


def test_the_log_has_a_name_without_being_told(job, tmp_path, capsys):
    assert main(['simulate', job]) == 0
    log, = (tmp_path / 'runs').glob('*.h5')
    assert log.name.startswith('job-')
    assert f'runs/{log.name}' in capsys.readouterr().out


def test_a_failed_run_ends_with_3(job, capsys):
    assert main(['simulate', job, '--out', 'run.h5', '--set', 'run.steps=9',
                 '--set', 'scheme.adversaries=1', '--set',
                 'adversary.files=random', '--set',
                 'adversary.rate=0.9']) == 3
    assert 'scheme.adversaries' in capsys.readouterr().err


# --- bad jobs ----------------------------------------------------------

BAD = [
    ('run.step=3', "unknown key 'run.step'"),
    ('rum.steps=3', "unknown section 'rum'"),
    ('detection.name=cliq', "did you mean 'clique'?"),
    ('run.steps=ten', "run.steps = 'ten'"),
    ('assignment.replication=7', 'replication 7'),
    ('assignment.replication=4', 'must be odd'),
    ('scheme.adversaries=3', 'at most 2'),
    ('adversary.count=6', 'adversary.count = 6'),
    ('problem.batch_size=9', 'batch_size 9'),
    ('assignment.name=uncoded', "use 'none'"),
    ('steps=3', 'section.key=value'),
    ('adversary.z=1.5', "unknown key 'adversary.z'")]


@pytest.mark.parametrize('setting, told', BAD)
def test_a_bad_job_is_one_line_and_2(job, capsys, tmp_path, setting, told):
    line = refusal(capsys, 'simulate', job, '--out', 'run.h5', '--set',
                   setting)
    assert told in line
    assert not (tmp_path / 'run.h5').exists()


@pytest.mark.parametrize('setting, told', BAD)
def test_run_refuses_the_same(job, capsys, launched, setting, told):
    launched(0, 6)
    assert told in refusal(capsys, 'run', job, '--check', '--set', setting)


def test_one_rank_speaks_for_all(job, capsys, launched):
    launched(3, 6)
    assert main(['run', job, '--check', '--set', 'run.step=3']) == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ''


def test_no_job_file(capsys):
    assert 'none.toml' in refusal(capsys, 'simulate', 'none.toml')


def test_what_is_no_job_file(tmp_path, capsys):
    (tmp_path / 'run.h5').write_bytes(b'\x89HDF\xff')
    assert 'run.h5' in refusal(capsys, 'simulate', 'run.h5')
    (tmp_path / 'broken.toml').write_text('[run')
    assert 'broken.toml' in refusal(capsys, 'simulate', 'broken.toml')


def test_an_existing_log_is_not_overwritten(job, tmp_path, capsys):
    out = tmp_path / 'run.h5'
    out.write_text('precious')
    line = refusal(capsys, 'simulate', job, '--out', str(out))
    assert str(out) in line and '--overwrite' in line
    assert out.read_text() == 'precious'
    assert main(['simulate', job, '--out', str(out), '--overwrite']) == 0
    assert out.read_bytes().startswith(b'\x89HDF')


def test_a_bad_job_does_not_cost_the_log_it_would_replace(job, tmp_path,
                                                          capsys):
    out = tmp_path / 'run.h5'
    out.write_text('precious')
    refusal(capsys, 'simulate', job, '--out', str(out), '--overwrite',
            '--set', 'run.steps=0')
    assert out.read_text() == 'precious'


@pytest.mark.parametrize('inside', ['run.h5', 'deep/run.h5'])
def test_a_directory_that_cannot_be_written(job, tmp_path, capsys, inside):
    (tmp_path / 'file').write_text('')
    line = refusal(capsys, 'simulate', job, '--out', f'file/{inside}')
    assert f'file/{inside}' in line
    line = refusal(capsys, 'simulate', job, '--out', 'run.h5', '--set',
                   f'run.model_out=file/{inside}')
    assert f'file/{inside}' in line


def test_a_missing_data_path(tmp_path, capsys):
    job = tmp_path / 'digits.toml'
    job.write_text('[run]\nsteps = 1\n[problem]\nname = "digits"\n'
                   'path = "/no/such/digits.csv"\n[scheme]\nworkers = 5\n')
    assert '/no/such/digits.csv' in refusal(capsys, 'simulate', str(job))


def test_workers_are_missing_and_no_ranks_to_count(job, tmp_path, capsys):
    short = tmp_path / 'short.toml'
    short.write_text(JOB.replace('workers = 5\n', ''))
    assert 'scheme.workers is missing' in refusal(capsys, 'simulate',
                                                  str(short))


# --- run, without its ranks --------------------------------------------

def test_run_needs_ranks(job, capsys):
    line = refusal(capsys, 'run', job)
    assert 'mpirun' in line and 'simulate' in line


def test_workers_must_be_the_ranks_but_one(job, capsys, launched):
    launched(0, 9)
    line = refusal(capsys, 'run', job, '--check')
    assert 'scheme.workers = 5' in line and '8' in line
    assert 'mpirun -n 6' in line


def test_run_checks_the_output_on_rank_0(job, capsys, launched, tmp_path):
    (tmp_path / 'run.h5').write_text('precious')
    launched(0, 6)
    assert 'exists' in refusal(capsys, 'run', job, '--check', '--out',
                               'run.h5')


def test_run_can_only_check(job, capsys, launched, tmp_path):
    launched(0, 6)
    assert main(['run', job, '--check', '--out', 'run.h5']) == 0
    assert 'run.h5' in capsys.readouterr().out
    launched(4, 6)
    assert main(['run', job, '--check', '--out', 'run.h5']) == 0
    assert capsys.readouterr().out == ''
    assert not (tmp_path / 'run.h5').exists()


def test_tasks_of_slurm_that_do_not_know_of_each_other(job, capsys,
                                                       monkeypatch):
    monkeypatch.setenv('SLURM_STEP_NUM_TASKS', '4')
    monkeypatch.setenv('SLURM_PROCID', '0')
    assert 'SLURM started 4 tasks' in refusal(capsys, 'run', job)
    monkeypatch.setenv('SLURM_PROCID', '2')
    assert main(['run', job]) == 0
    assert capsys.readouterr().err == ''


# --- show --------------------------------------------------------------

def test_show_of_what_is_no_log(tmp_path, capsys):
    assert 'none.h5' in refusal(capsys, 'show', 'none.h5')
    (tmp_path / 'text.h5').write_text('no HDF5 at all')
    assert 'text.h5' in refusal(capsys, 'show', 'text.h5')


def test_show_of_another_hdf5_file(tmp_path, capsys):
    import h5py
    with h5py.File(tmp_path / 'other.h5', 'w') as file:
        file['x'] = 3
    assert 'other.h5' in refusal(capsys, 'show', 'other.h5')


# --- what is no bad job ------------------------------------------------

def test_an_error_of_our_own_keeps_its_traceback(
        job, monkeypatch, capsys):
    """It is a bug, and exit code 2 would blame the job."""
    def broken(*_, **__):
        raise ValueError('a bug')
    monkeypatch.setattr('aspis_mpi.assembly.simulate.simulate', broken)
    assert main(['simulate', str(job)]) == 3
    error = capsys.readouterr().err
    assert 'Traceback' in error and 'ValueError: a bug' in error
