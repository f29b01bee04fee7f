"""What is known of Chinese, as data with what reads it: sounds, numbers, names, questions, roles, prompts…"""
