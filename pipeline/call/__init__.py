"""From words to a call: turns, roles, silences, hang-up, facts."""
