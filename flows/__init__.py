"""Entry points: the Prefect flows and the ``callqa`` command line."""

from flows.outside import keep_inside

keep_inside()
