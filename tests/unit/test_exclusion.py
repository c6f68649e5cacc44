"""Nodes to leave out: whom the evidence of logs is against, and why."""

import gzip
import json
import logging
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import BAD_JOB
from aspis_mpi.runlog import periods
from aspis_mpi.runlog.exclusion import Question, answer
from aspis_mpi.runlog.judging import STEPS
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event, ExposureRecord, Rollback
from tests.support.made_up_logs import clean, create, mark

SUBSET = Subset(5, replication=3)
#: Rank 0 on the first of them.
HOSTS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']
#: The same ranks where the run was queued again.
OTHERS = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6']


def exposure(worker, step=0):
    return ExposureRecord(step, step, worker, ProofKind.AUDIT,
                          f'step {step}: worker {worker} was wrong')


def event(code, worker, time=0.0):
    return Event(time, logging.WARNING, worker + 1, 'said so', code)


@pytest.fixture
def log(tmp_path):
    """Writes a log of clean steps: `log(told, n=..., reported=...)`."""
    def write(told=(), name='run.h5', n=3, reported=None, stretch=None,
              **changed):
        circumstances = {'hosts': HOSTS, 'hosts_from': 'slurm'} | changed
        if stretch is not None:
            circumstances['stretch'] = stretch
        with create(tmp_path / name, SUBSET, **circumstances) as run_log:
            first = 0 if stretch is None else stretch.step
            for one in told:
                (run_log.event if isinstance(one, Event)
                 else run_log.exposure)(one)
            clean(run_log, SUBSET, range(first, first + n), reported)
        return tmp_path / name
    return write


def left_out(*paths, **question):
    return answer(list(map(str, paths)), Question(**question)).exclude


def kinds(path):
    """Kinds of evidence by host."""
    return {it.host: [one.kind.word for one in it.evidence]
            for it in answer([str(path)]).suspects}


# --- who ---------------------------------------------------------------

def test_nobody_is_left_out_where_nothing_was_wrong(log, capsys):
    assert main(['show', str(log()), '--exclude']) == 0
    assert capsys.readouterr() == ('\n', '')


def test_hosts_of_the_exposed_as_a_list_and_nothing_else(log, capsys):
    path = log([exposure(1), exposure(2, 1), exposure(2, 2), exposure(4)])
    assert main(['show', str(path), '--exclude']) == 0
    assert capsys.readouterr() == ('n[3-4,6]\n', '')
    assert kinds(path) == {'n3': ['exposed'], 'n4': ['exposed'],
                           'n6': ['exposed']}


def test_rank_that_is_gone_is_dead(log):
    path = log([event(EventCode.LOST, 3)])
    assert (left_out(path), kinds(path)) == ('n5', {'n5': ['dead']})


def test_silent_for_good_is_dead_and_silent_for_a_while_is_not(log):
    """Steps last 0.4 s and worker 0 is heard of in those after 2 s."""
    reported = np.ones((10, 5))
    reported[5:, 1] = np.nan
    path = log([event(EventCode.SILENT, worker, time) for worker, time in (
        (0, 2.0), (1, 2.0), (1, 2.4))], n=10, reported=reported)
    assert left_out(path) == 'n3'
    assert kinds(path) == {'n2': ['silent'], 'n3': ['dead']}


def test_silent_in_the_start_up_probe_alone_is_not_dead(log):
    """Its first step begins when the probe is over, not with the run."""
    probe = Event(61.0, logging.INFO, 0, 'probe', EventCode.PROBE)
    path = log([event(EventCode.SILENT, 2, 60.0), probe], n=3)
    assert kinds(path) == {'n4': ['silent']}


def test_silent_again_and_again_until_it_costs_too_much_is_slow(log):
    path = log([event(EventCode.SILENT, 2, 0.1),
                event(EventCode.RESTING, 2, 0.2)], n=9)
    assert kinds(path) == {'n4': ['silent', 'slow']}
    assert left_out(path) == 'n4'


def test_who_is_dead_is_not_slow_besides(log):
    reported = np.ones((2 * STEPS, 5))
    reported[2:, 2] = np.nan
    path = log([event(EventCode.SILENT, 2, 2.0),
                event(EventCode.RESTING, 2, 3.0)], n=2 * STEPS,
               reported=reported)
    assert kinds(path) == {'n4': ['dead']}


