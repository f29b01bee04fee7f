"""What is known of English, as data with what reads it: numbers, contractions, names, roles, prompts…"""
