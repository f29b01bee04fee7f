"""Questions to the database in SQL, for accounts that see all calls: each runs locked in, in a process of its own."""
