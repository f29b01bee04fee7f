"""What is known of English: its numbers, contractions and names, as data with what reads them."""
