"""People's word on verdicts: answers, released results, appeals."""
