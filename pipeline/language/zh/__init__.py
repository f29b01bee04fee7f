"""What is known of Chinese: its numbers and names, as data with what reads them."""
