"""What people read: database, SQL, excerpts, report, workbook."""
