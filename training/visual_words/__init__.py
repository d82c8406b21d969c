"""How the weights of the encoder `visual_words` are made: see the README beside this file."""
