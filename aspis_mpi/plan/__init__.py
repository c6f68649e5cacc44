"""The cost of a job: sizes, bytes and memory, before it is submitted."""

from aspis_mpi.plan.forecasting import forecast, plan_of
from aspis_mpi.plan.numbers import Plan
from aspis_mpi.plan.sentences import describe

__all__ = ['Plan', 'describe', 'forecast', 'plan_of']
