"""From bytes to words: decoding, sounds on the line, post-processing of the recogniser's words."""
