"""The MPI library: name, threads, and whether a run survives deaths."""

from aspis_mpi.doctor.finding import Finding, Level, counted

TOPIC = 'mpi'


def findings(library, thread_level, tolerance, job=None):
    """A line on the library, and one on what a dead worker does to a run.

    Parameters
    ----------
    library : str
    thread_level : str
        'single', 'funneled', 'serialized' or 'multiple'.
    tolerance : Tolerance
    job : Job, optional
        Whose `faults.tolerate` counts.
    """
    yield Finding(Level.OK, TOPIC, f'{library}, thread level {thread_level}.')
    wanted = 0 if job is None else job.faults.tolerate
    deaths = counted(wanted, 'death')
    if tolerance.on:
        yield Finding(Level.OK, TOPIC, 'Fault tolerance is on: a run can '
                      'survive as many dead workers as faults.tolerate says.')
    elif wanted and tolerance.built:
        yield Finding(Level.PROBLEM, TOPIC, f'The job wants to survive '
                      f'{deaths}, but fault tolerance is off: start it with '
                      'mpirun --with-ft ulfm.')
    elif wanted:
        yield Finding(Level.PROBLEM, TOPIC, f'The job wants to survive '
                      f'{deaths}, which this MPI cannot: use Open MPI 5 and '
                      'mpirun --with-ft ulfm, or rely on --resume.')
    else:
        way = ('mpirun --with-ft ulfm and faults.tolerate change that'
               if tolerance.built else 'only Open MPI 5 can change that')
        yield Finding(Level.OK, TOPIC, 'A dead rank ends the run, which '
                      f'--resume then takes up; {way}.')