def test_silence_that_ends_the_run_has_no_row(log):
    path = log([event(EventCode.SILENT, 2, 60.0)], n=10)
    assert left_out(path) == 'n4'


@pytest.mark.parametrize('n, word, nodes', [
    (2, 'dead', 'n[2-3]'), (3, 'unclear', '')])
def test_more_than_half_that_are_silent_say_nothing_of_nodes(
        log, n, word, nodes):
    """Rank 0 may have lost its network."""
    path = log([event(EventCode.SILENT, worker, 60.0)
                for worker in range(n)])
    assert left_out(path) == nodes
    assert kinds(path) == {f'n{2 + worker}': [word] for worker in range(n)}


@pytest.mark.parametrize('times, steps, of, nodes', [
    (2.1, 15, STEPS, 'n4'), (1.9, STEPS, STEPS, ''), (9, 14, STEPS, ''),
    (9, STEPS - 1, STEPS - 1, ''), (9, 80, 100, 'n4')])
def test_slow_is_who_takes_twice_as_long_in_three_of_four_steps(
        log, times, steps, of, nodes):
    reported = np.ones((of, 5))
    reported[:steps, 2] = times
    path = log(n=of, reported=reported)
    assert left_out(path) == nodes
    assert kinds(path) == ({'n4': ['slow']} if nodes else {})


def test_many_steps_are_looked_at_a_window_at_a_time(log, monkeypatch):
    reported = np.ones((30, 5))
    reported[3:, 2] = 4
    reported[20:, 1] = np.nan
    path = log([event(EventCode.SILENT, 1, 8.0)], n=30, reported=reported)
    whole = answer([str(path)]).suspects
    assert {(it.host, it.evidence[0].step) for it in whole} == {
        ('n4', 3), ('n3', None)}
    assert '4 times as long' in whole[1].evidence[0].text
    monkeypatch.setattr(periods, 'WINDOW', 7 * 8 * 5)
    assert answer([str(path)]).suspects == whole


def test_milliseconds_make_nobody_slow(log):
    reported = np.full((STEPS, 5), 1e-3)
    reported[:, 2] = 9e-3
    assert not left_out(log(n=STEPS, reported=reported))


def test_delays_that_are_drawn_anew_in_each_step_make_nobody_slow(log):
    draw = np.random.default_rng(3)
    for trial in range(20):
        path = log(name=f'{trial}.h5', n=STEPS,
                   reported=draw.exponential(size=(STEPS, 5)))
        assert not left_out(path)


def test_who_has_cost_the_run_too_much_is_slow(log):
    path = log([event(EventCode.RESTING, 0)])
    assert (left_out(path), kinds(path)) == ('n2', {'n2': ['slow']})


def test_another_job_on_a_rank_says_nothing_of_its_node(log):
    assert not left_out(log([event(EventCode.BARRED, 0)], without=[0]))


# --- whose word --------------------------------------------------------

@pytest.mark.parametrize('source', ['ranks', 'simulated'])
def test_without_a_launcher_nobody_can_be_left_out(log, capsys, source):
    path = log([exposure(1)], hosts_from=source)
    assert main(['show', str(path), '--exclude']) == BAD_JOB
    out, err = capsys.readouterr()
    assert not out and 'no launcher has named a host' in err
    assert main(['show', str(path), '--why']) == 0
    out = ' '.join(capsys.readouterr().out.split())
    assert 'n3 counts for nothing, as ranks gave this name themselves' in out
    assert 'Nobody is to be left out.' in out


@pytest.mark.parametrize('source', ['slurm', 'pmix', 'open-mpi', 'hydra'])
def test_every_launcher_is_believed(log, source):
    assert left_out(log([exposure(1)], hosts_from=source)) == 'n3'


def test_a_liar_has_no_honest_node_left_out(log, capsys):
    """It calls itself as the node of a worker of another run."""
    good = log([exposure(0)], 'good.h5')
    bad = log([exposure(1)], 'bad.h5', hosts_from='ranks',
              hosts=[*HOSTS[:2], 'n6', *HOSTS[3:]])
    assert main(['show', str(good), str(bad), '--exclude']) == 0
    out, err = capsys.readouterr()
    assert out == 'n2\n'
    assert f'no launcher has named the hosts of {bad}' in err


