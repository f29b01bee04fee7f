"""What people say of calls and verdicts: kept apart from all that can be built again, and as durable as recordings."""
