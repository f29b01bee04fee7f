"""What happens to one call, stage by stage: plain functions over frozen dataclasses."""
