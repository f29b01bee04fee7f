"""What results add up to: weeks, teams, agents, indicators; every number leads to its calls."""
