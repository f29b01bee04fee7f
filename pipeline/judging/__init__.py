"""The rule engine: rulebooks, conditions, verdicts."""