def test_the_node_of_rank_0_is_not_left_out_in_silence(log, capsys):
    path = log([exposure(0)], hosts=['n1', 'n1', *HOSTS[2:]])
    assert main(['show', str(path), '--exclude']) == 0
    assert capsys.readouterr() == (
        'n1\n', f'aspis_mpi: n1 is left out although rank 0 of {path} ran '
        'there, too\n')


def test_nothing_reaches_the_terminal_that_it_would_obey(log, capsys):
    path = log([replace(exposure(1), text='\x1b[31mred')], hosts_from='ranks',
               hosts=['\x1b]0;evil\a'] * 6, devices=['\x1b[1m'] * 6)
    main(['show', str(path), '--why'])
    out = capsys.readouterr().out
    assert 'evil' in out and 'red' in out and out.replace(
        '\n', '').isprintable()


# --- which start -------------------------------------------------------

def test_queued_again_each_host_answers_for_its_time(log):
    """The log goes on with other hosts, and what it has stays theirs."""
    log([exposure(1, 2), event(EventCode.LOST, 0)], n=5)
    path = log([event(EventCode.RESUMED, -1), exposure(3, 6)], n=4,
               hosts=OTHERS, stretch=Stretch(5, True))
    assert left_out(path) == 'm5,n[2-3]'


def test_steps_that_are_done_again_leave_what_has_happened(log):
    """Proofs of steps that were left out are gone from the log, not moved."""
    log([exposure(1, 2), exposure(2, 4), event(EventCode.LOST, 0)], n=5)
    log([exposure(4, 3)], n=1, hosts=OTHERS, stretch=Stretch(3, True))
    path = log([exposure(3, 4)], n=2, hosts=['k'] * 6,
               stretch=Stretch(3, True))
    assert left_out(path) == 'k,n[2-3]'


def test_a_run_that_goes_back_keeps_its_hosts_and_what_was_found(tmp_path):
    """Undone steps are gone, what was proved in them is not."""
    path = tmp_path / 'run.h5'
    with create(path, SUBSET, hosts=HOSTS, hosts_from='slurm') as log:
        log.exposure(exposure(1, 8))
        clean(log, SUBSET, range(10))
        log.event(Event(4.0, logging.WARNING, 0, 'back',
                        EventCode.ROLLBACK))
        log.go_back(Rollback(100, 4.0, 10, 5))
        log.event(event(EventCode.SILENT, 4, 4.5))
        log.exposure(exposure(3, 6))
        clean(log, SUBSET, range(5, 10))
    with load_run(path) as run:
        assert [it.step for it in run.starts] == [0, 5]
        assert {it.hosts for it in run.starts} == {tuple(HOSTS)}
    assert kinds(path) == {'n3': ['exposed'], 'n5': ['exposed'],
                           'n6': ['silent']}


def test_slow_counts_the_steps_of_one_start(log):
    slow = np.ones((STEPS, 5))
    slow[:, 1] = 3
    log(n=STEPS, reported=slow)
    path = log(n=STEPS, reported=np.ones((STEPS, 5)), hosts=OTHERS,
               stretch=Stretch(STEPS, True))
    assert left_out(path) == 'n3'


def test_later_parts_have_hosts_of_their_own(log):
    first = log([exposure(1)])
    mark(log([exposure(1, 3)], 'run.2.h5', hosts=OTHERS), 3)
    assert left_out(first) == 'm3,n3'


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('resumed', [False, True])
def test_older_logs_count_unless_they_may_have_been_elsewhere(
        tmp_path, version, resumed):
    """They do not say where a run was before it was gone on with."""
    packed = Path(__file__).parent / f'version{version}' / 'run.h5.gz'
    path = tmp_path / 'run.h5'
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    with h5py.File(path, 'a') as file:
        n_workers = file['detection/exposed'].shape[1]
        file.attrs['hosts'] = np.array(
            [f'n{rank}' for rank in range(n_workers + 1)],
            dtype=h5py.string_dtype())
        file.attrs['hosts_from'] = 'slurm'
        if resumed:
            rows = file['events'][...]
            rows['level'][0], rows['rank'][0] = logging.WARNING, 0
            file['events'][...] = rows
    exposed = {1: 'n2', 2: 'n[2,6]'}[version]
    assert left_out(path) == ('' if resumed else exposed)


