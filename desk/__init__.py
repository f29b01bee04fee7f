"""The desk: a web application on the nights' results, where people see, hear and answer verdicts."""
