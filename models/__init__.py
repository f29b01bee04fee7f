"""One adapter per engine, behind the protocols of :mod:`pipeline.datatypes`."""
