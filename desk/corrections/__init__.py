"""What people correct in a call: the controls on its page, judging it again at once, and what was not carried over."""
