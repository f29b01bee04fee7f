"""Coaching sessions: made from what was flagged, held with good examples, acknowledged by the agent."""
