"""The virtual cluster of these tests comes up and goes without a trace."""

from tests.support.mpirun import REPO, rows_of

#: A job that does not end by itself.
FOREVER = {'run.steps': 1_000_000}


def test_nothing_is_left(make_cluster, folder, job):
    """Not even of a job that is running under mpirun on all nodes."""
    cluster = make_cluster()
    try:
        cluster.start()
        number = cluster.submit(
            folder, '--nodes=4', '--ntasks=4', REPO / 'jobs' / 'train.sbatch',
            job(FOREVER), '--out', 'a.h5')
        cluster.wait_for(
            number, lambda job: job.is_over or rows_of(folder / 'a.h5'))
        # What was known of the job may be from before the rows.
        assert cluster.job(number).state == 'RUNNING'
    finally:
        left = cluster.stop()
    assert not left
    assert not cluster.pids()
