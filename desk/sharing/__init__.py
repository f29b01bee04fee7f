"""The week's best and worst excerpts of every indicator: a lead picks, plays, takes along, shares with a team."""
