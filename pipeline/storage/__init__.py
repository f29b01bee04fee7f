"""Where things are kept: the home's folders and records, artefacts, locks."""