def test_a_log_of_before_does_not_give_its_past_to_the_hosts_of_now(log):
    path = log([exposure(1)], n=5)
    with h5py.File(path, 'a') as file:
        del file['starts'], file['starts_places']
    assert left_out(path) == 'n3'
    log([event(EventCode.RESUMED, -1), exposure(3, 6)], n=4, hosts=OTHERS,
        stretch=Stretch(5, True))
    assert left_out(path) == 'm5'
    with h5py.File(path, 'a') as file:
        del file['starts'], file['starts_places']
    assert not left_out(path)


# --- several runs ------------------------------------------------------

def test_over_several_runs_a_folder_and_what_is_there_twice(log, tmp_path):
    one, two = log([exposure(1)], 'a.h5'), log([exposure(3)], 'b.h5')
    (tmp_path / 'c.h5').write_text('no log')
    assert left_out(one, two) == left_out(tmp_path, one) == 'n[3,5]'


def test_offenders_in_several_runs_come_first(log):
    paths = [log([exposure(3), *more], f'{i}.h5') for i, more in enumerate((
        [exposure(1)], [], [event(EventCode.LOST, 0)]))]
    assert left_out(*paths) == 'n[2-3,5]'
    assert left_out(*paths, repeat=2) == left_out(*paths, repeat=3) == 'n5'
    assert not left_out(*paths, repeat=4)
    first = answer(list(map(str, paths))).suspects[0]
    assert (first.host, first.against, first.runs) == ('n5', 3, 3)


def test_twice_in_one_run_is_one_run(log):
    path = log([exposure(0), exposure(1)], hosts=['n1'] + ['n2'] * 5)
    assert left_out(path) == 'n2' and not left_out(path, repeat=2)


def test_silent_in_two_runs_is_a_reason(log):
    paths = [log([event(EventCode.SILENT, 0, 0.1)], f'{i}.h5', n=9)
             for i in range(2)]
    assert kinds(paths[0]) == {'n2': ['silent']}
    assert not left_out(paths[0])
    assert left_out(*paths) == 'n2'


def test_what_began_before_a_day_does_not_count(log, capsys):
    path = str(log([exposure(1)]))
    for day, nodes in (('2020-01-31', 'n3\n'), ('2999-01-01', '\n')):
        assert main(['show', path, '--exclude', '--since', day]) == 0
        assert capsys.readouterr().out == nodes


# --- the command -------------------------------------------------------

def test_reasons_are_whole_sentences(log, capsys):
    path = log([exposure(1, 2), event(EventCode.LOST, 3, 7.25)],
               devices=['', '', 'GPU-7', '', '', ''])
    assert main(['show', str(path), '--why']) == 0
    told = ' '.join(capsys.readouterr().out.split())
    assert 'n3 is to be left out, by 1 run:' in told
    assert (f'Worker 1 (rank 2) on device GPU-7 of {path} was proved wrong '
            '(step 2: worker 1 was wrong).') in told
    assert (f'Worker 3 (rank 4) of {path} is gone for good since 7.2 s of '
            'the run.') in told
    assert 'The job of' in told and told.endswith('To leave out: n[3,5]')


def test_with_both_the_list_is_alone_on_standard_output(log, capsys):
    assert main(['show', str(log([exposure(1)])), '--exclude', '--why']) == 0
    out, err = capsys.readouterr()
    assert out == 'n3\n' and 'n3 is to be left out' in err


def test_json_has_all_of_it(log, capsys):
    assert main(['show', str(log([exposure(1, 2)])), '--why', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['exclude'] == 'n3'
    suspect, = found['suspects']
    assert suspect['evidence'][0]['kind'] == 'exposed'
    assert suspect['evidence'][0]['step'] == 2


@pytest.mark.parametrize('options, said', [
    (['run.h5', 'run.h5'], 'several logs'), (['run.h5', '--repeat', '2'],
                                             '--exclude and --why'),
    (['gone.h5', '--exclude'], 'there is no file gone.h5'),
    (['text', '--exclude'], 'cannot be opened as HDF5'),
    (['.', '--exclude'], 'there is no run log in the folder')])
def test_refusals(tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    Path('text').write_text('nothing')
    assert main(['show', *options]) == BAD_JOB
    assert said in capsys.readouterr().err


@pytest.mark.parametrize('options', [['--repeat', '0'], ['--repeat', 'x'],
                                     ['--since', 'then']])
def test_options_are_checked(options, capsys):
    with pytest.raises(SystemExit) as refused:
        main(['show', 'run.h5', '--exclude', *options])
    assert refused.value.code == BAD_JOB
    assert options[1] in capsys.readouterr().err
