"""Entry points: the Prefect flows and the ``callqa`` command line."""
